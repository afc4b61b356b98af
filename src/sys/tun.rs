//! The ioctls of `/dev/net/tun` (tuntap.rst in the kernel's documentation).

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Makes the descriptor of `/dev/net/tun` a new interface that stays when it is closed. `flags` are
/// IFF_TUN or IFF_TAP; the name (at most 15 bytes) must not be taken.
///
/// Errors: EBUSY (the name is taken), EPERM, EINVAL (of another kind).
pub fn create_persistent(
    device: BorrowedFd<'_>,
    name: &str,
    flags: libc::c_int,
) -> Result<(), Errno> {
    // SAFETY: all zeroes is a valid ifreq: integers, and pointers that are not used here.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let flags = flags | libc::IFF_NO_PI | libc::IFF_TUN_EXCL;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which outlives the call.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    Errno::result(made)?;
    // SAFETY: TUNSETPERSIST takes a number.
    let kept = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETPERSIST as _, 1) };
    Errno::result(kept).map(drop)
}
