//! What a service does next: `(state, event, now) → (state, action)`, without a clock, a process or a
//! descriptor of its own. Invariants: it asks for a fork only while it has no process, so that there are
//! never two of one service; once told to stop it never starts again by itself; whatever time is over
//! after [`Event::Tick`] is not its deadline any more.

mod ended;
mod policy;
mod reason;
mod state;

use std::time::Duration;

use nix::errno::Errno;

pub use policy::{Policy, Promise};
pub use reason::{Loss, Reason};
pub use state::{Hold, Stage, State, Then};

use super::setup::Step;
use super::spec::Restart;
use super::wire::wire_struct;
use crate::sys::child::Exit;
use crate::time::Instant;

/// The pause before another attempt where the kernel had no memory or no process number to give.
pub const FORK_RETRY: Duration = Duration::from_secs(1);

/// The exit status by which a program says that starting it again is useless.
pub const GIVE_UP: u8 = 125;

/// How long a daemon's pid file may come after the end of its first process.
pub const PID_FILE: Duration = Duration::from_secs(10);

/// How long a killed process may take to go before nobody waits for it any more.
pub const STUCK: Duration = Duration::from_secs(2);

/// What happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// Nothing is in the way of what it waits for: of its start, or of its end.
    Go,
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
    /// It is ready, by whatever it promised.
    Ready,
    /// Its pid file names this process, a child of PID 1: from now on that is the service. Means
    /// nothing while its first process is alive, unless it is that one.
    Adopted(i32),
    /// Its process has ended.
    Exited(Exit),
    /// Somebody wants it to end; killed when this time is over.
    Stop(Duration),
    /// Somebody wants it to end and to be started again.
    Restart(Duration),
    /// The service at this place of its `needs` is not ready any more, or will never be; killed when
    /// the time is over.
    Lost(u32, Loss, Duration),
    /// Time has passed.
    Tick,
}

/// What is to be done for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make a process; answer with [`Event::Forked`] or [`Event::ForkFailed`].
    Fork,
    /// Ask this process and its group to end.
    Terminate(i32),
    /// End this process and its group (SIGKILL).
    Kill(i32),
}

/// One service's state and what its future depends on. Plain values, so that it can be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    policy: Policy,
    state: State,
    reason: Reason,
    since: Instant,
    pid: Option<i32>,
    pause: Duration,
    /// Restarts since the time from which they are counted.
    restarts: (Instant, u32),
    obstacle: Option<Reason>,
    last: Option<Exit>,
    starts: u32,
    exits: u32,
    seed: u64,
}

impl Machine {
    /// A service that was never started. `seed`: from which the jitter of its pauses is taken.
    pub fn new(policy: Policy, seed: u64, now: Instant) -> Self {
        Self {
            policy,
            state: State::Stopped,
            reason: Reason::Nothing,
            since: now,
            pid: None,
            pause: policy.shortest,
            restarts: (now, 0),
            obstacle: None,
            last: None,
            starts: 0,
            exits: 0,
            seed,
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

    /// Whether services that need it may run: it does its work, or has done it.
    pub fn is_ready(&self) -> bool {
        let done = || {
            let well = self.reason == Reason::Ended(Exit::Code(0));
            self.policy.promise == Promise::End && self.state == State::Stopped && well
        };
        self.state == State::Running || done()
    }

    /// When [`Event::Tick`] is due, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// Has it follow another description from its next start on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.pause = self.pause.max(policy.shortest).min(policy.longest);
    }

    /// The only way in: takes in what happened and says what to do.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Action> {
        match event {
            Event::Start => self.start(now),
            Event::Go => self.go(now),
            Event::Forked(pid) => self.forked(pid, now),
            Event::ForkFailed(errno) => self.no_fork(errno, now),
            Event::Executed => self.executed(now),
            Event::ExecFailed(errno) => self.hindered(Reason::CannotExecute(errno)),
            Event::SetupFailed(step, errno) => self.hindered(Reason::CannotSetUp(step, errno)),
            Event::Ready => match (self.state, self.policy.promise) {
                (_, Promise::End) => None,
                (State::Starting { .. }, _) if self.pid.is_some() => {
                    self.enter(State::Running, Reason::Nothing, now)
                }
                _ => None,
            },
            Event::Adopted(pid) => self.adopt(pid, now),
            Event::Exited(exit) => match self.pid {
                Some(_) => self.ended(exit, now),
                None => None,
            },
            Event::Stop(grace) => self.stop(grace, now),
            Event::Restart(grace) => match self.state {
                State::Starting { .. } | State::Running if self.pid.is_some() => {
                    self.begin_to_stop(grace, Then::Again, Reason::Restart, now)
                }
                State::Starting { .. } => self.attempt(now),
                _ => self.start(now),
            },
            Event::Lost(need, loss, grace) => self.lose(need, loss, grace, now),
            Event::Tick => match self.deadline() {
                Some(at) if at <= now => self.late(now),
                _ => None,
            },
        }
    }

    fn enter(&mut self, state: State, reason: Reason, now: Instant) -> Option<Action> {
        self.state = state;
        self.reason = reason;
        self.since = now;
        None
    }

    fn start(&mut self, now: Instant) -> Option<Action> {
        match self.state {
            State::Stopped | State::Failed | State::Backoff { .. } => {
                self.pause = self.policy.shortest;
                self.restarts = (now, 0);
                self.attempt(now)
            }
            State::Pending {
                hold: Hold::Retry(_),
            } => self.attempt(now),
            State::Stopping { stage, .. } => {
                let then = Then::Again;
                self.state = State::Stopping { stage, then };
                None
            }
            _ => None,
        }
    }

    fn attempt(&mut self, now: Instant) -> Option<Action> {
        let hold = Hold::Others;
        self.enter(State::Pending { hold }, self.reason, now)
    }

    fn go(&mut self, now: Instant) -> Option<Action> {
        match self.state {
            State::Pending { hold: Hold::Others } => {
                self.state = State::Pending { hold: Hold::Fork };
                Some(Action::Fork)
            }
            State::Stopping {
                stage: Stage::Held(grace),
                then,
            } => {
                let stage = Stage::Asked(now + grace);
                self.state = State::Stopping { stage, then };
                self.pid.map(Action::Terminate)
            }
            _ => None,
        }
    }

    fn forked(&mut self, pid: i32, now: Instant) -> Option<Action> {
        let State::Pending { hold: Hold::Fork } = self.state else {
            return None;
        };
        self.pid = Some(pid);
        self.obstacle = None;
        self.starts = self.starts.saturating_add(1);
        let reason = match self.policy.promise {
            Promise::Exec => Reason::Nothing,
            _ => Reason::NotReady,
        };
        self.starting(false, None, reason, now)
    }

    fn starting(
        &mut self,
        executed: bool,
        until: Option<Instant>,
        reason: Reason,
        now: Instant,
    ) -> Option<Action> {
        self.enter(State::Starting { executed, until }, reason, now)
    }

    fn no_fork(&mut self, errno: Errno, now: Instant) -> Option<Action> {
        match self.state {
            State::Pending { hold: Hold::Fork } => self.retry(Reason::CannotFork(errno), now),
            _ => None,
        }
    }

    fn retry(&mut self, reason: Reason, now: Instant) -> Option<Action> {
        let hold = Hold::Retry(now + FORK_RETRY);
        self.enter(State::Pending { hold }, reason, now)
    }

    fn executed(&mut self, now: Instant) -> Option<Action> {
        let State::Starting {
            executed: false, ..
        } = self.state
        else {
            return None;
        };
        match self.policy.promise {
            Promise::Exec => self.enter(State::Running, Reason::Nothing, now),
            Promise::After(time) => self.starting(true, Some(now + time), Reason::NotReady, now),
            Promise::Word | Promise::PidFile | Promise::End => {
                self.starting(true, None, Reason::NotReady, now)
            }
        }
    }

    fn hindered(&mut self, by: Reason) -> Option<Action> {
        if self.pid.is_some() && self.state != State::Running {
            self.obstacle = Some(by);
        }
        None
    }

    fn adopt(&mut self, pid: i32, now: Instant) -> Option<Action> {
        let State::Starting { .. } = self.state else {
            return None;
        };
        if self.policy.promise != Promise::PidFile || self.pid.is_some_and(|own| own != pid) {
            return None;
        }
        if self.pid.is_none() {
            self.pid = Some(pid);
            self.starts = self.starts.saturating_add(1);
        }
        self.enter(State::Running, Reason::Nothing, now)
    }

    fn stop(&mut self, grace: Duration, now: Instant) -> Option<Action> {
        match self.state {
            State::Starting { .. } | State::Running if self.pid.is_some() => {
                self.begin_to_stop(grace, Then::Rest, Reason::Asked, now)
            }
            State::Stopping { stage, .. } => {
                let stage = match stage {
                    Stage::Held(before) => Stage::Held(before.min(grace)),
                    Stage::Asked(at) => Stage::Asked(at.min(now + grace)),
                    later => later,
                };
                let then = Then::Rest;
                self.state = State::Stopping { stage, then };
                if let Stage::Held(_) | Stage::Asked(_) = stage {
                    self.reason = Reason::Asked;
                }
                None
            }
            State::Failed => None,
            State::Stopped if !self.is_ready() => None,
            _ => self.enter(State::Stopped, Reason::Asked, now),
        }
    }

    fn begin_to_stop(
        &mut self,
        grace: Duration,
        then: Then,
        reason: Reason,
        now: Instant,
    ) -> Option<Action> {
        let stage = Stage::Held(grace);
        self.enter(State::Stopping { stage, then }, reason, now)
    }

    fn lose(&mut self, need: u32, loss: Loss, grace: Duration, now: Instant) -> Option<Action> {
        let reason = Reason::Need(need, loss);
        let then = match loss {
            Loss::Stopped => Then::Rest,
            Loss::Failed => Then::Fail(need),
            Loss::Again => Then::Again,
        };
        match (self.state, loss) {
            (State::Starting { .. } | State::Running, _) if self.pid.is_some() => {
                self.begin_to_stop(grace, then, reason, now)
            }
            (State::Starting { .. }, Loss::Again) => self.attempt(now),
            // Nothing to stop, and when its time comes it waits.
            (State::Pending { .. } | State::Backoff { .. }, Loss::Again) => None,
            (State::Pending { .. } | State::Backoff { .. } | State::Starting { .. }, _) => {
                let state = match loss {
                    Loss::Failed => State::Failed,
                    _ => State::Stopped,
                };
                self.enter(state, reason, now)
            }
            (
                State::Stopping {
                    stage,
                    then: Then::Again,
                },
                _,
            ) => {
                self.state = State::Stopping { stage, then };
                self.reason = reason;
                None
            }
            _ => None,
        }
    }

    fn late(&mut self, now: Instant) -> Option<Action> {
        match self.state {
            State::Pending { .. } | State::Backoff { .. } => self.attempt(now),
            State::Starting { .. } if self.pid.is_some() => {
                self.enter(State::Running, Reason::Nothing, now)
            }
            State::Starting { .. } => match self.policy.restart {
                Restart::Never => self.enter(State::Failed, Reason::NoPidFile, now),
                _ => self.again(Exit::Code(0), Reason::NoPidFile, now),
            },
            State::Stopping { stage, then } => {
                let killed = matches!(stage, Stage::Asked(_));
                let (stage, reason) = match killed {
                    true => (Stage::Killed(now + STUCK), Reason::Killed),
                    false => (Stage::Stuck, Reason::Stuck),
                };
                self.state = State::Stopping { stage, then };
                self.reason = reason;
                self.pid.filter(|_| killed).map(Action::Kill)
            }
            _ => None,
        }
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

wire_struct!(Machine {
    policy,
    state,
    reason,
    since,
    pid,
    pause,
    restarts,
    obstacle,
    last,
    starts,
    exits,
    seed,
});

#[cfg(test)]
mod tests;
