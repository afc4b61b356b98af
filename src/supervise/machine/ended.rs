//! A service's process has ended: whether, and when, there is another one.

use std::time::Duration;

use super::{Action, GIVE_UP, Loss, Machine, PID_FILE, Promise, Reason, State, Then, is_shortage};
use crate::supervise::spec::Restart;
use crate::sys::child::Exit;
use crate::time::Instant;

impl Machine {
    pub(super) fn ended(&mut self, exit: Exit, now: Instant) -> Option<Action> {
        self.pid = None;
        self.last = Some(exit);
        self.exits = self.exits.saturating_add(1);
        let obstacle = self.obstacle.take();
        match self.state {
            State::Stopping { then, .. } => return self.stopped(then, now),
            State::Running if now.since(self.since) >= self.policy.stable => {
                self.pause = self.policy.shortest;
            }
            _ => {}
        }
        if let Some(reason) = obstacle {
            return self.not_executed(reason, now);
        }
        let (reason, success) = (Reason::Ended(exit), exit.is_success());
        let promise = match self.state {
            State::Starting { .. } => Some(self.policy.promise),
            _ => None,
        };
        match (self.policy.restart, promise) {
            (_, Some(Promise::PidFile)) if success => {
                self.starting(true, Some(now + PID_FILE), Reason::NotReady, now)
            }
            (_, Some(Promise::End)) if success => self.enter(State::Stopped, reason, now),
            _ if self.policy.persistent => self.again(exit, reason, now),
            _ if exit == Exit::Code(GIVE_UP) => self.enter(State::Failed, reason, now),
            (Restart::Never | Restart::OnFailure, _) if success => {
                self.enter(State::Stopped, reason, now)
            }
            (Restart::Never, _) => self.enter(State::Failed, reason, now),
            (Restart::OnFailure | Restart::Always, _) => self.again(exit, reason, now),
        }
    }

    fn stopped(&mut self, then: Then, now: Instant) -> Option<Action> {
        match then {
            Then::Rest => self.enter(State::Stopped, self.reason, now),
            Then::Again => {
                self.restarts = (now, 0);
                self.attempt(now)
            }
            Then::Fail(need) => self.enter(State::Failed, Reason::Need(need, Loss::Failed), now),
        }
    }

    fn not_executed(&mut self, reason: Reason, now: Instant) -> Option<Action> {
        let shortage = reason.errno().is_some_and(is_shortage);
        match (shortage, self.policy.persistent) {
            (true, _) => self.retry(reason, now),
            (false, true) => self.back_off(reason, now),
            (false, false) => self.enter(State::Failed, reason, now),
        }
    }

    /// Another attempt, if there were not too many already.
    pub(super) fn again(&mut self, exit: Exit, reason: Reason, now: Instant) -> Option<Action> {
        if let Some((most, within)) = self.policy.limit {
            let (from, count) = self.restarts;
            self.restarts = match count > 0 && now.since(from) <= within {
                true => (from, count.saturating_add(1)),
                false => (now, 1),
            };
            if self.restarts.1 > most {
                let reason = Reason::TooOften(exit, most, within);
                return self.enter(State::Failed, reason, now);
            }
        }
        self.back_off(reason, now)
    }

    fn back_off(&mut self, reason: Reason, now: Instant) -> Option<Action> {
        let until = now + self.pause + self.jitter();
        self.pause = (self.pause * 2).min(self.policy.longest);
        self.enter(State::Backoff { until }, reason, now)
    }

    /// Up to a tenth of the pause, so that services that end together are not started together.
    fn jitter(&mut self) -> Duration {
        if self.policy.persistent {
            return Duration::ZERO;
        }
        // Knuth's MMIX generator: its upper bits are good enough for this.
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let millis = (self.pause.as_millis() / 10 * u128::from(self.seed >> 32)) >> 32;
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
