//! The shell and command roles: `initsh`, `initsh FILE [ARG…]`, `initsh -c TEXT`, `initsh NAME [ARG…]`.

use std::ffi::OsString;

/// Runs with the arguments that follow the program's name; the exit status.
pub fn run(_args: Vec<OsString>) -> u8 {
    0
}
