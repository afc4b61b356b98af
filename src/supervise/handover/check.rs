//! Whether another program can become PID 1. Invariant: it only looks. It may wait for a file system, so a
//! child of PID 1 does it.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statfs::{FsType, TMPFS_MAGIC};
use nix::sys::statvfs::FsFlags;

use super::image::{self, Image};
use crate::failure::{Doing, Failure};
use crate::supervise::protocol::HandOver;
use crate::sys::call::{fstat, fstatfs, fstatvfs, open, openat2, read};

/// RAMFS_MAGIC
const RAMFS: FsType = FsType(0x8584_58f6_u32 as _);

/// How many interpreters may need one another; the kernel's own limit.
const INTERPRETERS: u8 = 5;

/// Looks at everything that a hand-over needs. `machine`: PID 1 is that of a machine.
///
/// Errors: what is in its way, for the person who asked.
pub fn examine(order: &HandOver, machine: bool) -> Result<(), Failure> {
    let place = match &order.root {
        None => Place::new(OsStr::new("/"), String::new())?,
        Some(path) => {
            let place = Place::new(path, format!(" in {}", path.to_string_lossy()))?;
            judge(&facts(&place, machine, order.keep_root)?, path)?;
            place
        }
    };
    place.check_program(&order.program, INTERPRETERS)
}

/// What is known of a new root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// PID 1 is that of a machine.
    pub machine: bool,
    /// It is on the device of the old root.
    pub same_device: bool,
    /// A file system is mounted there.
    pub mount_point: bool,
    /// The old root only lives in memory (an initramfs, a tmpfs).
    pub in_memory: bool,
    /// The old root's content is to stay.
    pub keep_root: bool,
}

/// Whether a root like this can take the old one's place.
pub fn judge(facts: &Facts, path: &OsStr) -> Result<(), Failure> {
    let (why, hint) = if !facts.machine {
        let why = "only the PID 1 of a machine can switch its root";
        (why, "'exec --pid1' hands over in a namespace, too")
    } else if facts.same_device {
        ("it is on the same file system as the present root", MOUNT)
    } else if !facts.mount_point {
        ("nothing is mounted there", MOUNT)
    } else if !facts.in_memory && !facts.keep_root {
        let why =
            "the present root is neither an initramfs nor a tmpfs: its files would be deleted";
        (why, "--no-delete leaves them")
    } else {
        return Ok(());
    };
    let text = format!("switch the root to {}: {why}", path.to_string_lossy());
    Err(Failure::new(text).with_hint(hint))
}

const MOUNT: &str = "mount the new root there first";

fn facts(place: &Place, machine: bool, keep_root: bool) -> Result<Facts, Failure> {
    let what = || format!("look at the roots{}", place.shown);
    let old = open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing(what)?;
    let device = fstat(&old).doing(what)?.st_dev;
    Ok(Facts {
        machine,
        same_device: fstat(&place.root).doing(what)?.st_dev == device,
        mount_point: is_mount_point(place.root.as_fd()).doing(what)?,
        in_memory: is_in_memory(old.as_fd()),
        keep_root,
    })
}

/// Whether the file system of a file only lives in memory.
pub fn is_in_memory(file: BorrowedFd<'_>) -> bool {
    fstatfs(file).is_ok_and(|fs| matches!(fs.filesystem_type(), TMPFS_MAGIC | RAMFS))
}

/// Whether a directory is the root of a mount: then `..` leads out of it.
pub fn is_mount_point(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match openat2(directory, c"..", how) {
        Ok(_) => Ok(false),
        Err(Errno::EXDEV) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// A root, and how it is called: empty, or ` in /newroot`.
struct Place {
    root: OwnedFd,
    shown: String,
}

impl Place {
    fn new(path: &OsStr, shown: String) -> Result<Self, Failure> {
        let text = path.to_string_lossy();
        if !path.as_bytes().starts_with(b"/") {
            return Err(Failure::new(format!("{text}: not an absolute path")));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(path, flags, Mode::empty()).doing(|| format!("open {text}"))?;
        Ok(Self { root, shown })
    }

    /// Opens a path as a process whose root this is would find it.
    fn open(&self, path: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(&self.root, path, how)
    }

    fn check_program(&self, path: &OsStr, interpreters: u8) -> Result<(), Failure> {
        let what = || format!("execute {}{}", path.to_string_lossy(), self.shown);
        let file = self.open(path, OFlag::O_PATH).map_err(|errno| {
            let failure = Failure::errno(what(), errno).with_status(not_found(errno));
            let link = self.open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW);
            match errno == Errno::ENOENT && link.is_ok() {
                true => failure.with_hint("it is a symbolic link that leads nowhere there"),
                false => failure,
            }
        })?;
        let refuse = |errno| Err(Failure::errno(what(), errno).with_status(126));
        let mode = fstat(&file).doing(what)?.st_mode;
        match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => {}
            SFlag::S_IFDIR => return refuse(Errno::EISDIR),
            _ => return refuse(Errno::EACCES),
        }
        if mode & 0o111 == 0 {
            return refuse(Errno::EACCES);
        }
        if fstatvfs(&file).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC)) {
            let failure = Failure::errno(what(), Errno::EACCES).with_status(126);
            return Err(failure.with_hint("its file system is mounted noexec"));
        }
        let needs = match image::of(&self.head(path).doing(what)?) {
            Image::Alone => return Ok(()),
            Image::Needs(program) => OsString::from_vec(program),
            Image::Foreign => {
                let failure = Failure::errno(what(), Errno::ENOEXEC).with_status(126);
                return Err(failure.with_hint("it is for another processor"));
            }
            Image::Unknown => {
                let failure = Failure::errno(what(), Errno::ENOEXEC).with_status(126);
                return Err(failure.with_hint("it is neither an ELF file nor begins with '#!'"));
            }
        };
        if interpreters == 0 {
            return refuse(Errno::ELOOP);
        }
        self.check_program(&needs, interpreters - 1)
            .map_err(|failure| {
                let by = format!(
                    "{} needs {}",
                    path.to_string_lossy(),
                    needs.to_string_lossy()
                );
                failure.about(&by)
            })
    }

    fn head(&self, path: &OsStr) -> Result<Vec<u8>, Errno> {
        let file = self.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?;
        let mut head = vec![0; image::HEAD];
        let mut length = 0;
        while length < head.len() {
            match read(&file, &mut head[length..])? {
                0 => break,
                more => length += more,
            }
        }
        head.truncate(length);
        Ok(head)
    }
}

fn not_found(errno: Errno) -> u8 {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => 127,
        _ => 126,
    }
}

#[cfg(test)]
mod tests;
