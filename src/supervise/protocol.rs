//! What is said over the control socket: one request, one reply, each a message of its own
//! (SOCK_SEQPACKET). Invariant: every message begins with the version, is at most [`MAX_MESSAGE`] bytes
//! long, and what [`Request::decode`] accepts, [`Request::encode`] made.

use std::ffi::OsString;
use std::time::Duration;

use super::exits::Ended;
use super::spec::ServiceSpec;
use super::watchdog::WatchdogInfo;
use super::wire::{Malformed, Reader, Wire, Writer, wire_enum, wire_struct};
use crate::sys::child::Exit;
use crate::time::Instant;

/// The first byte of every message.
pub const VERSION: u8 = 2;

/// The longest message in bytes; a service's arguments and environment must fit.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// How long a reply with a list grows before it is cut; the client asks for the rest.
pub const LIST_FULL: usize = 16 * 1024;

/// The status of a refusal because PID 1 crashed in the middle (sysexits: EX_SOFTWARE).
pub const CRASHED: u8 = 70;

/// How the machine is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Power off; the status (0–127) is shown to the outside where there is a way.
    Off(u8),
    /// Reboot.
    Reboot,
    /// Halt.
    Halt,
    /// Stop every service and run the boot script again; PID 1 and the kernel stay.
    Soft,
}

/// How much of an orderly end is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing.
    Orderly,
    /// Services are not asked to stop: everything is killed at once; file systems are unmounted.
    Forced,
    /// Everything: reboot(2) at once. What was not written out is lost.
    AtOnce,
}

/// Whom a wait is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A service.
    Name(String),
    /// A process.
    Pid(i32),
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its program was executed, or cannot be.
    Executed,
    /// It is ready, or will not be.
    Ready,
    /// Its process has ended (at once, if it has none and gets none).
    Exit,
    /// It has ended and is not started again.
    Settled,
    /// The same, answered with the service instead of its last exit.
    Stopped,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Start this service. Answered with [`Reply::Service`] once it is executed.
    Spawn(Box<ServiceSpec>),
    /// The services whose names come after this one.
    List(String),
    /// Wait, for this long at most.
    Wait(Target, Until, Duration),
    /// Stop this service; kill it when the first time is over (its own where there is none), answer when
    /// the second is.
    Stop(String, Option<Duration>, Duration),
    /// The exits that were not told yet.
    Exits,
    /// End the machine.
    Power(Power, Urgency),
    /// Start this service, and what it needs, if it is not at work. Answered as [`Request::Spawn`].
    Start(String, Duration),
    /// Stop this service and start it again. Answered as [`Request::Spawn`].
    Restart(String, Duration),
    /// Send the service's process group this signal.
    Signal(String, u8),
    /// Replace a service's description; it counts from its next start.
    Redefine(Box<ServiceSpec>),
    /// What the service has written, from this position on; waits this long for more.
    Log(String, u64, Duration),
    /// Replace PID 1's program by this one, with every service kept.
    Upgrade(OsString),
    /// Arm or disarm a watchdog.
    Watchdog(WatchdogRequest),
    /// Make another program PID 1.
    HandOver(HandOver),
    /// The description that counts from the service's next start on.
    Describe(String),
    /// This service, and after it those at work that stop with it. Answered as [`Request::List`]; without
    /// any where there is no such service.
    Show(String),
    /// Crash PID 1 in this way (debug builds only).
    Crash(String),
}

/// What a watchdog is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchdogRequest {
    /// Disarm it.
    Stop,
    /// Arm this device, or change its timeout. Answered with [`Reply::Watchdog`].
    Start(OsString, Option<Duration>),
    /// Tell how it stands. Answered with [`Reply::Watchdog`].
    Status,
}

/// Another program that becomes PID 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The new root (switch_root); `None`: the root stays.
    pub root: Option<OsString>,
    /// The program, by its path below the new root.
    pub program: OsString,
    /// Its arguments, its name first.
    pub argv: Vec<OsString>,
    /// Its environment.
    pub env: Vec<(OsString, OsString)>,
    /// Whether services go on as children of the new PID 1.
    pub keep_services: bool,
    /// Whether the old root's content stays.
    pub keep_root: bool,
}

/// A piece of a service's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Where it begins, in bytes since the service was declared.
    pub from: u64,
    /// How many lines before it are lost.
    pub lost: u64,
    /// The bytes; none where there is nothing more yet.
    pub bytes: Vec<u8>,
}

/// One service as it stands, and as `services` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// Its state's name: `Running`, `Backoff`, …
    pub state: String,
    /// Whether it is ready: it runs, or has done its work (`--oneshot`).
    pub ready: bool,
    /// Why it is in that state, in words; may be empty.
    pub reason: String,
    /// Its process, if there is one.
    pub pid: Option<i32>,
    /// How its last process ended, if one has.
    pub exit: Option<Exit>,
    /// How many processes it has had.
    pub starts: u32,
    /// Since when it is in this state.
    pub since: Instant,
    /// The services that must be ready for it.
    pub needs: Vec<String>,
    /// The services that it only comes after.
    pub after: Vec<String>,
    /// Whether the machine ends when it has failed.
    pub critical: bool,
}

impl ServiceInfo {
    /// Whether it is at work or will be: neither `Stopped` nor `Failed`.
    pub fn is_live(&self) -> bool {
        !matches!(self.state.as_str(), "Stopped" | "Failed")
    }
}

/// What PID 1 answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done or under way.
    Done,
    /// The service asked about.
    Service(ServiceInfo),
    /// Services by name, and whether there are more.
    Services(Vec<ServiceInfo>, bool),
    /// Exits, how many were forgotten, and whether there are more.
    Exits(Vec<Ended>, u64, bool),
    /// What was waited for ended like this.
    Ended(Exit),
    /// The time is over.
    TimedOut,
    /// No: exit status for the command, errno or 0, and the words.
    Refused(u8, i32, String),
    /// A service's description.
    Described(Box<ServiceSpec>),
    /// A piece of a service's log.
    Log(LogChunk),
    /// The watchdog as it stands.
    Watchdog(WatchdogInfo),
}

impl Request {
    /// Whether descriptors come with it.
    pub fn has_descriptors(&self) -> bool {
        matches!(self, Self::Spawn(spec) if !spec.setup.keep_fds.is_empty())
    }

    /// The message for it.
    pub fn encode(&self) -> Vec<u8> {
        message(self)
    }

    /// The request in a message.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        value(message)
    }
}

impl Reply {
    /// The message for it.
    pub fn encode(&self) -> Vec<u8> {
        message(self)
    }

    /// The reply in a message.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        value(message)
    }
}

fn message(value: &impl Wire) -> Vec<u8> {
    let mut to = Writer::default();
    to.byte(VERSION);
    value.write(&mut to);
    to.finish()
}

fn value<T: Wire>(message: &[u8]) -> Result<T, Malformed> {
    let mut from = Reader::new(message);
    if from.byte()? != VERSION {
        return Err(Malformed::Version);
    }
    let value = T::read(&mut from)?;
    from.end().map(|()| value)
}

wire_enum!(Request {
    1 => Spawn(spec),
    2 => List(after),
    3 => Wait(target, until, limit),
    4 => Stop(name, grace, limit),
    5 => Exits,
    6 => Power(power, urgency),
    7 => Start(name, limit),
    8 => Restart(name, limit),
    9 => Signal(name, signal),
    10 => Redefine(spec),
    11 => Log(name, from, limit),
    12 => Upgrade(path),
    13 => Watchdog(watchdog),
    14 => HandOver(hand_over),
    15 => Crash(how),
    16 => Describe(name),
    17 => Show(name),
});
wire_enum!(Reply {
    1 => Done,
    2 => Service(info),
    3 => Services(list, more),
    4 => Exits(list, lost, more),
    5 => Ended(exit),
    6 => TimedOut,
    7 => Refused(status, errno, words),
    8 => Log(chunk),
    9 => Watchdog(info),
    10 => Described(spec),
});
wire_enum!(Power { 0 => Off(status), 1 => Reboot, 2 => Halt, 3 => Soft });
wire_enum!(Urgency { 0 => Orderly, 1 => Forced, 2 => AtOnce });
wire_enum!(Target { 0 => Name(name), 1 => Pid(pid) });
wire_enum!(Until { 0 => Executed, 1 => Ready, 2 => Exit, 3 => Settled, 4 => Stopped });
wire_enum!(WatchdogRequest { 0 => Stop, 1 => Start(device, timeout), 2 => Status });
wire_struct!(HandOver {
    root,
    program,
    argv,
    env,
    keep_services,
    keep_root
});
wire_struct!(LogChunk { from, lost, bytes });
wire_struct!(ServiceInfo {
    name,
    state,
    ready,
    reason,
    pid,
    exit,
    starts,
    since,
    needs,
    after,
    critical
});
wire_struct!(Ended {
    pid,
    exit,
    name,
    at
});

#[cfg(test)]
mod tests;
