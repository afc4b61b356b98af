//! Where a service stands. Invariant: every state that can only be left in time carries its own deadline.

use std::time::Duration;

use crate::supervise::wire::wire_enum;
use crate::time::Instant;

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is to be started; it has no process yet.
    Pending {
        /// What it waits for.
        hold: Hold,
    },
    /// It was started and is not ready yet.
    Starting {
        /// Whether its program was executed.
        executed: bool,
        /// When it is ready because it has run for long enough, or is given up because no pid file
        /// has appeared.
        until: Option<Instant>,
    },
    /// It is ready.
    Running,
    /// Its process has ended; a new one is started at `until`.
    Backoff {
        /// When it is started again.
        until: Instant,
    },
    /// It is to end and its process has not ended yet.
    Stopping {
        /// How far that is.
        stage: Stage,
        /// What it is afterwards.
        then: Then,
    },
    /// It ended well or was stopped.
    Stopped,
    /// It ended badly and is not started again.
    Failed,
}

/// What a service waits for that has no process yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// That nothing is in its way any more: see `order.rs`.
    Others,
    /// The next attempt, where there was no process to be had.
    Retry(Instant),
    /// The process that was asked for.
    Fork,
}

/// How far a service's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Services that depend on it end first; once it is its turn, it has this long.
    Held(Duration),
    /// It was asked to end and is killed at this time.
    Asked(Instant),
    /// It was killed; until this time that is believed to have helped.
    Killed(Instant),
    /// It was killed and is still there: nobody waits for it any more.
    Stuck,
}

/// What a service is once its process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Stopped.
    Rest,
    /// Started again.
    Again,
    /// Failed, because the service at this place of its `needs` has failed.
    Fail(u32),
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

    /// When time alone changes it, if ever.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Self::Pending {
                hold: Hold::Retry(at),
            } => Some(at),
            Self::Starting { until, .. } => until,
            Self::Backoff { until } => Some(until),
            Self::Stopping {
                stage: Stage::Asked(at) | Stage::Killed(at),
                ..
            } => Some(at),
            _ => None,
        }
    }
}

wire_enum!(State {
    0 => Pending { hold },
    1 => Starting { executed, until },
    2 => Running,
    3 => Backoff { until },
    4 => Stopping { stage, then },
    5 => Stopped,
    6 => Failed,
});
wire_enum!(Hold { 0 => Others, 1 => Retry(at), 2 => Fork });
wire_enum!(Stage { 0 => Held(grace), 1 => Asked(at), 2 => Killed(at), 3 => Stuck });
wire_enum!(Then { 0 => Rest, 1 => Again, 2 => Fail(need) });
