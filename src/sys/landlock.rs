//! Landlock (landlock(7)): what a thread gives up of the file system, for ever and for all its children.
//! Invariant: whatever kind of access this kernel knows is refused unless a place was allowed it.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Read files and list directories.
pub const READ: u64 = READ_FILE | READ_DIR;
/// Change and empty the files that are there.
pub const WRITE: u64 = WRITE_FILE | TRUNCATE;
/// Make, rename and remove files, directories and symbolic links.
pub const MAKE: u64 = REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM;

// LANDLOCK_ACCESS_FS_* of linux/landlock.h.
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SYM: u64 = 1 << 12;
const TRUNCATE: u64 = 1 << 14;
/// What a file, as opposed to a directory, can be allowed.
const OF_A_FILE: u64 = WRITE_FILE | READ_FILE | TRUNCATE;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: u32 = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const PATH_BENEATH: u32 = 1;

/// `struct landlock_ruleset_attr`, of which earlier versions know the beginning.
#[repr(C)]
struct Attributes {
    files: u64,
    net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

/// Rules that are not in force yet.
#[derive(Debug)]
pub struct Ruleset {
    fd: OwnedFd,
    files: u64,
}

impl Ruleset {
    /// Rules that refuse every access to files; besides, TCP (Linux 6.7), and signals to and abstract
    /// sockets of others (6.12).
    ///
    /// Errors: ENOSYS, EOPNOTSUPP (the kernel has no Landlock, or it is off).
    pub fn new() -> Result<Self, Errno> {
        // SAFETY: asked for the version, the kernel reads nothing.
        let version = unsafe {
            let nothing = std::ptr::null::<Attributes>();
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                nothing,
                0_usize,
                ASK_VERSION,
            )
        };
        let version = Errno::result(version)?;
        // How many kinds of access each version knows.
        let kinds = match version {
            1 => 13,
            2 => 14,
            3 | 4 => 15,
            _ => 16,
        };
        let size = match version {
            ..=3 => 8,
            4 | 5 => 16,
            _ => size_of::<Attributes>(),
        };
        let attributes = Attributes {
            files: (1 << kinds) - 1,
            net: 0b11,
            scoped: 0b11,
        };
        // SAFETY: the attributes outlive the call, which reads `size` bytes of them; the descriptor is
        // new and nobody else's.
        let fd = unsafe {
            let attributes = &raw const attributes;
            let fd = libc::syscall(libc::SYS_landlock_create_ruleset, attributes, size, 0_u32);
            OwnedFd::from_raw_fd(Errno::result(fd)? as i32)
        };
        let files = attributes.files;
        Ok(Self { fd, files })
    }

    /// Allows what is at or below a path this access, as far as the kernel knows it and it makes sense
    /// there. The rule follows the file and not its name; where files come and go by themselves
    /// (`/proc`), it holds as long as the descriptor that is returned.
    ///
    /// Errors: there is no such path.
    pub fn allow(&self, path: &Path, access: u64) -> Result<OwnedFd, Errno> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
        let place = open(
            path.as_c_str(),
            OFlag::O_PATH | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        match self.add(&place, access & self.files) {
            Err(Errno::EINVAL) => self.add(&place, access & self.files & OF_A_FILE)?,
            done => done?,
        }
        Ok(place)
    }

    fn add(&self, place: &OwnedFd, allowed: u64) -> Result<(), Errno> {
        let parent = place.as_raw_fd();
        let rule = PathBeneath { allowed, parent };
        // SAFETY: the rule is laid out as the kernel has it and outlives the call.
        let added = unsafe {
            let (set, rule) = (self.fd.as_raw_fd(), &raw const rule);
            libc::syscall(libc::SYS_landlock_add_rule, set, PATH_BENEATH, rule, 0_u32)
        };
        Errno::result(added).map(drop)
    }

    /// Puts the rules in force for this thread. Errors: EPERM (without no_new_privs), E2BIG (the 17th).
    pub fn restrict(self) -> Result<(), Errno> {
        // SAFETY: takes two integers.
        let done =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.fd.as_raw_fd(), 0_u32) };
        Errno::result(done).map(drop)
    }
}
