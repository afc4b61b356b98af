//! The boot role: a child of PID 1 with the console as its terminal; boot script, then shell.

use std::ffi::OsString;

/// Runs as `--boot ARGS`: `--again` (no boot script, straight to the shell: it was started again),
/// `--control-fd=N` (for [`crate::supervise::client::set_inherited`]), `--script FILE`.
pub fn run(_args: Vec<OsString>) -> u8 {
    0
}
