//! `cat`: print files.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::call::write_all;
use super::{Call, Command, Flow, Group};
use crate::failure::{Doing, Failure};
use crate::sys::signal::check_interrupt;

pub(super) const COMMAND: Command = Command {
    name: "cat",
    group: Group::Files,
    summary: "print files",
    usage: "[FILE…]",
    details: "- and no FILE at all stand for standard input. A file that cannot be read does not keep the
others from being printed.",
    examples: &[
        ("cat /proc/meminfo", "one file"),
        ("cat a b > c", "two files in one"),
    ],
    see: &["ls", "echo"],
    terms: &["concatenate", "show", "type"],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut files = std::mem::take(&mut call.args);
    if files.is_empty() {
        files.push("-".into());
    }
    // Large enough that the calls do not count, small enough for a small machine.
    let mut buffer = vec![0; 64 * 1024];
    call.for_each(&files, |_, file| print(file, &mut buffer))
}

fn print(file: &OsStr, buffer: &mut [u8]) -> Result<(), Failure> {
    if file == "-" {
        return copy(&std::io::stdin(), file, buffer);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let opened = open(file, flags, Mode::empty());
    copy(&opened.doing(|| format!("open {}", file.to_string_lossy()))?, file, buffer)
}

fn copy(from: &impl AsFd, file: &OsStr, buffer: &mut [u8]) -> Result<(), Failure> {
    loop {
        check_interrupt()?;
        match nix::unistd::read(from, buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => write_all(&std::io::stdout(), &buffer[..length])?,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_readable(from)?,
            Err(errno) => return Err(Failure::errno(format!("read {}", file.to_string_lossy()), errno)),
        }
    }
}

/// Standard input may be a terminal that somebody left non-blocking.
fn wait_readable(fd: &impl AsFd) -> Result<(), Failure> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Failure::errno("wait for input", errno)),
    }
}
