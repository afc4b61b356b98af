//! Why a service is in its state, in words. Names of other services are not kept here but looked up by
//! [`super::super::table`]: what is kept is their place in the service's own `needs`.

use std::fmt;
use std::time::Duration;

use nix::errno::Errno;

use crate::supervise::setup::Step;
use crate::supervise::wire::wire_enum;
use crate::sys::child::Exit;
use crate::time::seconds;

/// Why a service is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing to say.
    Nothing,
    /// It waits for the readiness that it promised.
    NotReady,
    /// Its process ended like this.
    Ended(Exit),
    /// Its program could not be executed.
    CannotExecute(Errno),
    /// A step between fork and exec failed.
    CannotSetUp(Step, Errno),
    /// There was no process to be had.
    CannotFork(Errno),
    /// Somebody stopped it.
    Asked,
    /// Somebody has it started again.
    Restart,
    /// It did not stop when asked and was killed.
    Killed,
    /// It was killed, which did not help: a process that hangs in the kernel.
    Stuck,
    /// It ended like this after it had been started again this often in this time.
    TooOften(Exit, u32, Duration),
    /// Its first process ended well, but no pid file named another one.
    NoPidFile,
    /// A service that it needs (by its place in `needs`) was lost like this.
    Need(u32, Loss),
}

/// What has become of a service that another one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It was stopped, or ended well.
    Stopped,
    /// It has failed, or is not there any more.
    Failed,
    /// It ended and is being started again.
    Again,
}

impl Reason {
    /// The system error behind it, if any.
    pub fn errno(self) -> Option<Errno> {
        match self {
            Self::CannotExecute(errno) | Self::CannotSetUp(_, errno) | Self::CannotFork(errno) => {
                Some(errno)
            }
            _ => None,
        }
    }
}

/// `exit 1`, `cannot execute: ENOENT (No such file or directory)`
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cannot =
            |what, errno: Errno| write!(f, "cannot {what}: {errno:?} ({})", errno.desc());
        match *self {
            Self::CannotExecute(errno) => cannot("execute", errno),
            // `Service::reason` knows the words for the step.
            Self::CannotSetUp(_, errno) => cannot("be set up", errno),
            Self::CannotFork(errno) => cannot("fork", errno),
            Self::Nothing => Ok(()),
            Self::NotReady => f.write_str("not ready yet"),
            Self::Ended(exit) => write!(f, "{exit}"),
            Self::Asked => f.write_str("stopped on request"),
            Self::Restart => f.write_str("restarted on request"),
            Self::Killed => f.write_str("killed: did not stop when asked"),
            Self::Stuck => f.write_str("killed, but its process does not go"),
            Self::TooOften(exit, times, within) => {
                let seconds = seconds(within);
                let plural = if times == 1 { "" } else { "s" };
                write!(f, "{exit}; restarted {times} time{plural} in {seconds} s")
            }
            Self::NoPidFile => f.write_str("no pid file after its first process had ended"),
            Self::Need(_, loss) => write!(f, "a service that it needs {loss}"),
        }
    }
}

/// `has failed`
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "has stopped",
            Self::Failed => "has failed",
            Self::Again => "is being started again",
        })
    }
}

wire_enum!(Reason {
    0 => Nothing,
    1 => NotReady,
    2 => Ended(exit),
    3 => CannotExecute(errno),
    4 => CannotFork(errno),
    12 => CannotSetUp(step, errno),
    5 => Asked,
    6 => Restart,
    7 => Killed,
    8 => Stuck,
    9 => TooOften(exit, times, within),
    10 => NoPidFile,
    11 => Need(place, loss),
});
wire_enum!(Loss { 0 => Stopped, 1 => Failed, 2 => Again });
