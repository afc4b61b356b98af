//! What a service does next: `(state, event, now) → (state, action)`, without a clock, a process or a
//! descriptor of its own. Invariants: it asks for a fork only while it has no process, so that there are
//! never two of one service; once told to stop it never starts again by itself.

use std::fmt;
use std::time::Duration;

use nix::errno::Errno;

use super::setup::Step;
use super::spec::{Ready, Restart, ServiceSpec};
use crate::sys::child::Exit;
use crate::time::Instant;

/// How often and how soon a service is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it is started again.
    pub restart: Restart,
    /// Whether being executed is not enough to count as running.
    pub promises: bool,
    /// The first pause before it is started again; doubles each time.
    pub shortest: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Running for this long makes the next pause the shortest again.
    pub stable: Duration,
    /// Whether not even a missing program makes it give up.
    pub persistent: bool,
}

impl Policy {
    /// What a service's description says; its back-off starts over after 30 s of running.
    pub fn of(spec: &ServiceSpec) -> Self {
        Self {
            restart: spec.restart,
            promises: spec.ready != Ready::Exec,
            shortest: spec.backoff.0,
            longest: spec.backoff.1,
            stable: Duration::from_secs(30),
            persistent: false,
        }
    }

    /// The boot role: a person waits for its shell, so 8 s at most, and it is never given up.
    pub const BOOT: Self = Self {
        restart: Restart::Always,
        promises: false,
        shortest: Duration::from_millis(250),
        longest: Duration::from_secs(8),
        stable: Duration::from_secs(5),
        persistent: true,
    };

    /// The command of container mode: runs once.
    pub const COMMAND: Self = Self {
        restart: Restart::Never,
        persistent: false,
        ..Self::BOOT
    };
}

/// The pause before another attempt where the kernel had no memory or no process number to give.
pub const FORK_RETRY: Duration = Duration::from_secs(1);

/// The exit status by which a program says that starting it again is useless.
pub const GIVE_UP: u8 = 125;

/// Where a service stands. Each state carries its own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is to be started; it has no process yet. At `retry` the next attempt is made.
    Pending {
        /// When the next attempt is made.
        retry: Instant,
    },
    /// It has a process that is not ready yet.
    Starting {
        /// Whether its program was executed.
        executed: bool,
    },
    /// It is ready.
    Running,
    /// Its process has ended; a new one is started at `until`.
    Backoff {
        /// When it is started again.
        until: Instant,
    },
    /// It was told to stop and its process has not ended yet.
    Stopping {
        /// When it is killed; `None` once it was.
        kill: Option<Instant>,
    },
    /// It ended well or was stopped.
    Stopped,
    /// It ended badly and is not started again.
    Failed,
}

impl State {
    /// Its name, as `services` and `${svc.NAME.state}` show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => "Pending",
            Self::Starting { .. } => "Starting",
            Self::Running => "Running",
            Self::Backoff { .. } => "Backoff",
            Self::Stopping { .. } => "Stopping",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing happens any more unless somebody asks.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }
}

/// What happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// The fork that it asked for made this process.
    Forked(i32),
    /// There was no fork; EAGAIN, ENOMEM, EMFILE: the machine's trouble, not the service's.
    ForkFailed(Errno),
    /// Its program was executed.
    Executed,
    /// Its program could not be executed; the process will end.
    ExecFailed(Errno),
    /// A step before that failed; the process will end.
    SetupFailed(Step, Errno),
    /// It says that it is ready.
    Ready,
    /// Its process has ended.
    Exited(Exit),
    /// Somebody wants it to end; killed when this time is over.
    Stop(Duration),
    /// Time has passed.
    Tick,
}

/// What is to be done for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make a process; answer with [`Event::Forked`] or [`Event::ForkFailed`].
    Fork,
    /// Ask this process and its group to end (SIGTERM).
    Terminate(i32),
    /// End this process and its group (SIGKILL).
    Kill(i32),
}

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
    /// It did not stop when asked and was killed.
    Killed,
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
        let (what, errno) = match *self {
            Self::Nothing => return Ok(()),
            Self::NotReady => return f.write_str("not ready yet"),
            Self::Ended(exit) => return write!(f, "{exit}"),
            Self::Asked => return f.write_str("stopped on request"),
            Self::Killed => return f.write_str("killed: did not stop when asked"),
            Self::CannotExecute(errno) => ("cannot execute", errno),
            // `Service::reason` knows the words for the step.
            Self::CannotSetUp(_, errno) => ("cannot be set up", errno),
            Self::CannotFork(errno) => ("cannot fork", errno),
        };
        write!(f, "{what}: {errno:?} ({})", errno.desc())
    }
}

/// One service's state and what its future depends on.
#[derive(Debug, Clone)]
pub struct Machine {
    policy: Policy,
    state: State,
    reason: Reason,
    since: Instant,
    pid: Option<i32>,
    pause: Duration,
    obstacle: Option<Reason>,
    last: Option<Exit>,
    starts: u32,
    exits: u32,
}

impl Machine {
    /// A service that was never started.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            policy,
            state: State::Stopped,
            reason: Reason::Nothing,
            since: now,
            pid: None,
            pause: policy.shortest,
            obstacle: None,
            last: None,
            starts: 0,
            exits: 0,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it stands there.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Since when it stands there.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Its process, if it has one.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// How its last process ended.
    pub fn last_exit(&self) -> Option<Exit> {
        self.last
    }

    /// How many processes it has had, and how many of them have ended.
    pub fn counts(&self) -> (u32, u32) {
        (self.starts, self.exits)
    }

    /// When [`Event::Tick`] is due, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Pending { retry: at } | State::Backoff { until: at } => Some(at),
            State::Stopping { kill } => kill,
            _ => None,
        }
    }

    /// The only way in: takes in what happened and says what to do.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Action> {
        match (self.state, event) {
            (State::Stopped | State::Failed, Event::Start) => {
                self.pause = self.policy.shortest;
                self.attempt(now)
            }
            (State::Pending { retry: at } | State::Backoff { until: at }, Event::Tick)
                if at <= now =>
            {
                self.attempt(now)
            }
            (State::Pending { .. }, Event::Forked(pid)) => {
                self.pid = Some(pid);
                self.obstacle = None;
                self.starts = self.starts.saturating_add(1);
                let reason = match self.policy.promises {
                    false => Reason::Nothing,
                    true => Reason::NotReady,
                };
                self.enter(State::Starting { executed: false }, reason, now)
            }
            (State::Pending { .. }, Event::ForkFailed(errno)) => self.retry_later(errno, now),
            (State::Starting { .. }, Event::Executed) => match self.policy.promises {
                false => self.enter(State::Running, Reason::Nothing, now),
                true => self.enter(State::Starting { executed: true }, Reason::NotReady, now),
            },
            (State::Starting { .. }, Event::Ready) => {
                self.enter(State::Running, Reason::Nothing, now)
            }
            (State::Starting { .. } | State::Stopping { .. }, Event::ExecFailed(errno)) => {
                self.obstacle = Some(Reason::CannotExecute(errno));
                None
            }
            (State::Starting { .. } | State::Stopping { .. }, Event::SetupFailed(step, errno)) => {
                self.obstacle = Some(Reason::CannotSetUp(step, errno));
                None
            }
            (_, Event::Exited(exit)) if self.pid.is_some() => self.ended(exit, now),
            (State::Pending { .. } | State::Backoff { .. }, Event::Stop(_)) => {
                self.enter(State::Stopped, Reason::Asked, now)
            }
            (State::Starting { .. } | State::Running, Event::Stop(grace)) => {
                let kill = Some(now + grace);
                self.enter(State::Stopping { kill }, Reason::Asked, now);
                self.pid.map(Action::Terminate)
            }
            (State::Stopping { kill: Some(at) }, Event::Stop(grace)) => {
                let kill = Some(at.min(now + grace));
                self.state = State::Stopping { kill };
                None
            }
            (State::Stopping { kill: Some(at) }, Event::Tick) if at <= now => {
                self.state = State::Stopping { kill: None };
                self.reason = Reason::Killed;
                self.pid.map(Action::Kill)
            }
            _ => None,
        }
    }

    fn enter(&mut self, state: State, reason: Reason, now: Instant) -> Option<Action> {
        self.state = state;
        self.reason = reason;
        self.since = now;
        None
    }

    fn attempt(&mut self, now: Instant) -> Option<Action> {
        self.enter(State::Pending { retry: now }, self.reason, now);
        Some(Action::Fork)
    }

    fn retry_later(&mut self, errno: Errno, now: Instant) -> Option<Action> {
        let retry = now + FORK_RETRY;
        self.enter(State::Pending { retry }, Reason::CannotFork(errno), now)
    }

    fn ended(&mut self, exit: Exit, now: Instant) -> Option<Action> {
        self.pid = None;
        self.last = Some(exit);
        self.exits = self.exits.saturating_add(1);
        if let State::Stopping { .. } = self.state {
            return self.enter(State::Stopped, self.reason, now);
        }
        if self.state == State::Running && now.since(self.since) >= self.policy.stable {
            self.pause = self.policy.shortest;
        }
        if let Some(obstacle) = self.obstacle.take() {
            return self.not_executed(obstacle, now);
        }
        let reason = Reason::Ended(exit);
        let again = match self.policy.restart {
            _ if self.policy.persistent => true,
            _ if exit == Exit::Code(GIVE_UP) => false,
            Restart::Never => false,
            Restart::OnFailure => !exit.is_success(),
            Restart::Always => true,
        };
        match (again, exit.is_success()) {
            (true, _) => self.back_off(reason, now),
            (false, true) => self.enter(State::Stopped, reason, now),
            (false, false) => self.enter(State::Failed, reason, now),
        }
    }

    fn not_executed(&mut self, reason: Reason, now: Instant) -> Option<Action> {
        if reason.errno().is_some_and(is_shortage) {
            let retry = now + FORK_RETRY;
            return self.enter(State::Pending { retry }, reason, now);
        }
        match self.policy.persistent {
            true => self.back_off(reason, now),
            false => self.enter(State::Failed, reason, now),
        }
    }

    fn back_off(&mut self, reason: Reason, now: Instant) -> Option<Action> {
        let until = now + self.pause;
        self.pause = (self.pause * 2).min(self.policy.longest);
        self.enter(State::Backoff { until }, reason, now)
    }
}

/// Whether an error says that the machine is short of something now, rather than that the request is
/// wrong.
pub fn is_shortage(errno: Errno) -> bool {
    use Errno::{EAGAIN, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETXTBSY};
    matches!(
        errno,
        EAGAIN | EINTR | EMFILE | ENFILE | ENOBUFS | ENOMEM | ETXTBSY
    )
}

#[cfg(test)]
mod tests;
