//! How children end: waitid(2) in two steps, so that PID 1 can look a pid up while the zombie still
//! holds it. Real-time signals, which `nix` refuses to name, pass through as numbers.

use std::fmt;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::call::{count_done, look};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(u8),
    /// This signal ended it.
    Signal(u8),
}

impl Exit {
    /// What a shell shows as `$?`: the exit status, or 128 plus the signal.
    pub fn status(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }

    /// Whether it ended with status 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

/// `exit 3`, `SIGKILL`
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(number) => match Signal::try_from(i32::from(number)) {
                Ok(signal) => f.write_str(signal.as_str()),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// What [`peek`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// This child has ended and waits to be reaped.
    Ended(Pid, Exit),
    /// There are children, none has ended.
    Busy,
    /// There are no children at all.
    Childless,
    /// The kernel did not say.
    Unknown,
}

/// Looks for a child that has ended, without reaping it (`WNOWAIT`) and without waiting.
pub fn peek() -> Peek {
    match wait(libc::P_ALL, 0, libc::WNOWAIT) {
        Ok(Some((pid, exit))) => Peek::Ended(pid, exit),
        Err(Errno::ECHILD) => Peek::Childless,
        Ok(None) => Peek::Busy,
        Err(_) => Peek::Unknown,
    }
}

/// Reaps one child that has ended. Errors: ECHILD (not a child of ours).
pub fn reap(pid: Pid) -> Result<(), Errno> {
    let number = pid.as_raw().unsigned_abs();
    wait(libc::P_PID, number, 0)?;
    count_done();
    Ok(())
}

/// Whether `pid` is a child of ours, alive or not yet reaped.
pub fn is_child(pid: Pid) -> bool {
    let number = pid.as_raw().unsigned_abs();
    wait(libc::P_PID, number, libc::WNOWAIT) != Err(Errno::ECHILD)
}

/// The signal that has stopped this child since the last call, if any.
pub fn take_stop(pid: Pid) -> Option<i32> {
    // SAFETY: siginfo_t is plain data for which zero is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WNOHANG;
    let number = pid.as_raw().unsigned_abs();
    // SAFETY: `info` is valid for writing for the whole call.
    let result = unsafe { libc::waitid(libc::P_PID, number, &mut info, flags) };
    // SAFETY: waitid fills in the fields of SIGCHLD, or leaves them zero where no child has stopped.
    let (pid, signal) = unsafe { (info.si_pid(), info.si_status()) };
    (result == 0 && pid != 0).then_some(signal)
}

fn wait(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> Result<Option<(Pid, Exit)>, Errno> {
    let flags = flags | libc::WEXITED | libc::WNOHANG;
    // SAFETY: siginfo_t is plain data for which zero is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writing for the whole call.
    let wait = || unsafe { Errno::result(libc::waitid(kind, id, &mut info, flags)) };
    look("waitid", wait)?;
    // SAFETY: waitid fills in the fields of SIGCHLD, or leaves them zero where no child has ended.
    let (pid, value) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    // Both fit: exit statuses are cut to 8 bits by the kernel, signals end at 64.
    let value = u8::try_from(value & 0xff).unwrap_or(u8::MAX);
    let exit = match info.si_code {
        libc::CLD_EXITED => Exit::Code(value),
        _ => Exit::Signal(value & 0x7f),
    };
    Ok(Some((Pid::from_raw(pid), exit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_as_a_shell_shows_them() {
        assert_eq!(Exit::Code(3).status(), 3);
        assert_eq!(Exit::Signal(9).status(), 137);
        assert_eq!(Exit::Signal(9).to_string(), "SIGKILL");
        assert_eq!(Exit::Signal(40).to_string(), "signal 40");
        assert_eq!(Exit::Code(0).to_string(), "exit 0");
    }

    #[test]
    fn only_own_children_count() {
        assert!(!is_child(Pid::from_raw(1)));
        assert_eq!(reap(Pid::from_raw(1)), Err(Errno::ECHILD));
    }
}
