//! The change from one root to another, and what becomes of the old one. Invariants: every step can be
//! undone, and is, until the new program runs; nothing is deleted before that, nothing on another file
//! system ever, and nothing but what only lives in memory.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::mount::{MntFlags, MsFlags};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::UnlinkatFlags;

use super::check::{is_in_memory, is_mount_point};
use crate::failure::{Doing, Failure};
use crate::sys::call::{
    chdir, chroot, fchdir, fstat, fstatat, mkdirat, mount, open, openat2, umount2, unlinkat,
};

/// What goes along.
const ALONG: [&CStr; 4] = [c"dev", c"proc", c"sys", c"run"];

/// How often an old root is gone through.
const PASSES: u32 = 16;

const DIRECTORY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

/// A change that can be undone until the program is executed.
#[derive(Debug)]
pub struct Switch {
    old: OwnedFd,
    new: OwnedFd,
    path: CString,
    copy: bool,
    along: Vec<&'static CStr>,
    on_top: bool,
}

impl Switch {
    /// Makes `path` this process's root, `/dev`, `/proc`, `/sys` and `/run` being moved there. `copy`: they
    /// stay where they are besides, for processes that keep the old root.
    ///
    /// Errors: everything is as it was before.
    pub fn make(path: &OsStr, copy: bool) -> Result<Self, Failure> {
        let what = || format!("switch the root to {}", path.to_string_lossy());
        let string = CString::new(path.as_bytes()).map_err(|_| Failure::new(what()))?;
        let mut switch = Self {
            old: open(c"/", DIRECTORY, Mode::empty()).doing(what)?,
            new: open(path, DIRECTORY, Mode::empty()).doing(what)?,
            path: string,
            copy,
            along: Vec::new(),
            on_top: false,
        };
        match switch.go() {
            Ok(()) => Ok(switch),
            Err(errno) => {
                switch.undo();
                Err(Failure::errno(what(), errno))
            }
        }
    }

    fn go(&mut self) -> Result<(), Errno> {
        for name in ALONG {
            if self.take_along(name)? {
                self.along.push(name);
            }
        }
        fchdir(&self.new)?;
        move_mount(c".", c"/")?;
        self.on_top = true;
        chroot(c".")?;
        chdir(c"/")
    }

    /// Whether it went along: it does not where nothing is mounted, or the new root has no place for it.
    fn take_along(&self, name: &'static CStr) -> Result<bool, Errno> {
        let path = [b"/", name.to_bytes()].concat();
        let path = OsStr::from_bytes(&path);
        let Ok(from) = open(path, DIRECTORY, Mode::empty()) else {
            return Ok(false);
        };
        if !is_mount_point(from.as_fd())? {
            return Ok(false);
        }
        let _ = mkdirat(&self.new, name, Mode::from_bits_truncate(0o755));
        let Ok(place) = self.within(name) else {
            return Ok(false);
        };
        fchdir(&place)?;
        match self.copy {
            true => {
                let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
                mount(Some(path), c".", NOTHING, flags, NOTHING)?;
            }
            false => move_mount(path, c".")?,
        }
        Ok(true)
    }

    /// A directory of the new root; where something is mounted on it, that.
    fn within(&self, name: &CStr) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(DIRECTORY)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(&self.new, name, how)
    }

    /// Goes back. What cannot be undone is left; the rest is undone all the same.
    pub fn undo(mut self) {
        let _ = fchdir(&self.old).and_then(|()| chroot(c"."));
        if self.on_top {
            let _ = fchdir(&self.new).and_then(|()| move_mount(c".", &*self.path));
        }
        for name in std::mem::take(&mut self.along).into_iter().rev() {
            let _ = self.within(name).and_then(|place| {
                fchdir(&place)?;
                match self.copy {
                    true => umount2(c".", MntFlags::MNT_DETACH),
                    false => {
                        let home = [b"/", name.to_bytes()].concat();
                        move_mount(c".", OsStr::from_bytes(&home))
                    }
                }
            });
        }
        let _ = chdir(c"/");
    }
}

const NOTHING: Option<&CStr> = None;

fn move_mount<A, B>(from: &A, to: &B) -> Result<(), Errno>
where
    A: ?Sized + nix::NixPath,
    B: ?Sized + nix::NixPath,
{
    mount(Some(from), to, NOTHING, MsFlags::MS_MOVE, NOTHING)
}

/// Deletes everything on a root file system that only lives in memory; nothing on any other. What is
/// mounted on it stays. Needs memory for one directory on each level at a time.
pub fn empty(root: BorrowedFd<'_>) {
    if !is_in_memory(root) {
        return;
    }
    if let Ok(stat) = fstat(root) {
        // Once more for what appeared meanwhile; what cannot go ends it.
        for _ in 0..PASSES {
            if empty_directory(root, stat.st_dev) == 0 {
                break;
            }
        }
    }
}

/// How many names it has removed.
fn empty_directory(directory: BorrowedFd<'_>, device: libc::dev_t) -> u64 {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut names) = Dir::openat(directory, c".", flags, Mode::empty()) else {
        return 0;
    };
    let mut removed = 0;
    for entry in names.iter().flatten() {
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let done = match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR | Errno::EPERM) => {
                remove_directory(directory, name, device, &mut removed)
            }
            done => done,
        };
        removed += u64::from(done.is_ok());
    }
    removed
}

fn remove_directory(
    above: BorrowedFd<'_>,
    name: &CStr,
    device: libc::dev_t,
    removed: &mut u64,
) -> Result<(), Errno> {
    let stat = fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFDIR || stat.st_dev != device {
        return Err(Errno::EXDEV);
    }
    let how = OpenHow::new()
        .flags(DIRECTORY)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let directory = openat2(above, name, how)?;
    *removed += empty_directory(directory.as_fd(), device);
    unlinkat(above, name, UnlinkatFlags::RemoveDir)
}
