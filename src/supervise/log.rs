//! What a service writes: a pipe into PID 1 and the ring that keeps its last lines. Invariants: reading
//! never waits and is bounded in each turn; both ends of the pipe stay open for as long as the service is
//! declared, so neither its next process nor one that it left behind ever writes into nothing. Everything
//! is in the descriptors ([`Log::resume`]).

pub mod reader;
pub mod ring;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};

use self::ring::Ring;
use super::protocol::{LIST_FULL, LogChunk};
use super::wire::wire_struct;
use crate::sys::call::{fchown, fcntl, pipe2, read};

/// How much is read at once, in bytes.
const PIECE: usize = 8 * 1024;

/// How many pieces are taken from a service that has ended: more than a pipe holds by default.
const LAST_PIECES: usize = 16;

/// One service's log.
#[derive(Debug)]
pub struct Log {
    ring: Ring,
    /// The end that PID 1 reads, without waiting.
    read: OwnedFd,
    /// The end that the service's processes are given.
    write: OwnedFd,
}

impl Log {
    /// An empty one. Errors: EMFILE, ENFILE, ENOMEM: try again later; ENOSYS: a kernel without memfds.
    pub fn new() -> Result<Self, Errno> {
        let ring = Ring::new()?;
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        let flags = OFlag::from_bits_retain(fcntl(&read, FcntlArg::F_GETFL)?);
        fcntl(&read, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self { ring, read, write })
    }

    /// Goes on with the [descriptors](Log::descriptors) of an earlier one.
    pub fn resume([ring, read, write]: [OwnedFd; 3]) -> Self {
        let ring = Ring::resume(ring);
        Self { ring, read, write }
    }

    /// All there is of it: the ring's file, the reading and the writing end of the pipe.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        [self.ring.file(), self.read.as_fd(), self.write.as_fd()]
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

    /// Takes what the service has written, `pieces` of 8 KiB at most; whether there may be more.
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
            bytes: self.ring.read(from, LIST_FULL).unwrap_or_default(),
        }
    }
}
wire_struct!(Log { ring, read, write });
