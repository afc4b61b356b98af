//! Lines without an editor: from a pipe, a file, or a terminal that cannot move its cursor. Invariant:
//! not a byte after the end of the line is read, so that commands can read what follows.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use super::Line;
use super::tty::make_blocking;
use crate::cmd::call::write_all;
use crate::sys::signal;
use crate::time::Instant;

/// A line is cut here; the parser refuses it long before.
const LONGEST: usize = 16 << 20;

/// Prints the prompt and reads a line, its newline removed. `idle`: how long to wait for each byte.
pub fn read_line(prompt: &[u8], idle: Option<Duration>) -> Line {
    if write_all(&std::io::stdout(), prompt).is_err() && signal::interrupted() {
        return Line::Interrupted;
    }
    let mut line = Vec::new();
    while line.len() < LONGEST {
        match next_byte(idle) {
            Ok(Some(b'\n')) => return Line::Text(line),
            Ok(Some(byte)) => line.push(byte),
            Ok(None) if line.is_empty() => return Line::End,
            Ok(None) => return Line::Text(line),
            Err(Errno::ETIMEDOUT) => return Line::Idle,
            Err(Errno::EINTR) => return Line::Interrupted,
            Err(_) => return Line::End,
        }
    }
    Line::Text(line)
}

/// The next byte, `None` at the end. Errors: EINTR after Ctrl-C, ETIMEDOUT, whatever read(2) says.
fn next_byte(idle: Option<Duration>) -> Result<Option<u8>, Errno> {
    let input = std::io::stdin();
    let deadline = idle.map(|idle| Instant::now() + idle);
    let mut byte = [0];
    loop {
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match signal::poll_until(&mut fds, deadline) {
            Ok(true) => {}
            Ok(false) => return Err(Errno::ETIMEDOUT),
            Err(failure) => return Err(failure.cause().unwrap_or(Errno::EINTR)),
        }
        match nix::unistd::read(&input, &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => make_blocking(&input)?,
            Err(errno) => return Err(errno),
        }
    }
}
