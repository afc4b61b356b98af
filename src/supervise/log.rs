//! What a service writes: a pipe into PID 1 and the ring that keeps its last lines. Invariants: reading
//! never waits and is bounded in each turn; both ends of the pipe stay open for as long as the service is
//! declared, so neither its next process nor one that it left behind ever writes into nothing. Everything
//! that must last is in the descriptors.

pub mod filing;
pub mod reader;
pub mod ring;

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};

use self::ring::Ring;
use super::protocol::LogChunk;
use super::voice::Voice;
use super::wire::wire_struct;
use crate::sys::call::{fchown, fcntl, pipe2, read, write};
use crate::time::Instant;

/// How much is read at once, and the longest piece in a reply, in bytes: PID 1 keeps what memory it has
/// once touched.
pub const PIECE: usize = 4 * 1024;

/// How many pieces are taken from a service that has ended: more than a pipe holds by default.
const LAST_PIECES: usize = 32;

/// The pause before a helper is started again.
const HELPER_AGAIN: Duration = Duration::from_secs(1);

/// One service's log.
#[derive(Debug)]
pub struct Log {
    ring: Ring,
    /// The end that PID 1 reads, without waiting.
    read: OwnedFd,
    /// The end that the service's processes are given.
    write: OwnedFd,
    /// The bell of the helper that writes the log file, if there is one.
    bell: Option<OwnedFd>,
    /// When such a helper is to be started.
    helper_due: Option<Instant>,
}

impl Log {
    /// An empty one. Errors: EMFILE, ENFILE, ENOMEM: try again later; ENOSYS: a kernel without memfds.
    pub fn new() -> Result<Self, Errno> {
        let ring = Ring::new()?;
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        let flags = OFlag::from_bits_retain(fcntl(&read, FcntlArg::F_GETFL)?);
        fcntl(&read, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self {
            ring,
            read,
            write,
            bell: None,
            helper_due: None,
        })
    }

    /// The end of the pipe that PID 1 reads.
    pub fn source(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }

    /// The end of the pipe that a process is given. It belongs to the service's user from now on: a
    /// program may open `/dev/stdout`.
    pub fn output(&self, user: Option<u32>, group: Option<u32>) -> BorrowedFd<'_> {
        let _ = fchown(&self.write, user.unwrap_or(0), group.unwrap_or(0));
        self.write.as_fd()
    }

    /// Takes what the service has written, `pieces` of 4 KiB at most; whether there may be more.
    pub fn take(&mut self, pieces: usize) -> bool {
        let mut buffer = [0; PIECE];
        for _ in 0..pieces {
            match read(&self.read, &mut buffer) {
                Ok(length @ 1..) => {
                    self.ring.append(&buffer[..length]);
                    if length < PIECE {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        true
    }

    /// Has what was taken written into its file: wakes the helper that does so, or wants one.
    pub fn file(&mut self, now: Instant) {
        let rung = self.bell.as_ref().map(|bell| write(bell, &[0]));
        match rung {
            // A bell that is full rings.
            Some(Ok(_) | Err(Errno::EAGAIN)) => {}
            _ => {
                self.bell = None;
                self.helper_due.get_or_insert(now);
            }
        }
    }

    /// When a helper is to be started.
    pub fn helper_due(&self) -> Option<Instant> {
        self.helper_due
    }

    /// Starts the helper that writes this file; its pid. Where that fails it is due again later.
    pub fn start_helper(
        &mut self,
        (path, limit): &(OsString, u64),
        voice: &Voice,
        now: Instant,
    ) -> Option<i32> {
        match filing::start(self.ring.file(), path, *limit, voice) {
            Ok((pid, bell)) => {
                (self.bell, self.helper_due) = (Some(bell), None);
                Some(pid)
            }
            Err(_) => {
                self.helper_due = Some(now + HELPER_AGAIN);
                None
            }
        }
    }

    /// Takes what a process that has ended has left behind.
    pub fn take_last(&mut self) {
        self.take(LAST_PIECES);
        self.ring.end_line();
    }

    /// Where the next byte goes.
    pub fn end(&self) -> u64 {
        self.ring.head().end
    }

    /// What is kept from that position on, as much of it as fits a reply.
    pub fn chunk(&self, from: u64) -> LogChunk {
        let from = self.ring.position(from);
        LogChunk {
            from,
            lost: self.ring.head().lost,
            bytes: self.ring.read(from, PIECE).unwrap_or_default(),
        }
    }
}
// The bell is not handed on: the helper ends when it is closed, and another goes on.
wire_struct!(Log {
    ring,
    read,
    write;
    bell = None,
    helper_due = Some(Instant::BOOT),
});
