//! The console: which device it is, how it becomes this session's controlling terminal, and the state
//! that it is in whenever a person may type. Invariant: after [`Terminal::restore`] it echoes, edits
//! lines, blocks, and belongs to this process group, whatever a command has done to it.
//!
//! `/dev/console` itself is never opened: it cannot be a controlling terminal, and without one Ctrl-C
//! does nothing.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices as Char,
    Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, setsid, tcsetpgrp};

use crate::failure::{Doing, Failure};
use crate::sys::{process, tty};

/// What kind of line the console is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A serial line or a virtio console: a terminal is at the other end.
    Serial,
    /// A virtual terminal: the kernel itself draws it.
    Virtual,
    /// There is none; `/dev/null` stands in.
    Absent,
}

impl Kind {
    /// The kind of a console of that name (`ttyS0`, `hvc0`, `tty1`).
    pub fn of(name: &str) -> Self {
        match name.strip_prefix("tty") {
            Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => Self::Virtual,
            _ => Self::Serial,
        }
    }

    /// What `TERM` is there unless the user says otherwise.
    pub fn term(self) -> &'static str {
        match self {
            Self::Serial => "vt102",
            Self::Virtual => "linux",
            Self::Absent => "dumb",
        }
    }
}

/// A device that may be the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name below `/dev`.
    pub name: String,
    /// Major and minor number, where the kernel tells them.
    pub number: Option<(u64, u64)>,
}

/// What is known about where the console may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The device that the user named (`initsh.console=`).
    pub wanted: Option<&'a str>,
    /// The device of the last `console=` on the kernel command line, which owns `/dev/console`.
    /// Empty or `null`: the user wants none.
    pub last: Option<&'a str>,
    /// `/proc/consoles`: the one with the flag C is preferred.
    pub consoles: &'a str,
    /// `/sys/class/tty/console/active`: the last one is.
    pub active: &'a str,
}

/// The devices to try, best first; what virtual machines usually have at the end.
pub fn candidates(known: Known<'_>) -> Vec<Candidate> {
    let named = |name: &str| Candidate {
        name: name.strip_prefix("/dev/").unwrap_or(name).to_owned(),
        number: None,
    };
    let unwanted = known.last.is_some_and(|last| matches!(last, "" | "null"));
    let usual = ["ttyS0", "hvc0", "ttyAMA0", "tty1"].iter().copied();
    let all = known
        .wanted
        .into_iter()
        .chain(known.last.filter(|_| !unwanted))
        .map(named)
        .chain(known.consoles.lines().filter_map(preferred))
        .chain(known.active.split_whitespace().next_back().map(named))
        .chain(usual.filter(|_| !unwanted).map(named));
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in all {
        // tty0 is whichever virtual terminal is shown; a session needs one that stays.
        let candidate = match candidate.name.as_str() {
            "tty0" => named("tty1"),
            _ => candidate,
        };
        match found.iter_mut().find(|c| c.name == candidate.name) {
            Some(same) => same.number = same.number.or(candidate.number),
            None => found.push(candidate),
        }
    }
    found
}

/// A line of `/proc/consoles` if it has the flag C:
/// `ttyS0                -W- (EC p a)    4:64`.
fn preferred(line: &str) -> Option<Candidate> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let (flags, rest) = rest.split_once('(')?.1.split_once(')')?;
    if !flags.contains('C') {
        return None;
    }
    let number = rest.trim().split_once(':');
    Some(Candidate {
        name: name.to_owned(),
        number: number.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?))),
    })
}

/// Opens the console and makes it the controlling terminal and descriptors 0 to 2 of this process.
/// Where there is none, `/dev/null` takes its place.
///
/// Errors: not even `/dev/null` could be opened; descriptors 0 to 2 are as before.
pub fn attach(wanted: Option<&str>, last: Option<&str>) -> Result<(String, Kind), Failure> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let known = Known {
        wanted,
        last,
        consoles: &read("/proc/consoles"),
        active: &read("/sys/class/tty/console/active"),
    };
    // EPERM: this process leads a session already.
    let _ = setsid();
    for candidate in candidates(known) {
        if let Ok(line) = open_line(&candidate) {
            // Without control Ctrl-C does nothing, but there is still a line to type on.
            let _ = tty::take_control(&line);
            onto_standard(&line)?;
            let kind = Kind::of(&candidate.name);
            return Ok((candidate.name, kind));
        }
    }
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .doing(|| "open /dev/null")?;
    onto_standard(&null)?;
    Ok(("none".to_owned(), Kind::Absent))
}

fn onto_standard(line: &OwnedFd) -> Result<(), Failure> {
    for number in 0..=2 {
        process::dup_onto(line.as_raw_fd(), number).doing(|| "attach the console")?;
    }
    Ok(())
}

/// Opens a terminal by its path, sane and for the use that programs expect, without making it anybody's.
///
/// Errors: those of open(2); ENOTTY; EIO (a serial port without hardware behind it).
pub fn open_device(path: &OsStr) -> Result<OwnedFd, Errno> {
    let path = path.to_str().ok_or(Errno::ENOENT)?;
    open_line(&Candidate {
        name: path.strip_prefix("/dev/").unwrap_or(path).to_owned(),
        number: None,
    })
}

/// Opens a terminal that answers. A serial port without hardware behind it opens and then fails with
/// EIO; one that waits for a carrier would block without O_NONBLOCK.
fn open_line(candidate: &Candidate) -> Result<OwnedFd, Errno> {
    let path = device_path(candidate);
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let line = open(&path, flags, Mode::empty())?;
    let mut state = tcgetattr(&line)?;
    make_sane(&mut state);
    tcsetattr(&line, SetArg::TCSANOW, &state)?;
    make_blocking(&line)?;
    Ok(line)
}

/// The device's path; its node is made where devtmpfs is missing.
fn device_path(candidate: &Candidate) -> PathBuf {
    let path = Path::new("/dev").join(&candidate.name);
    let number = candidate.number.or_else(|| {
        let text = fs::read_to_string(format!("/sys/class/tty/{}/dev", candidate.name)).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    if let (false, Some((major, minor))) = (path.exists(), number) {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        // Where this fails, opening it does too, and that is looked at.
        let _ = mknod(&path, SFlag::S_IFCHR, mode, makedev(major, minor));
    }
    path
}

/// What `stty sane` means for a serial console, at the speed that it has. No flow control: a stray
/// Ctrl-S would stop the boot. Breaks and framing errors are noise.
pub fn make_sane(state: &mut Termios) {
    state.input_flags =
        InputFlags::ICRNL | InputFlags::IGNBRK | InputFlags::IGNPAR | InputFlags::IUTF8;
    state.output_flags = OutputFlags::OPOST | OutputFlags::ONLCR;
    state.control_flags.remove(
        ControlFlags::CSIZE | ControlFlags::PARENB | ControlFlags::HUPCL | ControlFlags::CRTSCTS,
    );
    state.control_flags |= ControlFlags::CS8 | ControlFlags::CREAD | ControlFlags::CLOCAL;
    state.local_flags = LocalFlags::ISIG
        | LocalFlags::ICANON
        | LocalFlags::IEXTEN
        | LocalFlags::ECHO
        | LocalFlags::ECHOE
        | LocalFlags::ECHOK
        | LocalFlags::ECHOCTL
        | LocalFlags::ECHOKE;
    for (which, byte) in [
        (Char::VINTR, 3),
        (Char::VQUIT, 28),
        (Char::VERASE, 127),
        (Char::VKILL, 21),
        (Char::VEOF, 4),
        (Char::VSUSP, 26),
        (Char::VSTART, 17),
        (Char::VSTOP, 19),
        (Char::VREPRINT, 18),
        (Char::VWERASE, 23),
        (Char::VLNEXT, 22),
        (Char::VMIN, 1),
        (Char::VTIME, 0),
    ] {
        state.control_chars[which as usize] = byte;
    }
}

/// Clears O_NONBLOCK, which any process that shares the open file may have set.
pub fn make_blocking(file: &impl AsFd) -> Result<(), Errno> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    if flags.contains(OFlag::O_NONBLOCK) {
        fcntl(file, FcntlArg::F_SETFL(flags.difference(OFlag::O_NONBLOCK)))?;
    }
    Ok(())
}

/// The terminal on standard input, with the state to come back to after each command.
pub struct Terminal {
    /// `None`: not a terminal.
    state: Option<Termios>,
}

impl Terminal {
    /// The terminal as it is now.
    pub fn standard() -> Self {
        Self {
            state: tcgetattr(std::io::stdin()).ok(),
        }
    }

    /// Whether standard input is a terminal at all.
    pub fn is_present(&self) -> bool {
        self.state.is_some()
    }

    /// Puts everything back that a command may have changed. Pending input stays.
    pub fn restore(&self) {
        let input = std::io::stdin();
        // Each of these fails only where there is nothing to put back.
        let _ = make_blocking(&input);
        let Some(state) = &self.state else {
            return;
        };
        let _ = make_blocking(&std::io::stdout());
        let _ = tcsetpgrp(&input, getpgrp());
        if tcgetattr(&input).is_ok_and(|now| now != *state) {
            let _ = tcsetattr(&input, SetArg::TCSADRAIN, state);
        }
    }

    /// Key by key, without echo, until the result is dropped. `signals`: Ctrl-C still interrupts,
    /// otherwise it is a key like any other. `None` where there is no terminal.
    pub fn raw(&self, signals: bool) -> Option<Raw<'_>> {
        let mut raw = self.state.clone()?;
        raw.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN);
        if !signals {
            raw.local_flags.remove(LocalFlags::ISIG);
        }
        raw.input_flags.remove(InputFlags::ICRNL | InputFlags::IXON);
        raw.control_chars[Char::VMIN as usize] = 1;
        raw.control_chars[Char::VTIME as usize] = 0;
        tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &raw).ok()?;
        Some(Raw(self))
    }
}

/// The terminal is raw as long as this lives.
pub struct Raw<'a>(&'a Terminal);

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Whether line editing would only confuse what is at the other end.
pub fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term.is_empty() || term == "dumb" || term == "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(consoles: &'a str, active: &'a str) -> Known<'a> {
        Known {
            consoles,
            active,
            ..Known::default()
        }
    }

    fn names(known: Known<'_>) -> Vec<String> {
        candidates(known).into_iter().map(|c| c.name).collect()
    }

    const QEMU: &str = "ttyS0                -W- (EC p a)    4:64\n";
    const TWO: &str = "tty0                 -WU (E  p  )    4:1\n\
                       hvc0                 -W- (EC p a)  229:0\n";

    #[test]
    fn the_preferred_console_comes_first() {
        let first = &candidates(known(QEMU, "ttyS0\n"))[0];
        assert_eq!(
            (first.name.as_str(), first.number),
            ("ttyS0", Some((4, 64)))
        );
        let first = &candidates(known(TWO, "tty0 hvc0\n"))[0];
        assert_eq!(
            (first.name.as_str(), first.number),
            ("hvc0", Some((229, 0)))
        );
    }

    #[test]
    fn without_proc_the_last_active_one() {
        assert_eq!(names(known("", "tty0 ttyS1\n"))[0], "ttyS1");
        assert_eq!(names(known("", "tty0\n"))[0], "tty1");
        assert_eq!(
            names(Known::default()),
            ["ttyS0", "hvc0", "ttyAMA0", "tty1"]
        );
    }

    #[test]
    fn the_users_choice_comes_before_all_and_nothing_twice() {
        let known = Known {
            wanted: Some("/dev/hvc0"),
            last: Some("ttyS1"),
            ..known(QEMU, "ttyS0")
        };
        assert_eq!(names(known), ["hvc0", "ttyS1", "ttyS0", "ttyAMA0", "tty1"]);
        assert_eq!(candidates(known)[2].number, Some((4, 64)));
    }

    #[test]
    fn a_console_that_is_not_wanted_is_not_made_up() {
        for last in ["", "null"] {
            let known = Known {
                last: Some(last),
                ..Known::default()
            };
            assert!(candidates(known).is_empty(), "{last}");
        }
    }

    #[test]
    fn lines_that_are_not_understood_are_passed_over() {
        for odd in [
            "",
            "ttyS0",
            "ttyS0 -W-",
            "ttyS0 (C",
            "x () 1:2",
            "\u{fffd} (C) a:b",
        ] {
            let _ = names(known(odd, odd));
        }
        assert_eq!(candidates(known("net0 -W- (EC)\n", ""))[0].number, None);
    }

    #[test]
    fn kinds_by_name() {
        for (name, kind) in [
            ("ttyS0", Kind::Serial),
            ("hvc0", Kind::Serial),
            ("tty1", Kind::Virtual),
            ("ttyAMA0", Kind::Serial),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }
}
