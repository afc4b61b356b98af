//! The ioctls of a watchdog device (watchdog-api.rst in the kernel's documentation). Invariant: none of
//! them waits for anything.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// `struct watchdog_info`.
#[repr(C)]
#[derive(Default)]
struct Info {
    options: u32,
    firmware: u32,
    identity: [u8; 32],
}

/// The letter of these ioctls.
const W: u8 = b'W';

const GET_SUPPORT: u64 = nix::request_code_read!(W, 0, size_of::<Info>()) as u64;
const GET_BOOT_STATUS: u64 = nix::request_code_read!(W, 2, size_of::<libc::c_int>()) as u64;
const SET_OPTIONS: u64 = nix::request_code_read!(W, 4, size_of::<libc::c_int>()) as u64;
const SET_TIMEOUT: u64 = nix::request_code_readwrite!(W, 6, size_of::<libc::c_int>()) as u64;
const GET_TIMEOUT: u64 = nix::request_code_read!(W, 7, size_of::<libc::c_int>()) as u64;
const GET_TIME_LEFT: u64 = nix::request_code_read!(W, 10, size_of::<libc::c_int>()) as u64;

/// `WDIOS_DISABLECARD`.
const DISABLE: libc::c_int = 1;

/// What the hardware, or the driver, calls itself.
///
/// Errors: ENOTTY and EINVAL where it is no watchdog.
pub fn identity(device: BorrowedFd<'_>) -> Result<String, Errno> {
    let mut info = Info::default();
    // SAFETY: WDIOC_GETSUPPORT writes one watchdog_info, which outlives the call.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), GET_SUPPORT as _, &raw mut info) };
    Errno::result(done)?;
    let end = info.identity.iter().position(|&byte| byte == 0);
    let text = &info.identity[..end.unwrap_or(info.identity.len())];
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Why the machine was started last, as `WDIOF_*` bits; 0 where nothing is known.
pub fn boot_status(device: BorrowedFd<'_>) -> u32 {
    number(device, GET_BOOT_STATUS, 0).map_or(0, i32::cast_unsigned)
}

/// Sets the time after which it resets the machine, in seconds, and starts it over; what it took.
///
/// Errors: EINVAL (out of its range), EOPNOTSUPP or ENOTTY (it has one only).
pub fn set_timeout(device: BorrowedFd<'_>, seconds: i32) -> Result<i32, Errno> {
    number(device, SET_TIMEOUT, seconds)
}

/// The time after which it resets the machine, in seconds.
pub fn timeout(device: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(device, GET_TIMEOUT, 0)
}

/// How many seconds are left. Errors: EOPNOTSUPP (most cannot say).
pub fn time_left(device: BorrowedFd<'_>) -> Result<i32, Errno> {
    number(device, GET_TIME_LEFT, 0)
}

/// Stops it. Errors: EBUSY (the driver was loaded with `nowayout`); ENOTTY and the like where it can be
/// stopped by magic close only.
pub fn disable(device: BorrowedFd<'_>) -> Result<(), Errno> {
    number(device, SET_OPTIONS, DISABLE).map(drop)
}

/// Starts its time over; with `b'V'` besides, closing it stops it (the magic close).
pub fn pet(device: &impl AsFd, byte: u8) -> Result<(), Errno> {
    super::call::write(device, &[byte]).map(drop)
}

/// An ioctl that reads, or reads and writes, one int.
fn number(device: BorrowedFd<'_>, request: u64, value: libc::c_int) -> Result<i32, Errno> {
    let mut value = value;
    // SAFETY: each of these requests reads or writes one int, which outlives the call.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), request as _, &raw mut value) };
    Errno::result(done).map(|_| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of linux/watchdog.h on x86 and ARM.
    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn requests_are_the_kernels() {
        assert_eq!(GET_SUPPORT, 0x8028_5700);
        assert_eq!(GET_BOOT_STATUS, 0x8004_5702);
        assert_eq!(SET_OPTIONS, 0x8004_5704);
        assert_eq!(SET_TIMEOUT, 0xc004_5706);
        assert_eq!(GET_TIMEOUT, 0x8004_5707);
        assert_eq!(GET_TIME_LEFT, 0x8004_570a);
    }

    #[test]
    fn what_is_no_watchdog_says_so() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(identity(null.as_fd()), Err(Errno::ENOTTY));
    }
}
