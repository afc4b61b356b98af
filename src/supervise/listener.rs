//! The control socket's place in the file system. Invariant: however `/run` is missing, full, read-only
//! or mounted over, trying costs a few system calls every now and then and nothing else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::Mode;

use super::wire::wire_struct;
use crate::sys::call::{lstat, mkdir, quietly, unlink};
use crate::sys::seqpacket;
use crate::time::Instant;

/// How soon a socket that is not there yet is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How soon, where nobody relies on it.
const RARELY: Duration = Duration::from_secs(60);

/// How often one that is there is looked after.
const CHECK: Duration = Duration::from_secs(5);

/// After this long without a socket, somebody should be told.
const WORRY: Duration = Duration::from_secs(10);

/// The socket on which PID 1 accepts connections, as soon as there is one.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    socket: Option<OwnedFd>,
    identity: Option<(u64, u64)>,
    next: Instant,
    begun: Instant,
    told: bool,
    modest: bool,
}

wire_struct!(Listener {
    path,
    socket,
    identity,
    next,
    begun,
    told,
    modest
});

impl Listener {
    /// For the socket `control` in `directory`; nothing is made yet.
    pub fn new(directory: PathBuf, now: Instant) -> Self {
        Self {
            path: directory.join("control"),
            socket: None,
            identity: None,
            next: now,
            begun: now,
            told: false,
            modest: false,
        }
    }

    /// From now on it is tried rarely and in silence, and never takes the place of somebody else's
    /// socket: in a container it is a convenience.
    pub fn be_modest(&mut self) {
        self.modest = true;
    }

    /// Removes the socket, if it is still ours.
    pub fn remove(&mut self) {
        if self.identity.is_some() && self.identity == self.found() {
            let _ = unlink(&self.path);
        }
        self.socket = None;
    }

    /// The socket, if there is one.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When [`Self::check`] is due.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// Makes the socket, or makes it anew where the path leads elsewhere by now (a file system was
    /// mounted over it, somebody cleaned up). An error is returned once, when it has lasted.
    pub fn check(&mut self, now: Instant) -> Option<Errno> {
        self.next = now + CHECK;
        if self.identity.is_some() && self.identity == self.found() {
            return None;
        }
        let made = match self.modest {
            true => quietly(|| self.make()),
            false => self.make(),
        };
        match made {
            Ok(socket) => {
                self.socket = Some(socket);
                self.identity = self.found();
                self.told = false;
                None
            }
            Err(errno) => {
                self.next = now + if self.modest { RARELY } else { RETRY };
                let tell = !self.told && !self.modest && now.since(self.begun) >= WORRY;
                self.told |= tell;
                tell.then_some(errno)
            }
        }
    }

    fn found(&self) -> Option<(u64, u64)> {
        let stat = lstat(&self.path).ok()?;
        Some((stat.st_dev, stat.st_ino))
    }

    fn make(&self) -> Result<OwnedFd, Errno> {
        if let Some(directory) = self.path.parent() {
            make_directories(directory)?;
        }
        if self.modest && seqpacket::is_served(&self.path) {
            return Err(Errno::EADDRINUSE);
        }
        match unlink(&self.path) {
            Ok(()) | Err(Errno::ENOENT) => seqpacket::listen_at(&self.path),
            Err(errno) => Err(errno),
        }
    }
}

/// Makes a directory and those above it. Where a file is in its place, the next call says so.
fn make_directories(directory: &Path) -> Result<(), Errno> {
    let make = || mkdir(directory, Mode::from_bits_truncate(0o755));
    match (make(), directory.parent()) {
        (Ok(()) | Err(Errno::EEXIST), _) => Ok(()),
        (Err(Errno::ENOENT), Some(above)) => make_directories(above).and_then(|()| make()),
        (Err(errno), _) => Err(errno),
    }
}
