//! Small children of PID 1 for what may block: opening and reading files that somebody named. Invariant:
//! a helper has nothing of PID 1 but the descriptors that it is handed, and any signal ends it.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;

use crate::sys::call::set_name;
use crate::sys::process::{self, Fork, exit_now, fork};
use crate::sys::signal;

/// The number of the first descriptor that a helper is handed; the others follow.
pub const FIRST: RawFd = 3;

/// Forks a helper that does `work` and ends; its pid. `name`: as `ps` shows it, 15 bytes at most.
///
/// Errors: EAGAIN, ENOMEM: try again later.
pub fn help(
    name: &CStr,
    descriptors: &[BorrowedFd<'_>],
    work: impl FnOnce(),
) -> Result<i32, Errno> {
    if let Fork::Parent(pid) = fork()? {
        return Ok(pid.as_raw());
    }
    let _ = set_name(name);
    // Out of the way of each other first.
    let least = FIRST + 32;
    let copies: Vec<_> = descriptors
        .iter()
        .filter_map(|fd| process::dup_above(fd.as_raw_fd(), least).ok())
        .collect();
    if copies.len() == descriptors.len() {
        for (number, copy) in (FIRST..).zip(&copies) {
            let _ = process::dup_onto(copy.as_raw_fd(), number);
        }
        process::close_from(FIRST + copies.len() as RawFd);
        signal::reset_for_child();
        work();
    }
    exit_now(0)
}

/// A descriptor that this helper was handed.
pub fn handed<'a>(place: RawFd) -> Result<BorrowedFd<'a>, Errno> {
    process::borrow_number(FIRST + place).ok_or(Errno::EBADF)
}
