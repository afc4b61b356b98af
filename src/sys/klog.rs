//! The kernel's log buffer where `/dev/kmsg` is not there yet: syslog(2).

use nix::errno::Errno;

const READ_ALL: libc::c_int = 3;
const CONSOLE_LEVEL: libc::c_int = 8;
const SIZE_BUFFER: libc::c_int = 10;

/// Everything in the log buffer, as lines `<6>[    1.234567] text`. Errors: EPERM without CAP_SYSLOG.
pub fn read_all() -> Result<Vec<u8>, Errno> {
    // SAFETY: this action takes no buffer.
    let size = Errno::result(unsafe { libc::klogctl(SIZE_BUFFER, std::ptr::null_mut(), 0) })?;
    let mut buffer = vec![0u8; usize::try_from(size).unwrap_or(0)];
    // SAFETY: the buffer has the length that is passed with it.
    let read = unsafe { libc::klogctl(READ_ALL, buffer.as_mut_ptr().cast(), size) };
    let read = Errno::result(read)?;
    buffer.truncate(usize::try_from(read).unwrap_or(0));
    Ok(buffer)
}

/// Sets which messages the kernel prints on the console: those below `level` (1–8).
/// Errors: EPERM, EINVAL.
pub fn set_console_level(level: u8) -> Result<(), Errno> {
    // SAFETY: this action takes no buffer; the level stands in the place of its length.
    let set = unsafe { libc::klogctl(CONSOLE_LEVEL, std::ptr::null_mut(), level.into()) };
    Errno::result(set).map(drop)
}
