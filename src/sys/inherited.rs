//! Descriptors that a parent left open for this process and named by number, as in `INITSH_READY_FD`.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Takes over a descriptor above standard error; from now on it is close-on-exec. Call it at most once
/// for each number.
///
/// Errors: EBADF where it is not open or one of the standard three.
pub fn take(number: RawFd) -> Result<OwnedFd, Errno> {
    if number < 3 {
        return Err(Errno::EBADF);
    }
    // SAFETY: fcntl(2) with F_SETFD has no memory effects; it fails where the number is not open.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and its parent left it to this process to use and to close.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
