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
    let mut unused = 0;
    for first in (0..MOST).step_by(BLOCK) {
        let open = open_among(first);
        unused = if open.contains(&true) { 0 } else { unused + 1 };
        if unused == EMPTY_BLOCKS {
            return;
        }
        let numbers = (first..)
            .zip(open)
            .filter(|(number, open)| *number > 2 && *open);
        numbers.for_each(|(number, _)| close_unless_taken(number));
    }
}

/// No limit of open files is higher (fs.nr_open by default).
const MOST: RawFd = 1 << 20;

/// How many numbers are looked at with one call: less than any limit of open files.
const BLOCK: usize = 256;

/// So many blocks in a row without a descriptor end the search.
const EMPTY_BLOCKS: u32 = 16;

/// Which of [`BLOCK`] numbers are open: poll(2) tells of all of them at once.
fn open_among(first: RawFd) -> [bool; BLOCK] {
    let mut all = [libc::pollfd {
        fd: 0,
        events: 0,
        revents: 0,
    }; BLOCK];
    for (entry, number) in all.iter_mut().zip(first..) {
        entry.fd = number;
    }
    // SAFETY: the array is as long as it says. It does not wait.
    let told = unsafe { libc::poll(all.as_mut_ptr(), BLOCK as libc::nfds_t, 0) } >= 0;
    all.map(|entry| !told || entry.revents & libc::POLLNVAL == 0)
}

fn close_unless_taken(number: RawFd) {
    // SAFETY: F_GETFD has no effect besides its answer.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
        // SAFETY: whoever owns a descriptor here has made it close-on-exec.
        unsafe { libc::close(number) };
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
