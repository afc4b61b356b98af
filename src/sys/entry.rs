//! The process's beginning, in place of std's own start code, which aborts where descriptors 0–2 are
//! closed and `/dev/null` is missing: the state of a machine without a console, where PID 1 must live on.
//! Invariant: descriptors 0–2 are open once [`secure_standard_fds`] has run, so that no socket or file
//! of ours is ever taken for standard output.

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// The arguments that the C start code hands to `main`, the program's name first.
///
/// # Safety
/// `argv` points to `argc` NUL-terminated strings, as C's `main` is called.
pub unsafe fn arguments(argc: libc::c_int, argv: *const *const libc::c_char) -> Vec<OsString> {
    let count = usize::try_from(argc).unwrap_or(0);
    (0..count)
        .map(|at| {
            // SAFETY: the caller vouches for `argc` strings at `argv`.
            let text = unsafe { CStr::from_ptr(*argv.add(at)) };
            OsStr::from_bytes(text.to_bytes()).to_owned()
        })
        .collect()
}

/// Opens whichever of descriptors 0–2 is closed: `/dev/null`, else the root directory as a mere path
/// (reads and writes then fail with EBADF, which is what a missing console deserves).
pub fn secure_standard_fds() {
    for fd in 0..=2 {
        // SAFETY: F_GETFD has no effect besides its answer.
        let known = unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
        if known || Errno::last() != Errno::EBADF {
            continue;
        }
        // The lowest free number is the closed one. It stays open for the life of the process.
        let opened = open(c"/dev/null", OFlag::O_RDWR, Mode::empty())
            .or_else(|_| open(c"/", OFlag::O_PATH, Mode::empty()));
        if let Ok(file) = opened {
            let _ = file.into_raw_fd();
        }
    }
}
