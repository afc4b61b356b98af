//! This process's own environment. Invariant: it is changed only at the start of a role, while there
//! is nothing else in the process that reads it.

use std::ffi::OsStr;

/// Sets a variable.
pub fn set(name: &str, value: impl AsRef<OsStr>) {
    // SAFETY: the process has one thread (the invariant of `process::fork`), so nobody reads the
    // environment at the same time.
    unsafe { std::env::set_var(name, value) }
}
