//! The client's state machine (RFC 8415 §18.2): no I/O, no clock, no randomness of its own. Invariant:
//! whatever is handed in, it has something for ever, or [`Machine::deadline`] says when it goes on, or it
//! waits for the link.

use std::collections::VecDeque;

use super::event::{Config, Input, Output, Phase};
use crate::time::Instant;

/// A client of one interface.
#[derive(Debug)]
pub struct Machine {
    output: VecDeque<Output>,
}

impl Machine {
    /// A client that waits for its link. `entropy` decides its transaction numbers and its jitter.
    pub fn new(_config: Config, _entropy: u64) -> Self {
        Self {
            output: VecDeque::new(),
        }
    }

    /// The only way in. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, _input: Input<'_>, _now: Instant) {}

    /// The only way out.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When to hand in [`Input::Timeout`]; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The state that it is in.
    pub fn phase(&self) -> Phase {
        Phase::Idle
    }

    /// Why there is no lease, in words for the person who waits for one.
    pub fn explain(&self) -> String {
        "no carrier".to_owned()
    }

    /// Why there is no lease, once that is worth telling: the quick repetitions are over, a server
    /// refuses, or there is no carrier.
    pub fn trouble(&self) -> Option<String> {
        None
    }
}
