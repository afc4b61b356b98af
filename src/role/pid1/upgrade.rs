//! Another program in PID 1's place, with everything kept. Invariants: the loop goes on until the new
//! program has said, in a process of its own and on a copy of the state, that it would go on from it;
//! what is executed is the very file that was asked; whatever fails, nothing has changed.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::Pid;

use super::Init;
use super::crash::RESCUE;
use super::kept::Keeper;
use super::resume::{Resume, accepted};
use crate::failure::Failure;
use crate::supervise::server::ClientId;
use crate::supervise::supervisor::refuse;
use crate::supervise::waits::Waiting;
use crate::sys::call::{fstat, kill, open, setsid};
use crate::sys::child::Exit;
use crate::sys::process::{self, Fork, exec_fd, exit_now, fork};
use crate::sys::seqpacket::{self, Handed};
use crate::sys::signal;
use crate::time::Instant;

/// How long the new program may take to read the state.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is told of what it says, in bytes.
const WORDS: usize = 300;

/// A check under way.
#[derive(Debug)]
pub(super) struct Upgrade {
    child: i32,
    path: OsString,
    client: Option<ClientId>,
    /// Where the child sends the descriptor of the program.
    program: OwnedFd,
    /// Where the program's words go.
    words: OwnedFd,
    until: Instant,
    late: bool,
}

impl Upgrade {
    /// When it has taken too long.
    pub fn deadline(&self) -> Instant {
        self.until
    }
}

impl Init {
    /// Begins to look at the program at `path` (empty: PID 1's own). `client`: who is told.
    pub(super) fn begin_upgrade(&mut self, path: OsString, client: Option<ClientId>, now: Instant) {
        let path = match path.is_empty() {
            true => OsStr::from_bytes(self.head.path.as_bytes()).to_owned(),
            false => path,
        };
        match self.check_program(path, client, now) {
            Ok(upgrade) => {
                self.upgrade = Some(upgrade);
                if let Some(client) = client {
                    self.server.wait(client, Waiting::held());
                }
            }
            Err(failure) => self.refuse_upgrade(client, &failure, now),
        }
    }

    fn check_program(
        &mut self,
        path: OsString,
        client: Option<ClientId>,
        now: Instant,
    ) -> Result<Upgrade, Failure> {
        self.may_upgrade()?;
        if self.upgrade.is_some() {
            return Err(Failure::new("an upgrade is under way already"));
        }
        let failed = |errno| Failure::errno("check the new program", errno);
        let (program, programs) = seqpacket::pair().map_err(failed)?;
        let (words, theirs) = seqpacket::pair().map_err(failed)?;
        match fork().map_err(failed)? {
            Fork::Parent(pid) => Ok(Upgrade {
                child: pid.as_raw(),
                path,
                client,
                program,
                words,
                until: now + PATIENCE,
                late: false,
            }),
            Fork::Child => {
                let why = self.become_checked(&path, &programs, &theirs);
                let _ = seqpacket::send_message(theirs.as_fd(), why.to_string().as_bytes());
                exit_now(1)
            }
        }
    }

    fn may_upgrade(&self) -> Result<(), Failure> {
        let ending = self.shutdown.power().is_some();
        if ending || self.container.as_ref().is_some_and(|c| c.is_leaving()) {
            return Err(Failure::new("the machine is being shut down"));
        }
        if self.rescue {
            return Err(Failure::new(RESCUE));
        }
        if self.hand_over.is_some() {
            return Err(Failure::new(
                "PID 1 is about to hand over to another program",
            ));
        }
        match self.keeper.journal {
            Some(_) => Ok(()),
            None => Err(Failure::new("there is no memory for PID 1's state")),
        }
    }

    /// In the child: opens the program, writes the state for it, becomes it. Returns only on failure.
    fn become_checked(&mut self, path: &OsStr, programs: &OwnedFd, words: &OwnedFd) -> Failure {
        signal::reset_for_child();
        let _ = setsid();
        // Its own copy: what the new program does to it is nobody's business.
        self.keeper = Keeper::default();
        // Opening the program may wait for a file system that is gone.
        let own = self.supervisor.launcher.own.iter();
        let kept = own.chain([programs, words]).map(AsRawFd::as_raw_fd);
        process::close_but(kept.collect());
        let shown = path.to_string_lossy();
        let program = match open_program(path) {
            Ok(program) => program,
            Err(errno) => return Failure::errno(format!("open {shown}"), errno),
        };
        let _ = seqpacket::send_descriptor(programs.as_fd(), 0, program.as_fd());
        if let Err(errno) = self.record_all() {
            return Failure::errno("write the state", errno);
        }
        let journal = self.keeper.journal.as_ref();
        let Some(state) = journal.map(|journal| journal.file().fd().as_raw_fd()) else {
            return Failure::new("write the state");
        };
        for number in [1, 2] {
            let _ = process::dup_onto(words.as_raw_fd(), number);
        }
        process::cloexec_from(3);
        let _ = process::set_cloexec(state, false);
        let argument = CString::new(format!("--check-state={state}")).unwrap_or_default();
        let argv = [self.head.name.clone(), argument];
        let errno = match exec_fd(program.as_fd(), &argv, &environment()) {
            // The file is there: it is a script, whose interpreter could not open this descriptor.
            Errno::ENOENT => Errno::ENOEXEC,
            errno => errno,
        };
        Failure::errno(format!("execute {shown}"), errno)
    }

    /// Ends a check that takes too long.
    pub(super) fn mind_upgrade(&mut self, now: Instant) {
        if let Some(upgrade) = &mut self.upgrade
            && upgrade.until <= now
        {
            upgrade.late = true;
            upgrade.until = now + PATIENCE;
            let _ = kill(Pid::from_raw(upgrade.child), Signal::SIGKILL);
        }
    }

    /// Whether this is the check; if so, its end.
    pub(super) fn end_check(&mut self, pid: i32, exit: Exit) -> bool {
        if self
            .upgrade
            .as_ref()
            .is_none_or(|upgrade| upgrade.child != pid)
        {
            return false;
        }
        self.checked = Some(exit);
        true
    }

    /// Goes on with an upgrade whose check is over: does not return where it is taken.
    pub(super) fn upgrade(&mut self, now: Instant) {
        let Some(exit) = self.checked.take() else {
            return;
        };
        let Some(upgrade) = self.upgrade.take() else {
            return;
        };
        let client = upgrade.client;
        let program = self.may_upgrade().and_then(|()| verdict(&upgrade, exit));
        let failure = match program {
            Ok(program) => self.execute_upgrade(&upgrade, &program),
            Err(failure) => failure,
        };
        self.refuse_upgrade(client, &failure, now);
    }

    fn refuse_upgrade(&mut self, client: Option<ClientId>, failure: &Failure, now: Instant) {
        match client {
            Some(client) => self.server.reply(client, &refuse(failure), now),
            None => self
                .supervisor
                .voice
                .say(format_args!("upgrade: {failure}")),
        }
    }

    /// Executes the program in PID 1's place. Returns only on failure, and then all is as before.
    fn execute_upgrade(&mut self, upgrade: &Upgrade, program: &OwnedFd) -> Failure {
        let path = CString::new(upgrade.path.clone().into_vec()).unwrap_or_default();
        let before = std::mem::replace(&mut self.head.path, path);
        self.asking = upgrade.client;
        let errno = match self.record_all() {
            Ok(fds) => self.execute_keeping(&fds, program),
            Err(errno) => errno,
        };
        self.head.path = before;
        self.asking = None;
        let _ = self.record_all();
        let path = upgrade.path.to_string_lossy();
        Failure::errno(format!("execute {path}"), errno)
    }

    fn execute_keeping(&self, fds: &[RawFd], program: &OwnedFd) -> Errno {
        let Some(journal) = &self.keeper.journal else {
            return Errno::ENOMEM;
        };
        let (state, program_number) = (journal.file().fd().as_raw_fd(), program.as_raw_fd());
        let argv = [
            self.head.name.clone(),
            Resume::argument(state, program_number),
        ];
        let env = environment();
        let mark = |closed| {
            for &fd in fds.iter().chain([&program_number]) {
                let _ = process::set_cloexec(fd, closed);
            }
        };
        mark(false);
        let errno = exec_fd(program.as_fd(), &argv, &env);
        mark(true);
        errno
    }
}

/// The program, if it has said that it would go on.
fn verdict(upgrade: &Upgrade, exit: Exit) -> Result<OwnedFd, Failure> {
    let path = upgrade.path.to_string_lossy();
    let mut last = Vec::new();
    while let Ok(Some(words)) = seqpacket::receive_message(upgrade.words.as_fd(), 64 * 1024) {
        last = words;
    }
    let words = String::from_utf8_lossy(&last[..last.len().min(WORDS)]);
    let words = words.trim();
    if upgrade.late {
        let text = format!("{path}: it did not read the state within 5 s");
        return Err(Failure::new(text));
    }
    let program = match seqpacket::receive_descriptor(upgrade.program.as_fd()) {
        Ok(Handed::Descriptor(_, program)) => program,
        // It says itself why.
        _ => return Err(Failure::new(words)),
    };
    match exit {
        Exit::Code(0) if words == accepted() => Ok(program),
        Exit::Code(0) => Err(Failure::new(format!("{path}: that is not an initsh"))),
        _ if words.starts_with("execute ") => Err(Failure::new(words)),
        _ if words.is_empty() => Err(Failure::new(format!("{path}: it ended with {exit}"))),
        _ => Err(Failure::new(format!(
            "{path}: it ended with {exit}: {words}"
        ))),
    }
}

/// Errors: those of open(2); EACCES where it is no file, as exec would say.
fn open_program(path: &OsStr) -> Result<OwnedFd, Errno> {
    let program = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    let kind = SFlag::from_bits_truncate(fstat(&program)?.st_mode) & SFlag::S_IFMT;
    match kind {
        SFlag::S_IFREG => Ok(program),
        SFlag::S_IFDIR => Err(Errno::EISDIR),
        _ => Err(Errno::EACCES),
    }
}

fn environment() -> Vec<CString> {
    let all = std::env::vars_os();
    all.map(|(name, value)| {
        let text = [name.as_bytes(), value.as_bytes()].join(&b'=');
        CString::new(text).unwrap_or_default()
    })
    .collect()
}
