//! Descriptors that a parent left open for this process and named by number, as in `INITSH_READY_FD`.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Whether [`keep`] only rehearses.
static REHEARSAL: AtomicBool = AtomicBool::new(false);

/// From now on [`keep`] gives descriptors of nothing: this process only checks whether it could go on
/// with a state, and has none of the descriptors in it.
pub fn rehearse() {
    REHEARSAL.store(true, Ordering::Relaxed);
}

/// Takes over a descriptor that this process's earlier program had. Where it is not open any more, a
/// descriptor of nothing takes its place: whoever uses it gets EBADF, and closes it.
///
/// Errors: EMFILE.
pub fn keep(number: RawFd) -> Result<OwnedFd, Errno> {
    let nothing = || open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
    match REHEARSAL.load(Ordering::Relaxed) {
        true => nothing(),
        false => take(number).or_else(|_| nothing()),
    }
}

/// Closes every descriptor above standard error that exec has left open and nobody has taken over
/// since: those that are not close-on-exec.
pub fn close_rest() {
    /// How many numbers in a row that are not open end the search.
    const GAP: u32 = 4096;
    let (mut number, mut unused) = (3, 0);
    while unused < GAP {
        // SAFETY: F_GETFD has no effect besides its answer.
        match unsafe { libc::fcntl(number, libc::F_GETFD) } {
            ..0 => unused += 1,
            flags => {
                unused = 0;
                if flags & libc::FD_CLOEXEC == 0 {
                    // SAFETY: whoever owns a descriptor here has made it close-on-exec.
                    unsafe { libc::close(number) };
                }
            }
        }
        number += 1;
    }
}

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
