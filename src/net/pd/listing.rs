//! The pool as people want to see it: each delegated prefix, and below it who has which part. Pure.

use super::delegation::{Delegation, Wan, show};
use super::pool::{self, Pool, User, size, subnets};
use crate::time::Instant;

/// A delegated prefix, or a user's subnet of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The interface.
    pub from: String,
    /// The prefix or the subnet; `None` for a user that waits for one.
    pub prefix: Option<String>,
    /// The subnet's number; `None` for a delegated prefix.
    pub number: Option<u64>,
    /// Whose.
    pub user: Option<User>,
    /// Seconds; inner `None`: for ever; outer: there is nothing to be preferred.
    pub preferred: Option<Option<u64>>,
    /// Seconds, likewise.
    pub valid: Option<Option<u64>>,
    /// How many subnets of /64 the prefix has; of longer ones, if it is longer.
    pub size: u64,
    /// By how many users.
    pub used: u64,
}

/// Every prefix with its users behind it, then the users that wait for one.
pub fn rows(wans: &[Wan], pool: &Pool, now: Instant) -> Vec<Row> {
    let left = |delegation: &Delegation| {
        [delegation.preferred, delegation.valid]
            .map(|until| Some(until.map(|until| until.since(now).as_secs())))
    };
    let mut rows = Vec::new();
    for wan in wans {
        for delegation in &wan.delegations {
            let [preferred, valid] = left(delegation);
            let length = delegation.network.1.max(64);
            let place = rows.len();
            rows.push(Row {
                from: wan.name.clone(),
                prefix: Some(show(delegation.network)),
                number: None,
                user: None,
                preferred,
                valid,
                size: u64::try_from(size(delegation.network, length)).unwrap_or(u64::MAX),
                used: 0,
            });
            let own = pool.claims().iter().filter(|claim| claim.wan == wan.name);
            for claim in own {
                let parts = subnets(claim, wans, now);
                let of = |part: &&pool::Subnet| part.of.network == delegation.network;
                if let Some(part) = parts.iter().find(of) {
                    rows[place].used += 1;
                    rows.push(Row {
                        prefix: Some(show(part.network)),
                        number: Some(claim.number),
                        user: Some(claim.user.clone()),
                        size: 0,
                        used: 0,
                        ..rows[place].clone()
                    });
                }
            }
        }
    }
    for claim in pool.claims() {
        if subnets(claim, wans, now).is_empty() {
            rows.push(Row {
                from: claim.wan.clone(),
                prefix: None,
                number: Some(claim.number),
                user: Some(claim.user.clone()),
                preferred: None,
                valid: None,
                size: 0,
                used: 0,
            });
        }
    }
    rows
}
