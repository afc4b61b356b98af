//! What goes into the machine and what comes out of it. Invariant: plain values; whoever drives the machine
//! needs no others.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::content::{Content, Network};
use crate::net::nd::wire::RouterAdvertisement;

/// How a router behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// MaxRtrAdvInterval (RFC 4861 §6.2.1): 4–1800 seconds.
    pub interval: Duration,
    /// Prefixes that an earlier run has advertised: hosts still have them.
    pub earlier: Vec<Network>,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The link is up, and there is an address to send from.
    LinkUp,
    /// It is not.
    LinkDown,
    /// This is what hosts are to know from now on.
    Content(&'a Content),
    /// A host asks; from `::` where it has no address yet.
    Solicited(Ipv6Addr),
    /// Another router advertises.
    Heard(&'a RouterAdvertisement),
    /// The deadline has passed.
    Timeout,
    /// The end.
    Stop,
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this to all hosts or to one.
    Advertise(RouterAdvertisement, Ipv6Addr),
    /// Another router says something else than this one (RFC 4861 §6.2.7): worth a line, once.
    Inconsistent(&'static str),
}
