//! What goes into the machine and what comes out of it. Invariant: plain values; whoever drives the
//! machine needs no others.

use std::net::Ipv6Addr;

use super::address::Identifier;
use super::lease::Settings;
use super::timing::Timing;
use crate::net::nd::wire::RouterAdvertisement;

/// What makes this host this host.
#[derive(Debug, Clone)]
pub struct Config {
    /// Hardware address of the interface.
    pub mac: [u8; 6],
    /// How addresses are made.
    pub identifier: Identifier,
    /// MTU of the link in bytes: no router may ask for more.
    pub mtu: u32,
    /// When solicitations are repeated.
    pub timing: Timing,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The link is up, or up again: ask for routers.
    LinkUp,
    /// The link has lost its carrier.
    LinkDown,
    /// A router with this link-local address says something.
    Advertisement(Ipv6Addr, &'a RouterAdvertisement),
    /// The deadline has passed.
    Timeout,
    /// Another host uses an address of ours (RFC 4862 §5.4).
    Duplicate(Ipv6Addr),
    /// What an earlier client of this interface has configured; handed in before [`Self::LinkUp`].
    Resume(&'a Settings),
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a router solicitation.
    Solicit,
    /// Have exactly this configured.
    Configure(Settings),
    /// An address is given up, as another host has it; the next takes its place if there is one.
    Conflict(Ipv6Addr, Option<Ipv6Addr>),
    /// A part of a message was dropped: a key for the statistics.
    Dropped(&'static str),
}

/// The states of the machine, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for the link.
    Idle,
    /// Asks for routers.
    Soliciting,
    /// Has been answered by a default router, and listens.
    Listening,
}
