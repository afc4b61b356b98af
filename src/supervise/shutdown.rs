//! The stages of an orderly end: services, then every process, then the file systems. Pure: facts and
//! the time in, one action out. Invariant: every stage has a limit, so that nothing, neither a process
//! nor a file system, can keep the machine from ending.

use std::time::Duration;

use super::protocol::Power;
use super::wire::{wire_enum, wire_struct};
use crate::time::Instant;

/// How long a service may take between SIGTERM and SIGKILL.
pub const SERVICE_GRACE: Duration = Duration::from_secs(5);

/// How long services may take together.
const SERVICES: Duration = Duration::from_secs(7);

/// How long everything else may take between SIGTERM and SIGKILL.
const EVERYONE: Duration = Duration::from_secs(3);

/// How long killed processes may take to go.
const KILLED: Duration = Duration::from_secs(2);

/// How long syncing and unmounting may take.
const FINISHING: Duration = Duration::from_secs(15);

/// How long reboot(2) may take.
const FORCING: Duration = Duration::from_secs(5);

/// How soon a fork that failed is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Where the end of the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Up,
    Services,
    Everyone,
    Killed,
    Finishing,
    Forcing,
    Over,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Stop every service.
    StopServices,
    /// SIGTERM to every process.
    TerminateAll,
    /// SIGKILL to every process.
    KillAll,
    /// Fork the child that syncs, unmounts and calls reboot(2).
    Finish,
    /// Fork a child that only calls reboot(2).
    Force,
    /// Call reboot(2) right here.
    ForceHere,
}

/// The child that ends the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helper {
    /// There is none: not asked for, or it could not be forked.
    Absent,
    /// It is at work.
    Busy,
    /// It has ended.
    Ended,
}

/// What is known when a step is taken.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether a service still has a process.
    pub services: bool,
    /// Whether any process is left besides PID 1 and the helper.
    pub others: bool,
    /// The child that ends the machine.
    pub helper: Helper,
}

/// The end of the machine.
#[derive(Debug)]
pub struct Shutdown {
    stage: Stage,
    power: Power,
    until: Instant,
    retry: Instant,
}

wire_struct!(Shutdown {
    stage,
    power,
    until,
    retry
});
wire_enum!(Stage {
    0 => Up, 1 => Services, 2 => Everyone, 3 => Killed, 4 => Finishing, 5 => Forcing, 6 => Over,
});
wire_enum!(Helper { 0 => Absent, 1 => Busy, 2 => Ended });

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            stage: Stage::Up,
            power: Power::Halt,
            until: Instant::BOOT,
            retry: Instant::BOOT,
        }
    }
}

impl Shutdown {
    /// How the machine is to end, once that is decided.
    pub fn power(&self) -> Option<Power> {
        (self.stage != Stage::Up).then_some(self.power)
    }

    /// Whether only the child that ends the machine is awaited.
    pub fn is_finishing(&self) -> bool {
        matches!(self.stage, Stage::Finishing | Stage::Forcing | Stage::Over)
    }

    /// Why the machine should be reset: it was to end and is still there.
    pub fn stuck(&self) -> Option<&'static str> {
        let over = matches!(self.stage, Stage::Forcing | Stage::Over);
        over.then_some("the machine was to have ended")
    }

    /// Begins; a second request changes nothing.
    pub fn begin(&mut self, power: Power, now: Instant) -> Option<Action> {
        if self.stage != Stage::Up {
            return None;
        }
        self.power = power;
        self.enter(Stage::Services, SERVICES, Action::StopServices, now)
    }

    /// When the next step is due at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Up | Stage::Over => None,
            Stage::Finishing | Stage::Forcing => Some(self.until.min(self.retry)),
            _ => Some(self.until),
        }
    }

    /// Goes on if this stage is done or its time is over. Called until there is nothing to do.
    pub fn step(&mut self, facts: Facts, now: Instant) -> Option<Action> {
        let over = self.until <= now;
        match self.stage {
            Stage::Services if !facts.services || over => {
                self.enter(Stage::Everyone, EVERYONE, Action::TerminateAll, now)
            }
            Stage::Everyone if !facts.others => self.finish(now),
            Stage::Everyone if over => self.enter(Stage::Killed, KILLED, Action::KillAll, now),
            Stage::Killed if !facts.others || over => self.finish(now),
            Stage::Finishing => match facts.helper {
                Helper::Ended => self.enter(Stage::Forcing, FORCING, Action::Force, now),
                _ if over => self.enter(Stage::Forcing, FORCING, Action::Force, now),
                Helper::Absent => self.again(Action::Finish, now),
                Helper::Busy => self.wait(),
            },
            Stage::Forcing => match facts.helper {
                Helper::Ended => {
                    self.stage = Stage::Over;
                    None
                }
                _ if over => {
                    self.stage = Stage::Over;
                    Some(Action::ForceHere)
                }
                Helper::Absent => self.again(Action::Force, now),
                Helper::Busy => self.wait(),
            },
            _ => None,
        }
    }

    fn enter(
        &mut self,
        stage: Stage,
        limit: Duration,
        action: Action,
        now: Instant,
    ) -> Option<Action> {
        self.stage = stage;
        self.until = now + limit;
        self.retry = now + RETRY;
        Some(action)
    }

    fn finish(&mut self, now: Instant) -> Option<Action> {
        self.enter(Stage::Finishing, FINISHING, Action::Finish, now)
    }

    fn again(&mut self, action: Action, now: Instant) -> Option<Action> {
        (self.retry <= now).then(|| {
            self.retry = now + RETRY;
            action
        })
    }

    fn wait(&mut self) -> Option<Action> {
        self.retry = self.until;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Facts = Facts {
        services: true,
        others: true,
        helper: Helper::Absent,
    };

    const QUIET: Facts = Facts {
        services: false,
        others: false,
        helper: Helper::Absent,
    };

    fn at(millis: u64) -> Instant {
        Instant::from_boot(Duration::from_millis(millis))
    }

    fn begun(power: Power) -> Shutdown {
        let mut shutdown = Shutdown::default();
        assert_eq!(shutdown.power(), None);
        let action = shutdown.begin(power, at(0));
        assert_eq!(action, Some(Action::StopServices));
        shutdown
    }

    #[test]
    fn nothing_waits_where_nothing_is_left() {
        let mut shutdown = begun(Power::Off(3));
        assert_eq!(shutdown.step(QUIET, at(0)), Some(Action::TerminateAll));
        assert_eq!(shutdown.step(QUIET, at(0)), Some(Action::Finish));
        let busy = Facts {
            helper: Helper::Busy,
            ..QUIET
        };
        assert_eq!(shutdown.step(busy, at(1)), None);
        assert_eq!(shutdown.power(), Some(Power::Off(3)));
    }

    #[test]
    fn a_second_request_changes_nothing() {
        let mut shutdown = begun(Power::Reboot);
        assert_eq!(shutdown.begin(Power::Off(0), at(1)), None);
        assert_eq!(shutdown.power(), Some(Power::Reboot));
    }

    /// Runs it with the same facts until it is over; each action with its second.
    fn history(facts: impl Fn(Action) -> Helper) -> Vec<(Action, u64)> {
        let mut shutdown = begun(Power::Off(0));
        let mut all = Vec::new();
        let mut helper = Helper::Absent;
        for tenth in 0..1000 {
            let now = at(tenth * 100);
            while let Some(action) = shutdown.step(Facts { helper, ..BUSY }, now) {
                if all.last().is_none_or(|&(last, _)| last != action) {
                    all.push((action, tenth / 10));
                }
                helper = facts(action);
            }
        }
        assert_eq!(shutdown.deadline(), None, "never over");
        all
    }

    #[test]
    fn whatever_hangs_it_ends() {
        use Action::{Finish, Force, ForceHere, KillAll, TerminateAll};
        let stuck = [(TerminateAll, 7), (KillAll, 10), (Finish, 12), (Force, 27)];
        let here = (ForceHere, 32);
        let stuck_here = [&stuck[..], &[here]].concat();
        assert_eq!(history(|_| Helper::Busy), stuck_here);
        assert_eq!(history(|_| Helper::Absent), stuck_here);
        // Where reboot(2) returned, calling it once more is tried in a child only.
        let returned = [(TerminateAll, 7), (KillAll, 10), (Finish, 12), (Force, 12)];
        let ended = |action| match action {
            Finish | Force => Helper::Ended,
            _ => Helper::Absent,
        };
        assert_eq!(history(ended), returned);
    }
}
