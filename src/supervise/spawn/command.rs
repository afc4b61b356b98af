//! The command of container mode: the one child that PID 1 starts by itself there. Invariant: it gets
//! what this process was given (environment, descriptors, blocked and ignored signals, directory) and a
//! process group of its own, in the foreground of the terminal where this process was.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::Pid;

use super::{Launcher, Pipes, Started, exec_path, prefixed, variable};
use crate::supervise::program::DEFAULT_PATH;
use crate::supervise::wire::wire_struct;
use crate::sys::call::{getpgrp, setpgid, sigprocmask, tcsetpgrp};
use crate::sys::limits;
use crate::sys::process::{self, Fork, fork};

/// What is executed, and how.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments; empty: an initsh shell.
    pub argv: Vec<CString>,
    /// Whether the program's name is one of ours, for where `PATH` has no such program.
    pub built_in: bool,
    /// The descriptor of the terminal in whose foreground it is put.
    pub terminal: Option<RawFd>,
    /// The signals that this process found blocked.
    pub mask: SigSet,
}

wire_struct!(Command {
    argv,
    built_in,
    terminal,
    mask
});

impl Command {
    /// Its name, for messages.
    pub fn name(&self) -> &str {
        let name = self.argv.first().map(|name| name.to_str());
        name.map_or("the shell", |name| name.unwrap_or("the command"))
    }
}

impl Launcher {
    /// Starts the command of container mode. Errors: EAGAIN, ENOMEM, EMFILE: try again later.
    pub fn command(&self, command: &Command) -> Result<Started, Errno> {
        let pipes = Pipes::new(false)?;
        match fork()? {
            Fork::Parent(pid) => Ok(pipes.keep(pid.as_raw())),
            Fork::Child => {
                let pipes = pipes.told().begin();
                let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
                // SIGTTOU is still blocked, so a process group in the background may do this.
                if let Some(terminal) = command.terminal.and_then(process::borrow_number) {
                    let _ = tcsetpgrp(terminal, getpgrp());
                }
                limits::restore_open_files();
                let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&command.mask), None);
                pipes.give_up(None, self.execute(command))
            }
        }
    }

    /// Returns only on failure: the error of the program that was there, else ENOENT.
    fn execute(&self, command: &Command) -> Errno {
        let argv = &command.argv;
        let env: Vec<_> = std::env::vars_os().map(variable).collect();
        let Some(name) = argv.first() else {
            return self.exec_own(prefixed(Vec::new()), &env);
        };
        if name.to_bytes().contains(&b'/') {
            return exec_path(name, argv, &env);
        }
        match exec_searched(name, argv, &env) {
            Errno::ENOENT if command.built_in => self.exec_own(prefixed(argv.clone()), &env),
            errno => errno,
        }
    }
}

/// execvp(3), without its way of giving a file of an unknown format to `/bin/sh`: an image for another
/// architecture is to be called that.
fn exec_searched(name: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let path = std::env::var_os("PATH");
    let path = path.as_deref().unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut found = Errno::ENOENT;
    if name.is_empty() {
        return found;
    }
    for directory in path.as_bytes().split(|byte| *byte == b':') {
        let file = match directory {
            b"" => name.to_bytes().to_vec(),
            directory => [directory, name.to_bytes()].join(&b'/'),
        };
        match exec_path(&CString::new(file).unwrap_or_default(), argv, env) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => found = Errno::EACCES,
            errno => return errno,
        }
    }
    found
}
