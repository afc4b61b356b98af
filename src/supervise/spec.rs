//! What a service is, as `spawn` describes it to PID 1.

use std::ffi::OsString;
use std::time::Duration;

use super::setup::{Setup, Stdio, Step};
use super::wire::{wire_enum, wire_struct};
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
    /// The shortest and the longest pause before it is started again; doubles in between.
    pub backoff: (Duration, Duration),
    /// More starts than this within this time and it is given up.
    pub max_restarts: Option<(u32, Duration)>,
    /// When it counts as running.
    pub ready: Ready,
    /// Between the stop signal and SIGKILL.
    pub stop_timeout: Duration,
    /// The signal that asks it to end, as a number.
    pub stop_signal: u8,
    /// Services that must be ready before it starts, and with which it stops.
    pub needs: Vec<String>,
    /// Services that are started before it and stopped after it, where there are any.
    pub after: Vec<String>,
    /// Whether the machine ends when it has failed.
    pub critical: bool,
    /// Whether it does its work by ending: ready when it has ended well.
    pub oneshot: bool,
    /// What its process is given before the program is executed.
    pub setup: Setup,
    /// The service file that it was read from, if any.
    pub file: Option<OsString>,
}

impl ServiceSpec {
    /// A service with every option at its default: never started again, ready once executed, no
    /// environment, started in `/`.
    pub fn new(name: &str, program: Program, argv: Vec<OsString>) -> Self {
        Self {
            name: name.to_owned(),
            program,
            argv,
            env: Vec::new(),
            cwd: "/".into(),
            restart: Restart::Never,
            backoff: BACKOFF,
            max_restarts: None,
            ready: Ready::Exec,
            stop_timeout: STOP_TIMEOUT,
            stop_signal: libc::SIGTERM as u8,
            needs: Vec::new(),
            after: Vec::new(),
            critical: false,
            oneshot: false,
            setup: Setup::default(),
            file: None,
        }
    }
}

impl ServiceSpec {
    /// Whether its first process ends and another one goes on.
    pub fn forks(&self) -> bool {
        matches!(self.ready, Ready::PidFile(_))
    }
}

/// The pauses of a service that says nothing else.
pub const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(60));

/// The time to end of a service that says nothing else.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// As soon as its program was executed.
    Exec,
    /// When it writes a newline to the descriptor whose number is in its environment as
    /// [`READY_FD`] (the s6 convention).
    Descriptor,
    /// When it sends `READY=1` to the socket in `NOTIFY_SOCKET` (sd_notify(3)).
    Notify,
    /// When this file holds the pid of a process of its own (a daemon that forks): that process is the
    /// service from then on.
    PidFile(OsString),
    /// When this TCP port of the machine itself accepts a connection.
    Tcp(u16),
    /// When it has run for this long.
    After(Duration),
}

/// The environment variable that names the readiness descriptor.
pub const READY_FD: &str = "INITSH_READY_FD";

/// The environment variable that names the socket of sd_notify(3).
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The environment variable that says how often a service is going to say that it is alive, in
/// microseconds (sd_watchdog_enabled(3)).
pub const WATCHDOG_USEC: &str = "WATCHDOG_USEC";

wire_struct!(ServiceSpec {
    name,
    program,
    argv,
    env,
    cwd,
    restart,
    backoff,
    max_restarts,
    ready,
    stop_timeout,
    stop_signal,
    needs,
    after,
    critical,
    oneshot,
    setup,
    file,
});
wire_struct!(Setup {
    user,
    group,
    groups,
    stdin,
    stdout,
    stderr,
    nice,
    oom_score,
    rlimits,
    cgroup,
    cgroup_at,
    caps,
    no_new_privs,
    tty,
    keep_fds,
    log_file,
});
wire_enum!(Program { 0 => Own, 1 => Path(path) });
wire_enum!(Restart { 0 => Never, 1 => OnFailure, 2 => Always });
wire_enum!(Ready {
    0 => Exec, 1 => Descriptor, 2 => Notify, 3 => PidFile(path), 4 => Tcp(port), 5 => After(time),
});
wire_enum!(Step {
    1 => Directory,
    2 => Terminal,
    3 => Control,
    4 => Stdio(fd),
    5 => Cgroup,
    6 => Limit(place),
    7 => Join,
    8 => Rlimit(place),
    9 => OomScore,
    10 => Nice,
    11 => Groups,
    12 => Group,
    13 => User,
    14 => Caps,
    15 => NoNewPrivs,
    16 => Kept(fd),
    17 => Controller(place),
});
wire_enum!(Stdio { 0 => Default, 1 => Null, 2 => Console, 3 => Log, 4 => File(path) });

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
