//! What the machine is doing, in words for the person who waits for a lease.

use super::{Machine, Reason, State};
use crate::net::address::show_mac;

impl Machine {
    /// Why there is no lease, in words for the person who waits for one.
    pub fn explain(&self) -> String {
        match (&self.state, self.reason) {
            _ if !self.up => "no carrier".to_owned(),
            (_, Some(Reason::Ipv6Only)) => {
                "the network prefers IPv6 alone (option 108); --ipv4 insists".to_owned()
            }
            (_, Some(Reason::Conflict(address, mac))) => {
                format!("{address} was leased, but {} has it", show_mac(&mac))
            }
            _ if self.refusals > 0 => {
                format!("the server refuses (NAK), {} so far", self.refusals)
            }
            (State::Requesting { attempt, offer }, _) => format!(
                "{} offered {} but did not confirm it after {}",
                offer.server,
                offer.address,
                tries(attempt.count)
            ),
            (State::Rebooting { attempt, .. }, _) => {
                format!("no answer after {}", tries(attempt.count))
            }
            _ => format!("no answer after {}", tries(self.discovers)),
        }
    }

    /// Why there is no lease, once that is worth telling: the quick repetitions are over, a server
    /// refuses, or there is no carrier.
    pub fn trouble(&self) -> Option<String> {
        let troubled = match &self.state {
            State::Idle | State::Waiting { .. } => true,
            State::Selecting { .. } => self.discovers > 3 || self.refusals > 0,
            State::Requesting { attempt, .. } | State::Informing { attempt, .. } => {
                attempt.count > 3
            }
            _ => false,
        };
        troubled.then(|| self.explain())
    }
}

fn tries(count: u32) -> String {
    match count {
        1 => "1 try".to_owned(),
        count => format!("{count} tries"),
    }
}
