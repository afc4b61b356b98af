//! getrandom(2) without waiting.

/// 64 bits from the kernel; zero while it has none to give (early in a boot), so mix it with what else
/// is known.
pub fn bits() -> u64 {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer is valid for writes of the length that is passed with it.
    let got =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if got == bytes.len() as isize {
        u64::from_ne_bytes(bytes)
    } else {
        0
    }
}
