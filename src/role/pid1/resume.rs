//! PID 1's program begins where an earlier one left off: `--resume=STATE:PROGRAM` after an upgrade,
//! `--recover=STATE:PROGRAM` after a crash (both numbers of descriptors), and the rehearsal of it,
//! `--check-state=STATE`, in a process of its own. Invariants: every descriptor that is not in the state
//! is closed; a PID 1 never ends here, whatever the state is like.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::SigmaskHow;

use super::Init;
use super::crash::{Recovery, recovery, rest};
use super::kept::{Head, Keeper, Rule};
use crate::supervise::journal::{Journal, Section, State, Unusable, VERSION};
use crate::supervise::protocol::Reply;
use crate::supervise::spawn::Boot;
use crate::sys::call::{self, set_name, sigprocmask};
use crate::sys::power::Authority;
use crate::sys::{crash, entry, inherited, limits};
use crate::time::Instant;

/// How this program is to go on from a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    journal: RawFd,
    program: RawFd,
    crashed: bool,
}

impl Resume {
    /// From the first argument; `None` where it says something else.
    pub fn read(argument: &OsString) -> Option<Self> {
        let text = argument.to_str()?;
        let (crashed, numbers) = match text.strip_prefix("--resume=") {
            Some(numbers) => (false, numbers),
            None => (true, text.strip_prefix("--recover=")?),
        };
        let (journal, program) = numbers.split_once(':')?;
        Some(Self {
            journal: journal.parse().ok()?,
            program: program.parse().ok()?,
            crashed,
        })
    }

    /// The argument for it after an upgrade.
    pub fn argument(journal: RawFd, program: RawFd) -> CString {
        CString::new(format!("--resume={journal}:{program}")).unwrap_or_default()
    }
}

/// Goes on. Returns only where this is no PID 1 and the state is none: the exit status.
pub fn run(name: &OsString, given: Resume) -> u8 {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&crash::blocked()), None);
    let name = CString::new(name.as_bytes()).unwrap_or_default();
    let program = inherited::take(given.program).ok();
    let journal = inherited::take(given.journal).map_err(Unusable::Unreadable);
    let opened = journal.and_then(Journal::open);
    if let Ok((journal, _)) = &opened {
        let program = program.as_ref().map(AsFd::as_fd);
        crash::recover_with(journal.file().fd(), program);
        crash::load_note(journal.file().fd());
        let _ = crash::install(&name);
    }
    entry::secure_standard_fds();
    match opened {
        Ok((journal, bytes)) => go_on(journal, &bytes, program, name, given.crashed),
        Err(why) => without_state(why, name),
    }
}

/// What is left where there is no state to go on from: a PID 1 that was never told anything.
fn without_state(why: Unusable, name: CString) -> u8 {
    let Some(authority) = Authority::take() else {
        let line = format!("initsh: --resume: {}\n", reason(why));
        let _ = call::write(std::io::stderr(), line.as_bytes());
        return 2;
    };
    let _ = crash::install(&name);
    inherited::close_rest();
    let mut init = Init::new(Some(authority), Boot::default(), name);
    let text = reason(why);
    init.supervisor
        .voice
        .say(format_args!("the state is lost: {text}"));
    let note = crash::Note::default();
    init.after_crash(&note, Recovery::Rescue { again: true }, Instant::now());
    init.record();
    init.supervisor.release_all();
    init.go_on()
}

fn go_on(
    journal: Journal,
    bytes: &[u8],
    program: Option<OwnedFd>,
    name: CString,
    crashed: bool,
) -> ! {
    let now = Instant::now();
    let mut note = crash::load_note(journal.file().fd());
    let recovery = match crashed {
        true => recovery(&note, now),
        false => Recovery::Whole,
    };
    rest(recovery);
    note.fresh = 0;
    note.rescue = u32::from(recovery != Recovery::Whole);
    let _ = crash::store_note(journal.file().fd(), note);
    let (state, _) = State::replay(bytes);
    let mut init = begin(&state, name);
    match recovery {
        // A version that understands it was checked; and PID 1 lives on even without a part of it.
        Recovery::Whole => drop(init.restore(&state, false)),
        Recovery::Rescue { again: false } => init.restore_least(&state, &note.clients),
        Recovery::Rescue { again: true } => {}
    }
    inherited::close_rest();
    if program.is_some() {
        init.supervisor.launcher.own = program;
    }
    let own = init.supervisor.launcher.own();
    crash::recover_with(journal.file().fd(), own);
    init.keeper = Keeper::of(journal);
    init.more_to_reap = true;
    match crashed {
        true => init.after_crash(&note, recovery, now),
        false => init.after_upgrade(now),
    }
    init.record();
    init.supervisor.release_all();
    init.go_on()
}

/// A PID 1 as it was started first, with nothing of its own yet.
fn begin(state: &State<'_>, name: CString) -> Init {
    let head = state.get::<Head>(Section::Head.key(0)).ok().flatten();
    let authority = match head.as_ref().map(|head| head.rule) {
        Some(Rule::Nothing) => None,
        Some(rule) => Authority::again(rule == Rule::Machine),
        None => Authority::take(),
    };
    let name = head.as_ref().map_or(name, |head| head.name.clone());
    let boot = head
        .as_ref()
        .map(|head| head.boot.clone())
        .unwrap_or_default();
    let _ = set_name(&title(&name));
    let mut init = Init::new(authority, boot, name);
    if let Some(head) = head {
        head.open_files.into_iter().for_each(limits::remember);
        init.head = head;
    }
    init
}

/// The process's name as `ps` shows it: executing a descriptor makes it that descriptor's number.
fn title(name: &CString) -> CString {
    let bytes = name.as_bytes();
    let last = bytes.rsplit(|&byte| byte == b'/').next();
    CString::new(last.unwrap_or_default()).unwrap_or_default()
}

impl Init {
    /// The new program tells whoever asked for it.
    fn after_upgrade(&mut self, now: Instant) {
        let path = self.head.path.to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION");
        let text = format_args!("PID 1 is {path} {version} from now on");
        self.supervisor.voice.say(text);
        if let Some(client) = self.asking.take() {
            self.server.reply(client, &Reply::Done, now);
        }
    }
}

/// What [`check`] writes where it would go on.
pub fn accepted() -> String {
    format!("initsh: state {VERSION} accepted")
}

/// Rehearses going on from the state in this descriptor. Says on standard output whether it would work;
/// exit status 0 where it would.
#[inline(never)] // see `role::start`
pub fn check(argument: &str) -> u8 {
    let result = rehearse(argument);
    let text = match &result {
        Ok(()) => accepted(),
        Err(why) => format!("initsh {}: {why}", env!("CARGO_PKG_VERSION")),
    };
    let _ = call::write(std::io::stdout(), text.as_bytes());
    u8::from(result.is_err())
}

fn rehearse(argument: &str) -> Result<(), String> {
    let number = argument
        .parse()
        .map_err(|_| "--check-state: expected a descriptor")?;
    let fd = inherited::take(number).map_err(Unusable::Unreadable);
    let (_, bytes) = fd.and_then(Journal::open).map_err(reason)?;
    inherited::rehearse();
    let (state, _) = State::replay(&bytes);
    let unknown = |why| format!("the state has values that it does not understand ({why:?})");
    let head = state.get::<Head>(Section::Head.key(0)).map_err(unknown)?;
    let head = head.ok_or("the state is empty")?;
    let mut init = Init::new(None, head.boot, head.name);
    init.restore(&state, true).map_err(unknown)
}

fn reason(why: Unusable) -> String {
    match why {
        Unusable::Unreadable(errno) => format!("read the state: {errno:?} ({})", errno.desc()),
        Unusable::Foreign => "that is not a state of PID 1's".to_owned(),
        Unusable::Version(version) => {
            format!("the state has version {version}, this program takes {VERSION}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let read = |text: &str| Resume::read(&OsString::from(text));
        let argument = Resume::argument(5, 6).into_string().unwrap();
        let resume = Resume {
            journal: 5,
            program: 6,
            crashed: false,
        };
        assert_eq!(read(&argument), Some(resume));
        let recover = Resume {
            crashed: true,
            ..resume
        };
        assert_eq!(read("--recover=0000000005:0000000006"), Some(recover));
        for other in [
            "--resume",
            "--resume=5",
            "--resume=:",
            "-c",
            "--recover=a:b",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn titles() {
        assert_eq!(title(&c"/sbin/initsh".to_owned()), c"initsh".to_owned());
        assert_eq!(title(&c"init".to_owned()), c"init".to_owned());
    }
}
