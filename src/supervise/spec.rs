//! What a service is, as `spawn` describes it to PID 1.

use std::ffi::OsString;

use crate::failure::Failure;

/// The longest name of a service, in bytes.
pub const NAME_MAX: usize = 64;

/// Everything PID 1 needs to start a service and to know when to start it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Unique name: letters, digits, `.`, `_`, `-`, `@`; 64 bytes at most.
    pub name: String,
    /// What is executed.
    pub program: Program,
    /// Arguments, the program's name first.
    pub argv: Vec<OsString>,
    /// Environment, complete.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory.
    pub cwd: OsString,
    /// When it is started again.
    pub restart: Restart,
    /// When it counts as running.
    pub ready: Ready,
}

/// What is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program, by path (already looked up in `PATH`).
    Path(OsString),
    /// A built-in: PID 1's own executable.
    Own,
}

/// When a service is started again after its process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Not at all.
    Never,
    /// When it ended with a status other than 0 or by a signal.
    OnFailure,
    /// Always.
    Always,
}

/// When a starting service counts as running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// As soon as its program was executed.
    Exec,
    /// When it writes a newline to the descriptor whose number is in its environment as
    /// [`READY_FD`] (the s6 convention).
    Descriptor,
}

/// The environment variable that names the readiness descriptor.
pub const READY_FD: &str = "INITSH_READY_FD";

/// Refuses what is not a service's name.
///
/// Errors name the text and say what is allowed.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_MAX {
        "longer than 64 bytes"
    } else if !name.bytes().all(allowed) {
        "only letters, digits, '.', '_', '-' and '@' are allowed"
    } else if name.starts_with(['.', '-', '@']) {
        "it must begin with a letter, a digit or '_'"
    } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
        "a number would be taken for a pid"
    } else if name == BOOT {
        "that is PID 1's own child"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!(
        "'{name}' is not a service's name: {why}"
    )))
}

/// The name under which the boot role appears in the record of exits.
pub const BOOT: &str = "boot";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["web", "dhcp4.eth0", "a-b_c@1", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "..",
            "a b",
            "a/b",
            "42",
            "boot",
            "\u{e4}",
            &"x".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
