//! A watch on the leases of all clients (inotify(7) on `$INITSH_RUN/leases/`). Invariant: every change
//! after [`LeaseWatch::open`] makes the descriptor readable; what has changed is for the reader to compare.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::failure::{Doing, Failure};
use crate::paths;

/// A watch on the directory of leases.
#[derive(Debug)]
pub struct LeaseWatch(Inotify);

impl LeaseWatch {
    /// Begins to watch; makes the directory where there is none. Errors: as of the system calls.
    pub fn open() -> Result<Self, Failure> {
        Self::on(&paths::run_dir().join("leases"))
    }

    /// The same for what the sources of `resolv.conf` know.
    pub fn resolv() -> Result<Self, Failure> {
        Self::on(&paths::run_dir().join("resolv"))
    }

    fn on(directory: &Path) -> Result<Self, Failure> {
        let what = || format!("watch {}", directory.display());
        std::fs::create_dir_all(directory).doing(what)?;
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).doing(what)?;
        // Records are renamed into their place, see [`super::store`].
        let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
        inotify.add_watch(directory, events).doing(what)?;
        Ok(Self(inotify))
    }

    /// Whether something has changed since the last call. Does not block.
    pub fn changed(&self) -> bool {
        let mut changed = false;
        loop {
            match self.0.read_events() {
                Ok(_) => changed = true,
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

impl AsFd for LeaseWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::store;

    #[test]
    fn a_lease_that_is_written_or_removed_is_noticed() {
        let name = format!("initsh-watch-{}", nix::unistd::getpid());
        let directory = std::env::temp_dir().join(name);
        let watch = LeaseWatch::on(&directory).unwrap();
        assert!(!watch.changed());
        store::replace(&directory.join("eth0.dhcp4"), b"").unwrap();
        assert!(watch.changed());
        store::remove(&directory.join("eth0.dhcp4")).unwrap();
        assert!(watch.changed());
        assert!(!watch.changed());
        std::fs::remove_dir_all(directory).unwrap();
    }
}
