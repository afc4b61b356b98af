//! The system calls of PID 1's role that can fail for want of something. They are called as `nix` has
//! them; each can be made to fail ([`super::fault`]), and a failure that says that the machine is short
//! of something, or broken, is kept for [`take_troubles`]. Invariant: the files of PID 1's role call
//! nothing of `nix`, `libc` or `std::fs` by itself (a test reads them).

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FallocateFlags, FcntlArg, OFlag, OpenHow};
use nix::mount::{MntFlags, MsFlags};
use nix::poll::{PollFd, PollTimeout};
use nix::sys::memfd::MFdFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::sys::stat::{FileStat, Mode};
use nix::sys::statfs::Statfs;
use nix::sys::statvfs::Statvfs;
use nix::sys::termios::Termios;
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Pid, Uid, UnlinkatFlags};

use super::fault;

/// A call that failed for want of something, and how.
pub type Trouble = (&'static str, Errno);

/// How many different ones are kept between two looks at them.
const KEPT: usize = 4;

thread_local! {
    static TROUBLES: Cell<[Option<Trouble>; KEPT]> = const { Cell::new([None; KEPT]) };
    static DONE: Cell<u32> = const { Cell::new(0) };
}

/// The calls that have failed since the last look.
pub fn take_troubles() -> impl Iterator<Item = Trouble> {
    TROUBLES.take().into_iter().flatten()
}

/// How many calls have succeeded so far (wraps): whoever is told that something is ready and gets
/// nothing done is about to spin.
pub fn done() -> u32 {
    DONE.get()
}

/// Does something that is no progress by itself: writing down how things stand.
pub fn uncounted<T>(what: impl FnOnce() -> T) -> T {
    let before = DONE.get();
    let result = what();
    DONE.set(before);
    result
}

/// Does something whose failures are not to be spoken of: speaking itself.
pub fn quietly<T>(what: impl FnOnce() -> T) -> T {
    let before = TROUBLES.get();
    let result = what();
    TROUBLES.set(before);
    result
}

/// Whether an error is a shortage or a fault of the machine. EAGAIN is one where nothing was asked not
/// to wait.
fn is_trouble(call: &str, errno: Errno) -> bool {
    use Errno::{EAGAIN, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC};
    match errno {
        EAGAIN => matches!(call, "fork" | "pipe" | "poll" | "setrlimit"),
        EMFILE | ENFILE | ENOMEM | ENOBUFS | ENOSPC | EIO | EINTR => true,
        _ => false,
    }
}

/// Makes a call unless it is to fail, and notes what becomes of it.
pub(super) fn seam<T>(
    call: &'static str,
    make: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let result = look(call, make)?;
    count_done();
    Ok(result)
}

/// The same for a call that gets nothing done by itself.
pub(super) fn look<T>(
    call: &'static str,
    make: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let result = fault::at(call).and_then(|()| make());
    if let Err(errno) = &result {
        note(call, *errno);
    }
    result
}

/// Notes that something was done.
pub(super) fn count_done() {
    DONE.set(DONE.get().wrapping_add(1));
}

fn note(call: &'static str, errno: Errno) {
    let mut all = TROUBLES.get();
    if !is_trouble(call, errno) || all.contains(&Some((call, errno))) {
        return;
    }
    if let Some(free) = all.iter_mut().find(|place| place.is_none()) {
        *free = Some((call, errno));
        TROUBLES.set(all);
    }
}

/// open(2).
pub fn open<P: ?Sized + NixPath>(path: &P, flags: OFlag, mode: Mode) -> Result<OwnedFd, Errno> {
    seam("open", || nix::fcntl::open(path, flags, mode))
}

/// read(2).
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    seam("read", || nix::unistd::read(fd, buffer))
}

/// write(2).
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize, Errno> {
    seam("write", || nix::unistd::write(fd, bytes))
}

/// A whole file, `most` bytes of it at most. Errors: those of open(2) and read(2).
pub fn read_file<P: ?Sized + NixPath>(path: &P, most: usize) -> Result<Vec<u8>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = open(path, flags, Mode::empty())?;
    let mut all = Vec::new();
    // On PID 1's stack, which never gets smaller.
    let mut piece = [0; 512];
    while all.len() < most {
        match read(&file, &mut piece) {
            Ok(0) => break,
            Ok(length) => all.extend_from_slice(&piece[..length]),
            // EINTR, too: every signal is blocked, so it would not be the last.
            Err(errno) => return Err(errno),
        }
    }
    all.truncate(most);
    Ok(all)
}

/// pipe2(2).
pub fn pipe2(flags: OFlag) -> Result<(OwnedFd, OwnedFd), Errno> {
    seam("pipe", || nix::unistd::pipe2(flags))
}

/// memfd_create(2), close-on-exec, of this size in bytes.
pub fn memfd<P: ?Sized + NixPath>(name: &P, size: u32) -> Result<OwnedFd, Errno> {
    seam("memfd", || {
        let file = nix::sys::memfd::memfd_create(name, MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&file, size.into()).map(|()| file)
    })
}

/// pread(2).
pub fn pread(fd: impl AsFd, buffer: &mut [u8], at: impl Into<libc::off_t>) -> Result<usize, Errno> {
    seam("pread", || nix::sys::uio::pread(fd, buffer, at.into()))
}

/// pwrite(2). The journal is written with it in every turn: that is not what the turn was for.
pub fn pwrite(fd: impl AsFd, bytes: &[u8], at: impl Into<libc::off_t>) -> Result<usize, Errno> {
    look("pwrite", || nix::sys::uio::pwrite(fd, bytes, at.into()))
}

/// ftruncate(2).
pub fn ftruncate(fd: impl AsFd, length: libc::off_t) -> Result<(), Errno> {
    seam("ftruncate", || nix::unistd::ftruncate(fd, length))
}

/// fallocate(2) that gives memory or space back (`FALLOC_FL_PUNCH_HOLE`).
pub fn punch_hole(fd: impl AsFd, from: libc::off_t, length: libc::off_t) -> Result<(), Errno> {
    let mode = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    seam("fallocate", || {
        nix::fcntl::fallocate(fd, mode, from, length)
    })
}

/// fstat(2).
pub fn fstat(fd: impl AsFd) -> Result<FileStat, Errno> {
    seam("stat", || nix::sys::stat::fstat(fd))
}

/// rename(2).
pub fn rename<P: ?Sized + NixPath, Q: ?Sized + NixPath>(from: &P, to: &Q) -> Result<(), Errno> {
    let here = nix::fcntl::AT_FDCWD;
    seam("rename", || nix::fcntl::renameat(here, from, here, to))
}

/// fchown(2).
pub fn fchown(fd: impl AsFd, user: u32, group: u32) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    seam("fchown", || {
        nix::unistd::fchown(fd, Some(user), Some(group))
    })
}

/// fcntl(2).
pub fn fcntl(fd: impl AsFd, what: FcntlArg<'_>) -> Result<libc::c_int, Errno> {
    seam("fcntl", || nix::fcntl::fcntl(fd, what))
}

/// openat2(2).
pub fn openat2<P: ?Sized + NixPath>(
    base: impl AsFd,
    path: &P,
    how: OpenHow,
) -> Result<OwnedFd, Errno> {
    seam("open", || nix::fcntl::openat2(base, path, how))
}

/// lstat(2).
pub fn lstat<P: ?Sized + NixPath>(path: &P) -> Result<FileStat, Errno> {
    look("stat", || nix::sys::stat::lstat(path))
}

/// mkdir(2).
pub fn mkdir<P: ?Sized + NixPath>(path: &P, mode: Mode) -> Result<(), Errno> {
    seam("mkdir", || nix::unistd::mkdir(path, mode))
}

/// rmdir(2), which nix has for no other path than std's.
pub fn rmdir(path: &std::path::Path) -> Result<(), Errno> {
    let raw = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    seam("rmdir", || std::fs::remove_dir(path).map_err(raw))
}

/// unlink(2).
pub fn unlink<P: ?Sized + NixPath>(path: &P) -> Result<(), Errno> {
    seam("unlink", || nix::unistd::unlink(path))
}

/// chdir(2).
pub fn chdir<P: ?Sized + NixPath>(path: &P) -> Result<(), Errno> {
    seam("chdir", || nix::unistd::chdir(path))
}

/// fchdir(2).
pub fn fchdir(fd: impl AsFd) -> Result<(), Errno> {
    seam("chdir", || nix::unistd::fchdir(fd))
}

/// chroot(2).
pub fn chroot<P: ?Sized + NixPath>(path: &P) -> Result<(), Errno> {
    seam("chroot", || nix::unistd::chroot(path))
}

/// kill(2).
pub fn kill(pid: Pid, signal: impl Into<Option<Signal>>) -> Result<(), Errno> {
    seam("kill", || nix::sys::signal::kill(pid, signal))
}

/// kill(2) by number: real-time signals have no names.
pub fn kill_number(pid: i32, number: u8) -> Result<(), Errno> {
    seam("kill", || super::signal::send(pid, i32::from(number)))
}

/// poll(2).
pub fn poll(fds: &mut [PollFd<'_>], timeout: PollTimeout) -> Result<libc::c_int, Errno> {
    look("poll", || nix::poll::poll(fds, timeout))
}

/// ppoll(2) that leaves the signal mask alone.
pub fn ppoll(fds: &mut [PollFd<'_>], timeout: Option<TimeSpec>) -> Result<libc::c_int, Errno> {
    look("poll", || match nix::poll::ppoll(fds, timeout, None) {
        // A fault signal that somebody sent (`super::crash`) has ended the sleep, and that is all.
        Err(Errno::EINTR) => Ok(0),
        result => result,
    })
}

/// signalfd(2), close-on-exec, for reading without waiting.
pub fn signalfd(signals: &SigSet) -> Result<SignalFd, Errno> {
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    seam("signalfd", || SignalFd::with_flags(signals, flags))
}

/// The next signal, if there is one.
pub fn read_signal(file: &SignalFd) -> Result<Option<siginfo>, Errno> {
    let signal = look("readsignal", || file.read_signal())?;
    if signal.is_some() {
        count_done();
    }
    Ok(signal)
}

/// tcgetattr(3).
pub fn tcgetattr(terminal: impl AsFd) -> Result<Termios, Errno> {
    seam("tcgetattr", || nix::sys::termios::tcgetattr(terminal))
}

/// mount(2).
pub fn mount<S, T, F, D>(
    source: Option<&S>,
    target: &T,
    kind: Option<&F>,
    flags: MsFlags,
    data: Option<&D>,
) -> Result<(), Errno>
where
    S: ?Sized + NixPath,
    T: ?Sized + NixPath,
    F: ?Sized + NixPath,
    D: ?Sized + NixPath,
{
    seam("mount", || {
        nix::mount::mount(source, target, kind, flags, data)
    })
}

/// umount2(2).
pub fn umount2<P: ?Sized + NixPath>(target: &P, flags: MntFlags) -> Result<(), Errno> {
    seam("umount", || nix::mount::umount2(target, flags))
}

/// fstatat(2).
pub fn fstatat<P: ?Sized + NixPath>(
    at: impl AsFd,
    path: &P,
    how: AtFlags,
) -> Result<FileStat, Errno> {
    seam("stat", || nix::sys::stat::fstatat(at, path, how))
}

/// fstatfs(2).
pub fn fstatfs(file: impl AsFd) -> Result<Statfs, Errno> {
    seam("stat", || nix::sys::statfs::fstatfs(file))
}

/// fstatvfs(3).
pub fn fstatvfs(file: impl AsFd) -> Result<Statvfs, Errno> {
    seam("stat", || nix::sys::statvfs::fstatvfs(file))
}

/// mkdirat(2).
pub fn mkdirat<P: ?Sized + NixPath>(at: impl AsFd, path: &P, mode: Mode) -> Result<(), Errno> {
    seam("mkdir", || nix::sys::stat::mkdirat(at, path, mode))
}

/// unlinkat(2).
pub fn unlinkat<P: ?Sized + NixPath>(
    at: impl AsFd,
    path: &P,
    flags: UnlinkatFlags,
) -> Result<(), Errno> {
    seam("unlink", || nix::unistd::unlinkat(at, path, flags))
}

// These cannot fail for want of anything, or run in a child, which says what it could not do.
pub use nix::sys::prctl::{set_name, set_no_new_privs};
pub use nix::sys::signal::sigprocmask;
pub use nix::unistd::{
    execve, getpgrp, getpid, getsid, getuid, setgid, setgroups, setpgid, setsid, setuid, sync,
    tcgetpgrp, tcsetpgrp,
};

#[cfg(test)]
mod tests;
