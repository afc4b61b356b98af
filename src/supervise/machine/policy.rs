//! What of a service's description its machine depends on: when it is ready, and how often and how soon
//! it is started again.

use std::time::Duration;

use crate::supervise::spec::{Ready, Restart, ServiceSpec};
use crate::supervise::wire::{wire_enum, wire_struct};

/// How often and how soon a service is started again, and when it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it is started again.
    pub restart: Restart,
    /// When it is ready.
    pub promise: Promise,
    /// The first pause before it is started again; doubles each time.
    pub shortest: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Running for this long makes the next pause the shortest again.
    pub stable: Duration,
    /// Started again more often than this within this time, it is given up.
    pub limit: Option<(u32, Duration)>,
    /// Whether not even a missing program makes it give up.
    pub persistent: bool,
}

/// What makes a service ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Being executed.
    Exec,
    /// Somebody says so: [`super::Event::Ready`].
    Word,
    /// Another process takes over, named in a pid file: [`super::Event::Adopted`].
    PidFile,
    /// Having run for this long.
    After(Duration),
    /// Having ended with status 0.
    End,
}

impl Policy {
    /// What a service's description says; its back-off starts over after 30 s of running.
    pub fn of(spec: &ServiceSpec) -> Self {
        let promise = match spec.ready {
            _ if spec.oneshot => Promise::End,
            Ready::Exec => Promise::Exec,
            Ready::Descriptor | Ready::Notify | Ready::Tcp(_) => Promise::Word,
            Ready::PidFile(_) => Promise::PidFile,
            Ready::After(time) => Promise::After(time),
        };
        // Not zero: twice that would still be zero, and PID 1 would do nothing else.
        let shortest = spec.backoff.0.max(Duration::from_millis(1));
        Self {
            restart: spec.restart,
            promise,
            shortest,
            longest: spec.backoff.1.max(shortest),
            stable: Duration::from_secs(30),
            limit: spec.max_restarts,
            persistent: false,
        }
    }

    /// The boot role: a person waits for its shell, so 8 s at most, and it is never given up.
    pub const BOOT: Self = Self {
        restart: Restart::Always,
        promise: Promise::Exec,
        shortest: Duration::from_millis(250),
        longest: Duration::from_secs(8),
        stable: Duration::from_secs(5),
        limit: None,
        persistent: true,
    };

    /// The command of container mode: runs once.
    pub const COMMAND: Self = Self {
        restart: Restart::Never,
        persistent: false,
        ..Self::BOOT
    };
}

wire_struct!(Policy {
    restart,
    promise,
    shortest,
    longest,
    stable,
    limit,
    persistent
});
wire_enum!(Promise { 0 => Exec, 1 => Word, 2 => PidFile, 3 => After(time), 4 => End });
