//! Container mode, `initsh --container [-g] [-p SIGNAL] [--] CMD…`: its arguments, and what this process
//! is before it becomes the loop of [`super::pid1`]. Invariant: nothing is mounted, opened or forked here,
//! and every signal is blocked before anything else is done, so that none is lost.

use std::ffi::{CString, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{getpgrp, getpid, getsid, tcgetpgrp, write};

use super::pid1;
use crate::cmd;
use crate::failure::Failure;
use crate::script::traps::signal_number;
use crate::supervise::program::SHELL;
use crate::supervise::spawn::Command;
use crate::supervise::wire::wire_struct;
use crate::sys::{crash, entry, process, signal, tty};

const HELP: &str = "\
usage: initsh --container [-g] [-p SIGNAL] [--] [COMMAND [ARG…]]

Runs COMMAND (an initsh shell without one) as the first process of a container does: it passes signals on
to it, reaps orphans, keeps the services that are spawned in it, and ends as COMMAND ends.

  -g          signals go to COMMAND's whole process group
  -p SIGNAL   gets this signal when its own parent ends
";

/// What the words after `--container` ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `-g`
    pub group: bool,
    /// `-p`
    pub parent_death: Option<Signal>,
    /// `-h`, `--help`
    pub help: bool,
    /// The command; empty: a shell.
    pub command: Vec<OsString>,
}

/// The terminal that this process was started on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// One of descriptors 0–2.
    pub fd: RawFd,
    /// Whether this process was in its foreground.
    pub foreground: bool,
}

wire_struct!(Terminal { fd, foreground });

/// Runs with the words that follow `--container`; the exit status, unless the command's is it.
#[inline(never)] // see `role::start`
pub fn run(words: Vec<OsString>) -> u8 {
    let mut before = SigSet::empty();
    let _ = sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&crash::blocked()),
        Some(&mut before),
    );
    // Ignored by whoever started this, it would have the kernel reap in our place.
    let _ = signal::default(Signal::SIGCHLD);
    entry::secure_standard_fds();
    let given = match Arguments::read(words) {
        Ok(given) => given,
        Err(failure) => {
            say(&format!("{failure}"));
            return failure.status();
        }
    };
    if given.help {
        let _ = write(std::io::stdout(), HELP.as_bytes());
        return 0;
    }
    let first = getpid().as_raw() == 1;
    if !first && let Err(errno) = prctl::set_child_subreaper(true) {
        let what = "orphans go to another process: PR_SET_CHILD_SUBREAPER";
        say(&format!("{what}: {errno:?} ({})", errno.desc()));
    }
    if let Some(signal) = given.parent_death {
        let _ = prctl::set_pdeathsig(signal);
    }
    let terminal = find_terminal();
    let command = given.command(terminal, before);
    pid1::container(command, given.group, terminal)
}

impl Arguments {
    /// Errors: an unknown option or signal (status 2).
    pub fn read(words: Vec<OsString>) -> Result<Self, Failure> {
        let mut given = Self::default();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next_if(is_option) {
            match word.to_str() {
                Some("--") => break,
                Some("-g") => given.group = true,
                Some("-h" | "--help") => given.help = true,
                Some("-p") => given.parent_death = Some(read_signal(words.next())?),
                _ => {
                    let word = word.to_string_lossy();
                    let text = format!("--container: unknown option {word}");
                    return Err(Failure::usage(text));
                }
            }
        }
        given.command = words.collect();
        Ok(given)
    }

    fn command(&self, terminal: Option<Terminal>, mask: SigSet) -> Command {
        let name = self.command.first();
        // The kernel hands over no word with a NUL byte in it.
        let word = |word: &OsString| CString::new(word.clone().into_vec()).unwrap_or_default();
        Command {
            argv: self.command.iter().map(word).collect(),
            built_in: name.is_some_and(|name| name == SHELL || cmd::find(name).is_some()),
            terminal: terminal
                .filter(|terminal| terminal.foreground)
                .map(|terminal| terminal.fd),
            mask,
        }
    }
}

fn is_option(word: &OsString) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 1 && bytes[0] == b'-'
}

fn read_signal(word: Option<OsString>) -> Result<Signal, Failure> {
    let word = word.unwrap_or_default();
    let word = word.to_string_lossy();
    let number = signal_number(&word).unwrap_or(0);
    Signal::try_from(number)
        .map_err(|_| Failure::usage(format!("--container: -p: '{word}' is not a signal")))
}

/// The terminal among descriptors 0–2 that is this session's. A session's leader that has none takes
/// one that is nobody's.
fn find_terminal() -> Option<Terminal> {
    let leader = getsid(None) == Ok(getpid());
    (0..=2).find_map(|fd| {
        let file = process::borrow_number(fd)?;
        let group = match tcgetpgrp(file) {
            Err(Errno::ENOTTY) if leader => {
                tty::acquire_control(&file).ok()?;
                tcgetpgrp(file)
            }
            group => group,
        };
        Some(Terminal {
            fd,
            foreground: group.ok()? == getpgrp(),
        })
    })
}

fn say(text: &str) {
    let _ = write(std::io::stderr(), format!("initsh: {text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Arguments, String> {
        let words = text.split_whitespace().map(OsString::from).collect();
        Arguments::read(words).map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_end_at_the_command() {
        let given = read("-g -p TERM sh -c -p").unwrap();
        assert!(given.group);
        assert_eq!(given.parent_death, Some(Signal::SIGTERM));
        assert_eq!(given.command, ["sh", "-c", "-p"]);
        let given = read("-- -g").unwrap();
        assert!(!given.group);
        assert_eq!(given.command, ["-g"]);
        assert_eq!(read("").unwrap(), Arguments::default());
        assert_eq!(read("- x").unwrap().command, ["-", "x"]);
    }

    #[test]
    fn what_is_unknown_is_named() {
        let error = read("-x sh").unwrap_err();
        assert_eq!(error, "--container: unknown option -x");
        let error = read("-p NONE sh").unwrap_err();
        assert_eq!(error, "--container: -p: 'NONE' is not a signal");
    }
}
