//! umount(2). Invariant: a path is never followed through a symbolic link in its last part.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::table::{self, Mount};
use crate::failure::{Doing, Failure};
use crate::system::processes;

/// How to unmount.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// `-l`: out of sight now, gone when nobody uses it any more.
    pub lazy: bool,
    /// `-f`: also where a server does not answer.
    pub force: bool,
    /// `-r`: read-only where it is in use.
    pub read_only: bool,
}

/// Unmounts what is mounted at a path, or from a device.
///
/// Errors: EINVAL (nothing is mounted there), EBUSY (the hint names who uses it).
pub fn detach(target: &OsStr, how: How) -> Result<(), Failure> {
    let place = place_of(target);
    let mut flags = MntFlags::UMOUNT_NOFOLLOW;
    flags.set(MntFlags::MNT_DETACH, how.lazy);
    flags.set(MntFlags::MNT_FORCE, how.force);
    let what = || format!("unmount {}", target.to_string_lossy());
    let failure = match umount2(place.as_os_str(), flags) {
        Ok(()) => return Ok(()),
        Err(Errno::EBUSY) if how.read_only => return make_read_only(&place),
        Err(errno) => Failure::errno(what(), errno),
    };
    Err(match failure.cause() {
        Some(Errno::EINVAL) => {
            failure.with_hint("nothing is mounted there ('mount' lists what is)")
        }
        Some(Errno::EBUSY) => failure.with_hint(users(&place)),
        Some(Errno::EPERM) => failure.with_hint("that needs root (CAP_SYS_ADMIN)"),
        _ => failure,
    })
}

/// The mount point that is meant: the path itself, or where that device is mounted last.
fn place_of(target: &OsStr) -> OsString {
    let Ok(mounts) = table::read() else {
        return target.to_owned();
    };
    let is_target = |mount: &Mount| mount.target == target.as_bytes();
    let is_source =
        |mount: &Mount| mount.source == target.as_bytes() && target.as_bytes().starts_with(b"/");
    if mounts.iter().any(is_target) {
        return target.to_owned();
    }
    match mounts.into_iter().rev().find(is_source) {
        Some(mount) => OsString::from_vec(mount.target),
        None => target.to_owned(),
    }
}

fn make_read_only(place: &OsStr) -> Result<(), Failure> {
    let nothing: Option<&OsStr> = None;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(nothing, place, nothing, flags, nothing)
        .doing(|| format!("remount {} read-only", place.to_string_lossy()))
}

fn users(place: &OsStr) -> String {
    let users = processes::users_of(Path::new(place));
    if users.is_empty() {
        return "another mount stands on it, or a socket is bound on it".into();
    }
    let listed: Vec<_> = users
        .iter()
        .take(8)
        .map(|(pid, name)| format!("{name} ({pid})"))
        .collect();
    let more = if users.len() > 8 { " and others" } else { "" };
    format!("in use by {}{more}", listed.join(", "))
}

/// Types that `umount -a` leaves alone: without them nothing works.
const KEPT: &[&[u8]] = &[b"rootfs", b"proc", b"sysfs", b"devtmpfs", b"devpts"];

/// What `umount -a` unmounts, in order: the latest first, the root never; only of type `kind` if given.
pub fn all(mounts: &[Mount], kind: Option<&[u8]>) -> Vec<OsString> {
    let wanted = |mount: &&Mount| {
        mount.target != b"/"
            && match kind {
                Some(kind) => mount.kind == kind,
                None => !KEPT.contains(&&mount.kind[..]),
            }
    };
    let targets = mounts.iter().rev().filter(wanted);
    targets
        .map(|mount| OsString::from_vec(mount.target.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_in_reverse_order() {
        let mounts = table::parse(
            b"1 1 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /proc rw - proc proc rw\n\
              3 1 8:1 / /a rw - ext4 /dev/vdb rw\n4 3 0:5 / /a/b\\040c rw - tmpfs tmpfs rw\n",
        );
        assert_eq!(all(&mounts, None), ["/a/b c", "/a"]);
        assert_eq!(all(&mounts, Some(b"ext4")), ["/a"]);
    }

    #[test]
    fn what_is_not_mounted() {
        let failure = detach(OsStr::new("/etc"), How::default()).unwrap_err();
        assert!(matches!(
            failure.cause(),
            Some(Errno::EINVAL | Errno::EPERM)
        ));
    }
}
