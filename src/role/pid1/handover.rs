//! How PID 1 hands over to another program: the check in a child, what is to end, the change of the root,
//! exec(2). Invariant: whenever any of it fails, this program goes on as PID 1, says why, and has a shell
//! on the console.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::Init;
use crate::failure::{Doing, Failure};
use crate::supervise::handover::roots::{self, Switch};
use crate::supervise::handover::{CHECK, Facts, Progress, Step, check};
use crate::supervise::protocol::{HandOver, Reply};
use crate::supervise::server::ClientId;
use crate::supervise::shutdown::SERVICE_GRACE;
use crate::supervise::supervisor::refuse;
use crate::supervise::wire::{wire_enum, wire_struct};
use crate::supervise::{spawn, voice};
use crate::sys::call::{chdir, execve, fchdir, kill, open, pipe2, read, sigprocmask, write};
use crate::sys::power::Authority;
use crate::sys::process::{self, Fork, exit_now, fork};
use crate::sys::{limits, priority, signal};
use crate::time::Instant;

/// The longest refusal in bytes that comes out of the check; a pipe takes it at once.
const WORDS: usize = 1024;

/// A hand-over under way.
#[derive(Debug)]
pub(super) struct HandingOver {
    client: ClientId,
    order: HandOver,
    /// The child that checks.
    check: i32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The pipe that tells what the check has found, and how long that may take.
    Checking(OwnedFd, Instant),
    Going(Progress),
}

wire_struct!(HandingOver {
    client,
    order,
    check,
    stage
});
wire_enum!(Stage { 0 => Checking(pipe, until), 1 => Going(progress) });

impl HandingOver {
    /// The pipe that tells what the check has found.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Checking(pipe, ..) => Some(pipe.as_fd()),
            Stage::Going(_) => None,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match &self.stage {
            Stage::Checking(.., until) => *until,
            Stage::Going(progress) => progress.deadline(),
        }
    }
}

impl Init {
    /// Has a child look at what a client asks for.
    pub(super) fn begin_hand_over(&mut self, client: ClientId, order: HandOver, now: Instant) {
        let refusal = if self.container.is_some() {
            Some("container mode hands over to nobody; its command can 'exec' what it likes")
        } else if self.shutdown.power().is_some() {
            Some("the machine is being shut down")
        } else if self.hand_over.is_some() {
            Some("another program is about to take over already")
        } else {
            None
        };
        let begun = match refusal {
            Some(why) => Err(Failure::new(why)),
            None => self.fork_check(&order, now),
        };
        match begun {
            Ok((check, stage)) => {
                self.hand_over = Some(HandingOver {
                    client,
                    order,
                    check,
                    stage,
                });
            }
            Err(failure) => self.server.reply(client, &refuse(&failure), now),
        }
    }

    fn fork_check(&mut self, order: &HandOver, now: Instant) -> Result<(i32, Stage), Failure> {
        let failed = |errno| Failure::errno("check what is to become PID 1", errno);
        let (pipe, out) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(failed)?;
        match fork().map_err(failed)? {
            Fork::Parent(child) => {
                self.supervisor.helpers.push(child.as_raw());
                Ok((child.as_raw(), Stage::Checking(pipe, now + CHECK)))
            }
            Fork::Child => {
                // Its file system may not answer.
                process::close_but(vec![out.as_raw_fd()]);
                let machine = self.authority.is_some_and(Authority::over_machine);
                let reply = match check::examine(order, machine) {
                    Ok(()) => Reply::Done,
                    Err(failure) => refuse(&failure),
                };
                let _ = write(&out, &reply.encode());
                exit_now(0)
            }
        }
    }

    /// The check has something to say.
    pub(super) fn hear_check(&mut self, now: Instant) {
        let Some(HandingOver { client, stage, .. }) = &self.hand_over else {
            return;
        };
        let (client, Stage::Checking(pipe, ..)) = (*client, stage) else {
            return;
        };
        let mut message = [0; WORDS];
        let said = match read(pipe, &mut message) {
            Ok(length) => Reply::decode(&message[..length]).ok(),
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            Err(_) => None,
        };
        let reply = said.unwrap_or_else(|| {
            let text = "the check of what is to become PID 1 ended without a word";
            refuse(&Failure::new(text))
        });
        self.server.reply(client, &reply, now);
        match reply {
            Reply::Done => self.end_what_ends(now),
            _ => self.hand_over = None,
        }
    }

    fn end_what_ends(&mut self, now: Instant) {
        let Some(handing) = &mut self.hand_over else {
            return;
        };
        let (progress, step) = Progress::begin(handing.order.keep_services, now);
        handing.stage = Stage::Going(progress);
        let order = &handing.order;
        let program = order.program.to_string_lossy();
        match &order.root {
            None => self
                .supervisor
                .voice
                .say(format_args!("handing over to {program}")),
            Some(root) => {
                let root = root.to_string_lossy();
                let text = format_args!("switching the root to {root}, handing over to {program}");
                self.supervisor.voice.say(text);
            }
        }
        self.take_step(step, now);
    }

    /// Goes on with a hand-over, if there is one. The end of the machine takes precedence.
    pub(super) fn go_over(&mut self, now: Instant) {
        if self.shutdown.power().is_some() {
            self.hand_over = None;
        }
        let check = self.hand_over.as_ref().map_or(0, |handing| handing.check);
        let facts = Facts {
            services: !self.supervisor.table.is_quiet(),
            // The new PID 1 is to find none of our processes, not even as a zombie.
            boot: self.supervisor.boot_is_there() || self.supervisor.helpers.contains(&check),
            others: !self.childless,
        };
        while let Some(handing) = &mut self.hand_over {
            let step = match &mut handing.stage {
                Stage::Going(progress) => progress.step(facts, now),
                Stage::Checking(.., until) if *until > now => None,
                Stage::Checking(..) => {
                    let client = handing.client;
                    self.give_up_check(client, check, now);
                    None
                }
            };
            match step {
                Some(step) => self.take_step(step, now),
                None => return,
            }
        }
    }

    fn give_up_check(&mut self, client: ClientId, child: i32, now: Instant) {
        self.hand_over = None;
        // One that has been reaped has no number any more.
        if self.supervisor.helpers.contains(&child) {
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        let text = "the check of what is to become PID 1 does not end: is its file system there?";
        self.server.reply(client, &refuse(&Failure::new(text)), now);
    }

    fn take_step(&mut self, step: Step, now: Instant) {
        let everyone = Pid::from_raw(-1);
        match step {
            Step::StopServices => self.supervisor.stop_services(SERVICE_GRACE, now),
            Step::StopBoot => self.supervisor.stop_boot(SERVICE_GRACE, now),
            Step::TerminateAll => {
                let _ = kill(everyone, Signal::SIGTERM);
                let _ = kill(everyone, Signal::SIGCONT);
                self.supervisor.stop_boot(SERVICE_GRACE, now);
            }
            Step::KillAll => {
                let _ = kill(everyone, Signal::SIGKILL);
            }
            Step::Execute => {
                if let Some(handing) = self.hand_over.take() {
                    let failure = self.execute(&handing.order, now);
                    self.server.reply(handing.client, &refuse(&failure), now);
                    let text = format_args!("{failure}; this initsh goes on as PID 1");
                    self.supervisor.voice.say(text);
                    self.supervisor.go_on(now);
                    self.look_after_socket(now);
                }
            }
        }
    }

    /// Returns only on failure, with everything as it was.
    fn execute(&mut self, order: &HandOver, now: Instant) -> Failure {
        let what = || format!("execute {}", order.program.to_string_lossy());
        let Ok(program) = CString::new(order.program.as_bytes()) else {
            return Failure::errno(what(), Errno::EINVAL);
        };
        let words = |word: &OsStr| CString::new(word.as_bytes()).unwrap_or_default();
        let argv: Vec<_> = order.argv.iter().map(|word| words(word)).collect();
        let env: Vec<_> = order
            .env
            .iter()
            .map(|(n, v)| spawn::variable((n, v)))
            .collect();
        let (switch, eraser) = match switch(order) {
            Ok(made) => made,
            Err(failure) => return failure,
        };
        self.hand_over_watchdog(now);
        self.server.listener.remove();
        if self.authority.is_some_and(Authority::over_machine) {
            stand_on_console();
        }
        let home = open(c".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        let _ = chdir(c"/");
        process::cloexec_from(3);
        limits::restore_open_files();
        priority::lower();
        // exec(2) itself puts an end to handlers.
        signal::heed_all();
        let mut mask = SigSet::all();
        let _ = sigprocmask(
            SigmaskHow::SIG_SETMASK,
            Some(&SigSet::empty()),
            Some(&mut mask),
        );
        let errno = match execve(&program, &argv, &env) {
            Err(errno) => errno,
            Ok(never) => match never {},
        };
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
        limits::raise_open_files();
        priority::raise();
        let _ = home.and_then(fchdir);
        if let Some(eraser) = eraser {
            eraser.dismiss();
        }
        if let Some(switch) = switch {
            switch.undo();
        }
        Failure::errno(what(), errno)
    }

    fn hand_over_watchdog(&mut self, now: Instant) {
        let Ok(info) = self.supervisor.watchdog.hand_over(now) else {
            return;
        };
        let (path, left) = (info.device.to_string_lossy(), info.timeout.as_secs());
        let text = format_args!("{path} stays armed: the new PID 1 has {left} s to pet it");
        self.supervisor.voice.say(text);
    }
}

/// Changes the root, where another one is asked for; the child that empties the old one once the new
/// program runs.
fn switch(order: &HandOver) -> Result<(Option<Switch>, Option<Eraser>), Failure> {
    let Some(root) = &order.root else {
        return Ok((None, None));
    };
    let eraser = match order.keep_root || order.keep_services {
        true => None,
        false => Some(Eraser::fork().doing(|| "empty the old root")?),
    };
    match (Switch::make(root, order.keep_services), eraser) {
        (Ok(switch), eraser) => Ok((Some(switch), eraser)),
        (Err(failure), Some(eraser)) => {
            eraser.dismiss();
            Err(failure)
        }
        (Err(failure), None) => Err(failure),
    }
}

/// Standard input, output and error of the new PID 1, as the kernel gives them to the first one.
fn stand_on_console() {
    if let Ok(console) = voice::console(OFlag::O_RDWR) {
        let _ = spawn::blocking(&console);
        for number in 0..3 {
            let _ = process::dup_onto(console.as_raw_fd(), number);
        }
    }
}

/// The child that empties the old root once the new program runs: its end of the pipe closes then.
struct Eraser(OwnedFd);

impl Eraser {
    fn fork() -> Result<Self, Errno> {
        let (wait, go) = pipe2(OFlag::O_CLOEXEC)?;
        match fork()? {
            Fork::Parent(_) => Ok(Self(go)),
            Fork::Child => {
                drop(go);
                signal::reset_for_child();
                // Nothing else of PID 1's: its watchdog is the new one's.
                process::close_but(vec![wait.as_raw_fd()]);
                let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                // A word means that nothing is to be done.
                if let Ok(root) = open(c"/", flags, Mode::empty())
                    && read(&wait, &mut [0]) == Ok(0)
                {
                    roots::empty(root.as_fd());
                }
                exit_now(0)
            }
        }
    }

    /// There is no new program: nothing is deleted.
    fn dismiss(self) {
        let _ = write(&self.0, b"x");
    }
}
