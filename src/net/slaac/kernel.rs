//! The kernel's IPv6 parameters of one interface (`/proc/sys/net/ipv6`). Invariant: what cannot be written
//! is told once and is never fatal; without /proc the kernel's own values stay.

use crate::failure::Failure;
use crate::net::link_local::{self, Dad};
use crate::system::sysctl;

/// RFC 4861 §10: RETRANS_TIMER, milliseconds, as the kernel has it.
const RETRANSMIT: u32 = 1000;
/// With this a check for duplicates takes 56 ms.
const FAST_CHECK: u32 = 50;

/// The parameters of one interface.
#[derive(Debug)]
pub struct Parameters {
    name: String,
    /// The first failure has been told.
    told: bool,
    /// The time between solicitations that a router asked for.
    retransmit: u32,
    /// Whether checks for duplicates are under way, with their own time.
    hurried: bool,
}

impl Parameters {
    /// Of this interface, which is not touched.
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            told: false,
            retransmit: RETRANSMIT,
            hurried: false,
        }
    }

    /// What is to be set before the interface is up: the kernel makes no address by itself and asks no
    /// router, and it takes addresses that are used while they are checked.
    pub fn prepare(&mut self, dad: Dad) -> Option<Failure> {
        let steps: [(&str, &str, u32); 4] = [
            ("conf", "addr_gen_mode", 1),
            ("conf", "accept_ra", 0),
            ("conf", "router_solicitations", 0),
            // The random wait before an address is checked, too.
            ("conf", "router_solicitation_delay", 0),
        ];
        let mut failure = None;
        for (table, parameter, value) in steps {
            failure = failure.or(self.set(table, parameter, value));
        }
        if dad == Dad::Optimistic {
            link_local::allow_optimistic(&self.name);
        }
        failure
    }

    /// Checks for duplicates take 56 ms, not a second, until [`Self::calm`].
    pub fn hurry(&mut self) -> Option<Failure> {
        self.hurried = true;
        self.set("neigh", "retrans_time_ms", FAST_CHECK)
    }

    /// The time between solicitations is what the router asked for again.
    pub fn calm(&mut self) -> Option<Failure> {
        match std::mem::take(&mut self.hurried) {
            true => self.set("neigh", "retrans_time_ms", self.retransmit),
            false => None,
        }
    }

    /// Bytes.
    pub fn set_mtu(&mut self, mtu: u32) -> Option<Failure> {
        self.set("conf", "mtu", mtu)
    }

    /// Of packets sent through the interface.
    pub fn set_hop_limit(&mut self, hops: u8) -> Option<Failure> {
        self.set("conf", "hop_limit", hops.into())
    }

    /// Milliseconds for which a neighbor counts as reachable, on average.
    pub fn set_reachable(&mut self, milliseconds: u32) -> Option<Failure> {
        self.set("neigh", "base_reachable_time_ms", milliseconds)
    }

    /// Milliseconds between solicitations of a neighbor.
    pub fn set_retransmit(&mut self, milliseconds: u32) -> Option<Failure> {
        self.retransmit = milliseconds;
        match self.hurried {
            true => None,
            false => self.set("neigh", "retrans_time_ms", milliseconds),
        }
    }

    fn set(&mut self, table: &str, parameter: &str, value: u32) -> Option<Failure> {
        let path = format!("net/ipv6/{table}/{}/{parameter}", self.name);
        let text = value.to_string();
        // Writing flushes caches: not where it is so already.
        if sysctl::get(&path).is_ok_and(|now| now == text.as_bytes()) {
            return None;
        }
        let failure = sysctl::set(&path, text.as_bytes()).err()?;
        (!std::mem::replace(&mut self.told, true)).then_some(failure)
    }
}
