//! The stages of an orderly end: services, then every process, then the file systems. Pure: facts and
//! the time in, one action out. Invariants: one deadline for everything, of which each stage has a share,
//! so that nothing, neither a process nor a file system, can keep the machine from ending; no request
//! ever takes it a stage back.

use std::time::Duration;

use super::protocol::{Power, Urgency};
use super::wire::{wire_enum, wire_struct};
use crate::time::Instant;

/// How long the end of a machine may take where nobody says anything else.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How long a service has in container mode, where there is no deadline for all of it.
pub const SERVICE_GRACE: Duration = Duration::from_secs(5);

/// Requests that come within this time are one: a bouncing button, a script that asks twice, a flood of
/// signals.
const SAME: Duration = Duration::from_secs(1);

/// How soon a fork that failed is tried again, and everything is killed again.
const RETRY: Duration = Duration::from_millis(250);

/// How often it is looked whether processes that are not our descendants have ended: nothing tells.
const LOOK: Duration = Duration::from_millis(50);

/// How often it is said who is waited for.
const TELL: Duration = Duration::from_secs(1);

/// Where the end of the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It has not begun.
    Up,
    /// Services stop in order.
    Services,
    /// Everybody was asked to end.
    Everyone,
    /// Everybody was killed.
    Killed,
    /// A child syncs, unmounts and calls reboot(2).
    Finishing,
    /// A child calls reboot(2).
    Forcing,
    /// A child resets the machine by other means.
    Emergency,
    /// Nothing more can be done.
    Over,
}

impl Stage {
    /// When it ends at the latest, and how long it may take at most where it was reached early: in
    /// thousandths of the deadline.
    fn share(self) -> (u32, u32) {
        match self {
            Self::Up | Self::Over => (1000, 1000),
            Self::Services => (500, 500),
            Self::Everyone => (700, 100),
            Self::Killed => (750, 50),
            Self::Finishing => (900, 900),
            Self::Forcing => (950, 100),
            Self::Emergency => (1000, 100),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Stop every service, in order.
    StopServices,
    /// SIGTERM to every process.
    TerminateAll,
    /// SIGKILL to every process.
    KillAll,
    /// The same again, for what was being forked.
    KillAgain,
    /// Start the boot script again: the end of a soft restart.
    StartAgain,
    /// Fork the child that syncs, unmounts and calls reboot(2).
    Finish,
    /// Fork a child that only calls reboot(2).
    Force,
    /// Fork a child that resets the machine without the kernel's leave-taking.
    Emergency,
    /// Do that right here.
    ForceHere,
    /// Say who is waited for.
    Tell,
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
    /// Whether any process is left below PID 1.
    pub children: bool,
    /// Whether there are processes whose end nobody tells us: entered into this PID namespace from
    /// outside.
    pub strangers: bool,
    /// The child that ends the machine.
    pub helper: Helper,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The end begins.
    Begins(Action),
    /// It was under way: the next stage begins.
    Escalates(Action),
    /// It changes nothing.
    Nothing,
}

/// The end of the machine.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stage: Stage,
    power: Power,
    begun: Instant,
    /// How long all of it may take.
    total: Duration,
    /// When this stage is over.
    until: Instant,
    retry: Option<Instant>,
    /// When the last request came.
    heard: Instant,
    tell: Instant,
}

wire_struct!(Shutdown {
    stage,
    power,
    begun,
    total,
    until,
    retry,
    heard,
    tell
});
wire_enum!(Stage {
    0 => Up, 1 => Services, 2 => Everyone, 3 => Killed, 4 => Finishing, 5 => Forcing,
    6 => Emergency, 7 => Over,
});
wire_enum!(Helper { 0 => Absent, 1 => Busy, 2 => Ended });

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            stage: Stage::Up,
            power: Power::Halt,
            begun: Instant::BOOT,
            total: DEADLINE,
            until: Instant::BOOT,
            retry: None,
            heard: Instant::BOOT,
            tell: Instant::BOOT,
        }
    }
}

impl Shutdown {
    /// How the machine is to end, once that is decided.
    pub fn power(&self) -> Option<Power> {
        (self.stage != Stage::Up).then_some(self.power)
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Why the machine should be reset: it was to end and is still there.
    pub fn stuck(&self) -> Option<&'static str> {
        let over = self.stage >= Stage::Forcing;
        over.then_some("the machine was to have ended")
    }

    /// When this stage is over.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Takes a request. A second one of any kind goes on to the next stage, a forced one further. What
    /// is decided stays decided: only a forced request changes the way in which the machine ends, and
    /// anything replaces a soft restart. `total`: the time for all of it, if it begins now.
    pub fn ask(&mut self, power: Power, urgency: Urgency, total: Duration, now: Instant) -> Heard {
        let first = match urgency {
            Urgency::Orderly => Stage::Services,
            Urgency::Forced => Stage::Killed,
            Urgency::AtOnce => Stage::Forcing,
        };
        let begins = self.stage == Stage::Up || (self.power == Power::Soft && power != Power::Soft);
        if begins {
            (self.power, self.begun, self.total) = (power, now, total);
            (self.heard, self.tell) = (now, now + TELL);
            // A soft restart that has got further goes on from there.
            let stage = self.stage.max(first);
            return Heard::Begins(self.enter(stage, now));
        }
        let softer = power == Power::Soft && self.power != Power::Soft;
        let same = urgency == Urgency::Orderly && now.since(self.heard) < SAME;
        if softer || same || self.stage == Stage::Over {
            return Heard::Nothing;
        }
        self.heard = now;
        if urgency > Urgency::Orderly {
            self.power = power;
        }
        let next = self.next().max(first);
        Heard::Escalates(self.enter(next, now))
    }

    /// The stage that a request for more haste leads to.
    fn next(&self) -> Stage {
        match self.stage {
            Stage::Up => Stage::Services,
            Stage::Services | Stage::Everyone => Stage::Killed,
            Stage::Killed => Stage::Finishing,
            Stage::Finishing => Stage::Forcing,
            Stage::Forcing => Stage::Emergency,
            Stage::Emergency | Stage::Over => Stage::Over,
        }
    }

    /// When the next step is due at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Up | Stage::Over => None,
            _ => [Some(self.until), Some(self.tell), self.retry]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// Goes on if this stage is done or its time is over. Called until there is nothing to do.
    pub fn step(&mut self, facts: Facts, now: Instant) -> Option<Action> {
        if matches!(self.stage, Stage::Up | Stage::Over) {
            return None;
        }
        let others = facts.children || facts.strangers;
        let done = match self.stage {
            Stage::Services => !facts.services,
            Stage::Everyone | Stage::Killed => !others,
            Stage::Finishing | Stage::Forcing => facts.helper == Helper::Ended,
            _ => false,
        };
        if done || self.until <= now {
            return Some(self.go_on(others, now));
        }
        self.again(facts, now).or_else(|| {
            (self.tell <= now).then(|| {
                self.tell = now + TELL;
                Action::Tell
            })
        })
    }

    fn go_on(&mut self, others: bool, now: Instant) -> Action {
        let next = match self.stage {
            Stage::Services => Stage::Everyone,
            // Nobody is left to be killed.
            Stage::Everyone if !others => Stage::Finishing,
            _ => self.next(),
        };
        self.enter(next, now)
    }

    fn enter(&mut self, stage: Stage, now: Instant) -> Action {
        if self.power == Power::Soft && stage > Stage::Killed {
            self.stage = Stage::Up;
            return Action::StartAgain;
        }
        let (end, longest) = stage.share();
        let part = |thousandths: u32| self.total.saturating_mul(thousandths) / 1000;
        self.until = (self.begun + part(end)).min(now + part(longest));
        self.stage = stage;
        self.retry = None;
        match stage {
            Stage::Up | Stage::Services => Action::StopServices,
            Stage::Everyone => Action::TerminateAll,
            Stage::Killed => Action::KillAll,
            Stage::Finishing => Action::Finish,
            Stage::Forcing => Action::Force,
            Stage::Emergency => Action::Emergency,
            Stage::Over => Action::ForceHere,
        }
    }

    /// What is done once more in a stage, when it is time for it.
    fn again(&mut self, facts: Facts, now: Instant) -> Option<Action> {
        let (action, pause) = match (self.stage, facts.helper) {
            (Stage::Everyone, _) if facts.strangers => (None, LOOK),
            (Stage::Killed, _) => (Some(Action::KillAgain), RETRY),
            (Stage::Finishing, Helper::Absent) => (Some(Action::Finish), RETRY),
            (Stage::Forcing, Helper::Absent) => (Some(Action::Force), RETRY),
            (Stage::Emergency, Helper::Absent) => (Some(Action::Emergency), RETRY),
            _ => {
                self.retry = None;
                return None;
            }
        };
        let due = self.retry.is_some_and(|at| at <= now);
        if due || self.retry.is_none() {
            self.retry = Some(now + pause);
        }
        action.filter(|_| due)
    }
}

#[cfg(test)]
mod tests;
