//! A service's control group as its process makes and enters it (cgroup v2, `Documentation/admin-guide/
//! cgroup-v2.rst` of the kernel). Invariant: a process that is in the group has all of its limits.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::apply::Done;
use crate::supervise::cgroup::{LEAF, SLICE};
use crate::supervise::setup::Step;
use crate::supervise::spec::ServiceSpec;
use crate::sys::call::{mkdir, open, read_file, write};

/// The most bytes of a list of processes.
const LONGEST: usize = 64 * 1024;

/// Makes the group, sets its limits and moves this process into it.
pub(super) fn enter(spec: &ServiceSpec) -> Done {
    let Some(base) = spec.setup.cgroup_at.as_deref().map(Path::new) else {
        return Ok(());
    };
    let slice = base.join(SLICE);
    let own = slice.join(&spec.name);
    let limits = || (0..).zip(&spec.setup.cgroup);
    make(&slice).map_err(|errno| (Step::Cgroup, errno))?;
    for (place, (file, _)) in limits() {
        let controller = file.split('.').next().unwrap_or_default();
        let enabled = enable(base, controller).and_then(|()| enable(&slice, controller));
        enabled.map_err(|errno| (Step::Controller(place), errno))?;
    }
    make(&own).map_err(|errno| (Step::Cgroup, errno))?;
    for (place, (file, value)) in limits() {
        put(own.join(file), value).map_err(|errno| (Step::Limit(place), errno))?;
    }
    put(own.join("cgroup.procs"), "0").map_err(|errno| (Step::Join, errno))
}

fn make(group: &Path) -> Result<(), Errno> {
    match mkdir(group, Mode::from_bits_truncate(0o755)) {
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

/// Lets the groups below have a controller. A group that is not the root and has processes of its own
/// cannot (EBUSY): they are moved into a group beside ours.
fn enable(group: &Path, controller: &str) -> Result<(), Errno> {
    let control = group.join("cgroup.subtree_control");
    let text = format!("+{controller}");
    match put(control.clone(), &text) {
        Err(Errno::EBUSY) => {
            empty(group)?;
            put(control, &text)
        }
        other => other,
    }
}

fn empty(group: &Path) -> Result<(), Errno> {
    let leaf = group.join(LEAF);
    make(&leaf)?;
    let processes = read_file(&group.join("cgroup.procs"), LONGEST)?;
    for pid in processes
        .split(|&byte| byte == b'\n')
        .filter(|pid| !pid.is_empty())
    {
        match put(leaf.join("cgroup.procs"), &String::from_utf8_lossy(pid)) {
            // It has ended.
            Err(Errno::ESRCH) => {}
            other => other?,
        }
    }
    Ok(())
}

fn put(file: PathBuf, value: &str) -> Result<(), Errno> {
    let file = open(&file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, value.as_bytes()).map(drop)
}
