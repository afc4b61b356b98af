//! What a service is, as `spawn` describes it to PID 1.

use std::ffi::OsString;

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
