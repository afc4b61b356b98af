//! Requests that are answered later: what a client waits for, and whether it has come. Pure.

use nix::errno::Errno;

use super::machine::{Hold, Reason, Stage, State, Then};
use super::protocol::{Reply, Target, Until};
use super::table::{Service, Table};
use super::wire::wire_struct;
use crate::sys::child::Exit;
use crate::time::Instant;

/// What a client waits for.
#[derive(Debug, Clone)]
pub struct Waiting {
    target: Target,
    until: Until,
    deadline: Option<Instant>,
    exits_before: u32,
    exit: Option<Exit>,
    /// More of the target's log than up to here, instead of anything else.
    log: Option<u64>,
}

impl Waiting {
    /// A wait that begins now, for a service or process as the table has it now.
    pub fn new(target: Target, until: Until, deadline: Option<Instant>, table: &Table) -> Self {
        let exits_before = match &target {
            Target::Name(name) => table.named(name).map_or(0, |s| s.machine.counts().1),
            Target::Pid(_) => 0,
        };
        Self {
            target,
            until,
            deadline,
            exits_before,
            exit: None,
            log: None,
        }
    }

    /// A wait for more of a service's log than up to `from`.
    pub fn for_log(name: String, from: u64, deadline: Option<Instant>) -> Self {
        Self {
            target: Target::Name(name),
            until: Until::Settled,
            deadline,
            exits_before: 0,
            exit: None,
            log: Some(from),
        }
    }

    /// Whether it is for this process.
    pub fn is_for(&self, pid: i32) -> bool {
        self.target == Target::Pid(pid)
    }

    /// A wait that ends with an answer from elsewhere.
    pub fn held() -> Self {
        Self {
            target: Target::Pid(0),
            until: Until::Exit,
            deadline: None,
            exits_before: 0,
            exit: None,
            log: None,
        }
    }

    /// Whether it is [`Self::held`].
    pub fn is_held(&self) -> bool {
        self.target == Target::Pid(0)
    }

    /// Whether it may wait for ever: a client that only looks on makes room for others.
    pub fn is_idle(&self) -> bool {
        self.log.is_some()
    }

    /// When it is over, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes note of a process that has ended.
    pub fn note_exit(&mut self, pid: i32, exit: Exit) {
        if self.target == Target::Pid(pid) {
            self.exit.get_or_insert(exit);
        }
    }

    /// The answer, if what it waits for has come or the time is over.
    pub fn answer(&self, table: &Table, now: Instant) -> Option<Reply> {
        let over = self.deadline.is_some_and(|deadline| deadline <= now);
        let name = match &self.target {
            Target::Pid(_) => {
                let timed_out = over.then_some(Reply::TimedOut);
                return self.exit.map(Reply::Ended).or(timed_out);
            }
            Target::Name(name) => name,
        };
        let Some(service) = table.named(name) else {
            return Some(unknown(name));
        };
        if let Some(from) = self.log {
            let Some(log) = &service.log else {
                let words = format!("service '{name}' has no log any more");
                return Some(Reply::Refused(1, 0, words));
            };
            let come = log.end() != from || over;
            return come.then(|| Reply::Log(log.chunk(from)));
        }
        self.reached(table, service).or_else(|| {
            over.then(|| match self.until {
                Until::Executed | Until::Ready => Reply::Service(table.status(service)),
                Until::Exit | Until::Settled | Until::Stopped => Reply::TimedOut,
            })
        })
    }

    fn reached(&self, table: &Table, service: &Service) -> Option<Reply> {
        let machine = &service.machine;
        let state = machine.state();
        match self.until {
            Until::Executed => match state {
                // Whoever waits for others may wait for long.
                State::Pending { hold: Hold::Others } => {
                    Some(Reply::Service(table.status(service)))
                }
                State::Pending { .. }
                | State::Starting {
                    executed: false, ..
                }
                | State::Stopping {
                    then: Then::Again, ..
                } => None,
                State::Failed => Some(failed(table, service)),
                _ => Some(Reply::Service(table.status(service))),
            },
            Until::Ready => (machine.is_ready() || state.is_settled())
                .then(|| Reply::Service(table.status(service))),
            Until::Stopped
                if matches!(
                    state,
                    State::Stopping {
                        stage: Stage::Stuck,
                        ..
                    }
                ) =>
            {
                let pid = machine.pid().unwrap_or_default();
                let name = service.name();
                let text = format!("service '{name}' (pid {pid}) was killed and does not go");
                Some(Reply::Refused(1, 0, text))
            }
            Until::Stopped if state.is_settled() => Some(Reply::Service(table.status(service))),
            Until::Stopped
                if machine.counts().1 != self.exits_before
                    && !matches!(state, State::Stopping { .. }) =>
            {
                let name = service.name();
                let text =
                    format!("service '{name}' has stopped, and somebody has started it again");
                Some(Reply::Refused(1, 0, text))
            }
            Until::Stopped => None,
            Until::Exit if machine.counts().1 != self.exits_before => ended(service),
            Until::Exit | Until::Settled if state.is_settled() => ended(service),
            Until::Exit | Until::Settled => None,
        }
    }
}

wire_struct!(Waiting {
    target,
    until,
    deadline,
    exits_before,
    exit,
    log
});

/// There is no such service.
pub fn unknown(name: &str) -> Reply {
    Reply::Refused(1, 0, format!("there is no service '{name}'"))
}

fn ended(service: &Service) -> Option<Reply> {
    Some(match service.machine.last_exit() {
        Some(exit) => Reply::Ended(exit),
        None => Reply::Refused(
            1,
            0,
            format!("service '{}' has had no process", service.name()),
        ),
    })
}

/// A service whose program cannot be executed is its caller's error; one that ran and failed is not.
fn failed(table: &Table, service: &Service) -> Reply {
    let name = service.name();
    let reason = service.reason();
    match service.machine.reason() {
        Reason::CannotExecute(errno) | Reason::CannotSetUp(_, errno) => {
            let status = if errno == Errno::ENOENT { 127 } else { 126 };
            Reply::Refused(status, 0, format!("service '{name}': {reason}"))
        }
        Reason::Need(..) => Reply::Refused(1, 0, format!("service '{name}' has failed: {reason}")),
        _ => Reply::Service(table.status(service)),
    }
}
