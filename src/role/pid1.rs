//! The pid1 role.

use std::ffi::OsString;

/// Runs as the first process of the machine; never returns while the machine is up.
pub fn machine() -> u8 {
    loop {
        nix::unistd::pause();
    }
}

/// Runs as the first process of a PID namespace.
pub fn namespace(_args: Vec<OsString>) -> u8 {
    1
}
