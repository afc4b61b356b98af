//! What is said over the control socket: one request, one reply, each a message of its own
//! (SOCK_SEQPACKET). Invariant: every message begins with the version, is at most [`MAX_MESSAGE`] bytes
//! long, and what [`Request::decode`] accepts, [`Request::encode`] made.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::exits::Ended;
use super::spec::{Program, Ready, Restart, ServiceSpec};
use super::wire::{Malformed, Reader, Writer};
use crate::sys::child::Exit;
use crate::time::Instant;

/// The first byte of every message.
pub const VERSION: u8 = 1;

/// The longest message in bytes; a service's arguments and environment must fit.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// How long a reply with a list grows before it is cut; the client asks for the rest.
pub const LIST_FULL: usize = 16 * 1024;

/// How the machine is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Power off; the status (0–127) is shown to the outside where there is a way.
    Off(u8),
    /// Reboot.
    Reboot,
    /// Halt.
    Halt,
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
    /// Stop this service; kill it when the first time is over, answer when the second is.
    Stop(String, Duration, Duration),
    /// The exits that were not told yet.
    Exits,
    /// End the machine.
    Power(Power),
}

/// One service as it stands, and as `services` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// Its state's name: `Running`, `Backoff`, …
    pub state: String,
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
}

impl Request {
    /// The message for it.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.byte(VERSION);
        match self {
            Self::Spawn(spec) => write_spec(to.byte(1), spec),
            Self::List(after) => drop(to.byte(2).bytes(after.as_bytes())),
            Self::Wait(target, until, limit) => {
                to.byte(3);
                match target {
                    Target::Name(name) => to.byte(0).bytes(name.as_bytes()),
                    Target::Pid(pid) => to.byte(1).number(pid.cast_unsigned()),
                };
                to.byte(*until as u8).long(millis(*limit));
            }
            Self::Stop(name, grace, limit) => {
                to.byte(4).bytes(name.as_bytes());
                to.long(millis(*grace)).long(millis(*limit));
            }
            Self::Exits => drop(to.byte(5)),
            Self::Power(power) => {
                let (kind, status) = match *power {
                    Power::Off(status) => (0, status),
                    Power::Reboot => (1, 0),
                    Power::Halt => (2, 0),
                };
                to.byte(6).byte(kind).byte(status);
            }
        }
        to.finish()
    }

    /// The request in a message.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        version(&mut from)?;
        let request = match from.byte()? {
            1 => Self::Spawn(Box::new(read_spec(&mut from)?)),
            2 => Self::List(from.text()?.to_owned()),
            3 => {
                let target = match from.byte()? {
                    0 => Target::Name(from.text()?.to_owned()),
                    1 => Target::Pid(from.number()?.cast_signed()),
                    _ => return Err(Malformed::Value),
                };
                let until = match from.byte()? {
                    0 => Until::Executed,
                    1 => Until::Ready,
                    2 => Until::Exit,
                    3 => Until::Settled,
                    4 => Until::Stopped,
                    _ => return Err(Malformed::Value),
                };
                Self::Wait(target, until, Duration::from_millis(from.long()?))
            }
            4 => {
                let name = from.text()?.to_owned();
                let grace = Duration::from_millis(from.long()?);
                Self::Stop(name, grace, Duration::from_millis(from.long()?))
            }
            5 => Self::Exits,
            6 => Self::Power(match (from.byte()?, from.byte()?) {
                (0, status @ 0..=127) => Power::Off(status),
                (1, 0) => Power::Reboot,
                (2, 0) => Power::Halt,
                _ => return Err(Malformed::Value),
            }),
            _ => return Err(Malformed::Value),
        };
        from.end().map(|()| request)
    }
}

impl Reply {
    /// The message for it.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.byte(VERSION);
        match self {
            Self::Done => drop(to.byte(1)),
            Self::Service(status) => write_status(to.byte(2), status),
            Self::Services(list, more) => {
                to.byte(3).byte(u8::from(*more)).number(count(list));
                list.iter().for_each(|status| write_status(&mut to, status));
            }
            Self::Exits(list, lost, more) => {
                to.byte(4).byte(u8::from(*more)).long(*lost);
                to.number(count(list));
                for ended in list {
                    to.number(ended.pid.cast_unsigned());
                    write_exit(&mut to, Some(ended.exit));
                    to.bytes(ended.name.as_bytes()).long(nanos(ended.at));
                }
            }
            Self::Ended(exit) => write_exit(to.byte(5), Some(*exit)),
            Self::TimedOut => drop(to.byte(6)),
            Self::Refused(status, errno, words) => {
                to.byte(7).byte(*status).number(errno.cast_unsigned());
                to.bytes(words.as_bytes());
            }
        }
        to.finish()
    }

    /// The reply in a message.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        version(&mut from)?;
        let reply = match from.byte()? {
            1 => Self::Done,
            2 => Self::Service(read_status(&mut from)?),
            3 => {
                let more = from.byte()? != 0;
                let list = (0..from.number()?).map(|_| read_status(&mut from));
                Self::Services(list.collect::<Result<_, _>>()?, more)
            }
            4 => {
                let more = from.byte()? != 0;
                let lost = from.long()?;
                let list = (0..from.number()?).map(|_| read_ended(&mut from));
                Self::Exits(list.collect::<Result<_, _>>()?, lost, more)
            }
            5 => Self::Ended(read_exit(&mut from)?.ok_or(Malformed::Value)?),
            6 => Self::TimedOut,
            7 => {
                let (status, errno) = (from.byte()?, from.number()?.cast_signed());
                Self::Refused(status, errno, from.text()?.to_owned())
            }
            _ => return Err(Malformed::Value),
        };
        from.end().map(|()| reply)
    }
}

fn version(from: &mut Reader<'_>) -> Result<(), Malformed> {
    match from.byte()? {
        VERSION => Ok(()),
        _ => Err(Malformed::Version),
    }
}

fn write_spec(to: &mut Writer, spec: &ServiceSpec) {
    to.bytes(spec.name.as_bytes());
    match &spec.program {
        Program::Own => to.byte(0),
        Program::Path(path) => to.byte(1).bytes(path.as_bytes()),
    };
    to.number(count(&spec.argv));
    for word in &spec.argv {
        to.bytes(word.as_bytes());
    }
    to.number(count(&spec.env));
    for (name, value) in &spec.env {
        to.bytes(name.as_bytes()).bytes(value.as_bytes());
    }
    to.bytes(spec.cwd.as_bytes());
    to.byte(spec.restart as u8).byte(spec.ready as u8);
}

fn read_spec(from: &mut Reader<'_>) -> Result<ServiceSpec, Malformed> {
    let name = from.text()?.to_owned();
    let program = match from.byte()? {
        0 => Program::Own,
        1 => Program::Path(word(from)?),
        _ => return Err(Malformed::Value),
    };
    let argv: Vec<_> = (0..from.number()?)
        .map(|_| word(from))
        .collect::<Result<_, _>>()?;
    let env = (0..from.number()?).map(|_| Ok((word(from)?, word(from)?)));
    let env = env.collect::<Result<_, _>>()?;
    let cwd = word(from)?;
    let restart = match from.byte()? {
        0 => Restart::Never,
        1 => Restart::OnFailure,
        2 => Restart::Always,
        _ => return Err(Malformed::Value),
    };
    let ready = match from.byte()? {
        0 => Ready::Exec,
        1 => Ready::Descriptor,
        _ => return Err(Malformed::Value),
    };
    if argv.is_empty() {
        return Err(Malformed::Value);
    }
    Ok(ServiceSpec {
        name,
        program,
        argv,
        env,
        cwd,
        restart,
        ready,
    })
}

/// A word for exec: a NUL byte would cut it short.
fn word(from: &mut Reader<'_>) -> Result<OsString, Malformed> {
    let bytes = from.bytes()?;
    match bytes.contains(&0) {
        true => Err(Malformed::Value),
        false => Ok(OsStr::from_bytes(bytes).to_owned()),
    }
}

fn write_status(to: &mut Writer, status: &ServiceInfo) {
    to.bytes(status.name.as_bytes())
        .bytes(status.state.as_bytes())
        .bytes(status.reason.as_bytes())
        .number(status.pid.unwrap_or(0).cast_unsigned());
    write_exit(to, status.exit);
    to.number(status.starts).long(nanos(status.since));
}

fn read_status(from: &mut Reader<'_>) -> Result<ServiceInfo, Malformed> {
    Ok(ServiceInfo {
        name: from.text()?.to_owned(),
        state: from.text()?.to_owned(),
        reason: from.text()?.to_owned(),
        pid: Some(from.number()?.cast_signed()).filter(|&pid| pid != 0),
        exit: read_exit(from)?,
        starts: from.number()?,
        since: instant(from)?,
    })
}

fn read_ended(from: &mut Reader<'_>) -> Result<Ended, Malformed> {
    Ok(Ended {
        pid: from.number()?.cast_signed(),
        exit: read_exit(from)?.ok_or(Malformed::Value)?,
        name: from.text()?.to_owned(),
        at: instant(from)?,
    })
}

fn write_exit(to: &mut Writer, exit: Option<Exit>) {
    match exit {
        None => to.byte(0).byte(0),
        Some(Exit::Code(code)) => to.byte(1).byte(code),
        Some(Exit::Signal(signal)) => to.byte(2).byte(signal),
    };
}

fn read_exit(from: &mut Reader<'_>) -> Result<Option<Exit>, Malformed> {
    match (from.byte()?, from.byte()?) {
        (0, 0) => Ok(None),
        (1, code) => Ok(Some(Exit::Code(code))),
        (2, signal) => Ok(Some(Exit::Signal(signal))),
        _ => Err(Malformed::Value),
    }
}

fn instant(from: &mut Reader<'_>) -> Result<Instant, Malformed> {
    from.long()
        .map(|nanos| Instant::from_boot(Duration::from_nanos(nanos)))
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn nanos(time: Instant) -> u64 {
    u64::try_from(time.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
