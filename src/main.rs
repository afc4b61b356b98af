//! The binary: hands its arguments to [`initsh::role`], which chooses one from them and the PID.
//!
//! It has a C `main` because std's start code aborts where there is neither a console nor `/dev/null`;
//! for PID 1 that would be a kernel panic.

#![cfg_attr(not(test), no_main)]

/// Called by the C start code.
///
/// # Safety
/// As C's `main`: `argv` has `argc` strings.
#[cfg(not(test))]
#[allow(unsafe_code)] // the symbol's name; everything else unsafe is in `sys`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: libc::c_int, argv: *const *const libc::c_char) -> libc::c_int {
    // SAFETY: these are the arguments of C's `main`.
    let args = unsafe { initsh::sys::entry::arguments(argc, argv) };
    libc::c_int::from(initsh::role::start(args))
}
