//! Control groups of services as PID 1 ends and removes them. Invariant: only files of the kernel's own
//! filesystem are touched, none of which makes anybody wait; what cannot be removed is given up after a
//! while.

use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::cgroup::SLICE;
use super::spec::ServiceSpec;
use super::wire::{Malformed, Reader, Wire, Writer};
use crate::sys::call::{open, rmdir, write};
use crate::time::Instant;

/// How long a group may take to become empty.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most groups that are waited for.
const MOST: usize = 512;

/// The groups that are to be removed once they are empty.
#[derive(Debug, Default)]
pub struct Groups(Vec<(PathBuf, Instant)>);

impl Wire for Groups {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Wire::read(from).map(Self)
    }
}

impl Groups {
    /// A service's process is about to enter its group.
    pub fn enter(&mut self, spec: &ServiceSpec) {
        if let Some(group) = group(spec) {
            self.0.retain(|(path, _)| *path != group);
        }
    }

    /// A service's process has ended: whatever else is in its group is killed, and the group goes.
    pub fn leave(&mut self, spec: &ServiceSpec, now: Instant) {
        if let Some(group) = group(spec).filter(|_| self.0.len() < MOST) {
            kill(spec);
            self.0.push((group, now + PATIENCE));
        }
    }

    /// Removes what is empty.
    pub fn sweep(&mut self, now: Instant) {
        self.0
            .retain(|(path, until)| rmdir(path) == Err(Errno::EBUSY) && *until > now);
    }
}

/// Kills everything in a service's group, if it has one (`cgroup.kill`, Linux 5.14).
pub fn kill(spec: &ServiceSpec) {
    if let Some(group) = group(spec) {
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // Older kernels have no such file; the process group was signalled anyway.
        let file = open(&group.join("cgroup.kill"), flags, Mode::empty());
        let _ = file.and_then(|file| write(file, b"1"));
    }
}

fn group(spec: &ServiceSpec) -> Option<PathBuf> {
    let base = PathBuf::from(spec.setup.cgroup_at.as_ref()?);
    Some(base.join(SLICE).join(&spec.name))
}
