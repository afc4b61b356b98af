//! What a socket has been given to send and has not sent yet.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Bytes that wait in the socket's queue, in the network card's, or for an answer to ARP (SIOCOUTQ,
/// socket(7)). Errors: ENOTTY for what is no socket.
pub fn unsent(socket: &impl AsFd) -> Result<usize, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ, which is SIOCOUTQ, stores one int, and there is one.
    let asked = unsafe {
        libc::ioctl(
            socket.as_fd().as_raw_fd(),
            libc::TIOCOUTQ as _,
            &raw mut bytes,
        )
    };
    Errno::result(asked)?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}
