//! fork, exec and the descriptor hygiene around them. Invariant: this process has one thread whenever
//! [`fork`] is called, so the child may use the whole library.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use super::{call, fault, signal};
use crate::failure::Failure;
use crate::sort::sort;
use crate::time::Instant;

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The caller goes on; this is its child.
    Parent(Pid),
    /// The new process.
    Child,
}

/// fork(2). Errors: EAGAIN, ENOMEM (try again later).
pub fn fork() -> Result<Fork, Errno> {
    // SAFETY: the process is single-threaded (the module's invariant), so no lock can be held by a
    // thread that does not exist in the child.
    match call::seam("fork", || unsafe { nix::unistd::fork() })? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
        ForkResult::Child => {
            fault::enter_child();
            Ok(Fork::Child)
        }
    }
}

/// Leaves a forked child at once: no destructors, no exit handlers, nothing flushed.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit(2) has no preconditions.
    unsafe { libc::_exit(i32::from(status)) }
}

/// execveat(2) on an open file (`AT_EMPTY_PATH`): needs no path. Returns only on failure.
pub fn exec_fd(file: BorrowedFd<'_>, argv: &[CString], envp: &[CString]) -> Errno {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings
            .iter()
            .map(|s| s.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (argv, envp) = (pointers(argv), pointers(envp));
    // SAFETY: both arrays are NULL-terminated and outlive the call, as do the strings they point to.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    Errno::last()
}

/// Opens this process's own executable, close-on-exec: by the path that the kernel started it from
/// (auxiliary vector, needs no `/proc`), else `/proc/self/exe`.
pub fn own_executable() -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    call::open(c"/proc/self/exe", flags, Mode::empty())
        .or_else(|_| call::open(own_path(), flags, Mode::empty()))
}

/// The path that the kernel started this process from (`AT_EXECFN`); empty where it is not known.
pub fn own_path() -> &'static CStr {
    // SAFETY: AT_EXECFN is zero or a NUL-terminated string that lives as long as the process.
    unsafe {
        let address = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        if address.is_null() {
            c""
        } else {
            CStr::from_ptr(address)
        }
    }
}

/// Has exec close every descriptor from `first` on: close_range(2) with `CLOSE_RANGE_CLOEXEC` (5.11).
pub fn cloexec_from(first: RawFd) {
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: changes flags of the descriptor table, no memory.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flag) };
    if done < 0 {
        for fd in first..1024 {
            let _ = set_cloexec(fd, true);
        }
    }
}

/// Closes every descriptor from `first` on: close_range(2).
pub fn close_from(first: RawFd) {
    close_between(first, RawFd::MAX);
}

/// Closes every descriptor from 3 on but these, which keep their numbers: what a child may have to wait
/// for must not keep open what belongs to others.
pub fn close_but(mut kept: Vec<RawFd>) {
    sort(&mut kept);
    let mut first = 3;
    for number in kept {
        if first < number {
            close_between(first, number - 1);
        }
        first = first.max(number + 1);
    }
    close_from(first);
}

fn close_between(first: RawFd, last: RawFd) {
    // SAFETY: closing descriptors is memory-safe; callers do this in a child that is about to exec.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done < 0 {
        for fd in first..=last.min(1023) {
            // SAFETY: as above.
            unsafe { libc::close(fd) };
        }
    }
}

/// dup2(2) onto a number that the caller does not own as a value (0, 1, 2 or one a script named).
pub fn dup_onto(from: RawFd, onto: RawFd) -> Result<(), Errno> {
    // SAFETY: dup2 has no memory effects; errors are returned.
    Errno::result(unsafe { libc::dup2(from, onto) }).map(drop)
}

/// close(2) of a number that a script named.
pub fn close_number(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: only numbers that a script opened through a redirection reach this.
    Errno::result(unsafe { libc::close(fd) }).map(drop)
}

/// Whether a descriptor is closed by exec.
pub fn set_cloexec(fd: RawFd, closed: bool) -> Result<(), Errno> {
    let flag = if closed { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: F_SETFD changes a flag of the descriptor table, no memory.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, flag) }).map(drop)
}

/// The same open file under a number of 10 or more, close-on-exec: out of the way of the numbers that a
/// program is given.
pub fn dup_high(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    // SAFETY: F_DUPFD_CLOEXEC makes a descriptor, which nobody else owns yet.
    unsafe {
        let dup = || Errno::result(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10));
        call::seam("dup", dup).map(|new| OwnedFd::from_raw_fd(new))
    }
}

/// A descriptor that this process inherited under a known number; `None` if there is none.
pub fn borrow_number<'a>(fd: RawFd) -> Option<BorrowedFd<'a>> {
    if fd < 0 {
        return None;
    }
    // SAFETY: not -1. Using a number that was closed meanwhile is an error of the call that uses it.
    Some(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// A close-on-exec copy of descriptor `fd` with a number of `least` or above (F_DUPFD_CLOEXEC).
///
/// Errors: EBADF where `fd` is not open, EINVAL where `least` is over the limit of open files.
pub fn dup_above(fd: RawFd, least: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: F_DUPFD_CLOEXEC takes an integer and has no memory effects.
    let copy = Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Waits for a child until `deadline` (`None`: for ever); `None` when the time is over. The child is
/// reaped, or reported as stopped where `flags` has WUNTRACED.
///
/// Errors: Ctrl-C ends it at once with [`Failure::interrupted`], as does a signal that a script traps
/// (status 128 + its number); ECHILD where it is not our child.
pub fn wait_until(
    pid: Pid,
    flags: WaitPidFlag,
    deadline: Option<Instant>,
) -> Result<Option<WaitStatus>, Failure> {
    // Blocked between the check and the sleep, so that no signal falls into the gap.
    let mut before = SigSet::empty();
    let mut held = SigSet::empty();
    held.add(Signal::SIGINT);
    held.add(Signal::SIGCHLD);
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before));
    let file = pidfd(pid);
    let result = wait_masked(pid, flags, deadline, file.as_ref(), before);
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    result
}

fn wait_masked(
    pid: Pid,
    flags: WaitPidFlag,
    deadline: Option<Instant>,
    file: Option<&OwnedFd>,
    mask: SigSet,
) -> Result<Option<WaitStatus>, Failure> {
    /// How often a stop is looked for (a pidfd reports only the end), or anything without pidfds.
    const TURN: Duration = Duration::from_millis(20);
    loop {
        match waitpid(pid, Some(flags | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
            Ok(status) => return Ok(Some(status)),
            Err(errno) => return Err(Failure::errno(format!("wait for process {pid}"), errno)),
        }
        signal::check_interrupt()?;
        let left = deadline.map(|deadline| deadline.since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        let (mut fds, left) = match file {
            Some(file) if !flags.contains(WaitPidFlag::WUNTRACED) => {
                (vec![PollFd::new(file.as_fd(), PollFlags::POLLIN)], left)
            }
            _ => (Vec::new(), Some(left.unwrap_or(TURN).min(TURN))),
        };
        match ppoll(&mut fds, left.map(Into::into), Some(mask)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::errno("wait", errno)),
        }
        if let Some(number) = signal::caught() {
            return Err(Failure::interrupted().with_status(128 + number));
        }
    }
}

/// pidfd_open(2); `None` before Linux 5.3. The kernel makes it close-on-exec.
fn pidfd(pid: Pid) -> Option<OwnedFd> {
    // SAFETY: pidfd_open takes integers and has no memory effects.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = RawFd::try_from(fd).ok().filter(|&fd| fd >= 0)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
