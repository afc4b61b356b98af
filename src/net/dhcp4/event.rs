//! What goes into the machine and what comes out of it. Invariant: plain values; whoever drives the
//! machine needs no others.

use std::net::Ipv4Addr;

use super::lease::Lease;
use super::timing::Timing;
use super::wire::Message;

/// What makes this client this client. It must not change while it holds a lease.
#[derive(Debug, Clone)]
pub struct Config {
    /// Hardware address, at most 16 bytes.
    pub mac: Vec<u8>,
    /// Option 61, type byte included.
    pub client_id: Vec<u8>,
    /// Option 12.
    pub hostname: Option<String>,
    /// When it repeats itself.
    pub timing: Timing,
    /// Whether the first DISCOVER asks for rapid commit (RFC 4039).
    pub rapid_commit: bool,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The link is up: begin.
    LinkUp,
    /// The link has lost its carrier.
    LinkDown,
    /// A message came in. Any message: the machine decides whether it is for it.
    Received(&'a Message),
    /// The deadline has passed.
    Timeout,
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this message.
    Send(Message, Destination),
    /// Use this lease, in place of the one before.
    Configure(Lease),
    /// Stop using the lease at once.
    Deconfigure(Loss),
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// 255.255.255.255 from 0.0.0.0, below the routing table.
    Link,
    /// 255.255.255.255 from the leased address.
    Everyone,
    /// This server, from the leased address.
    Server(Ipv4Addr),
}

/// Why a lease is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nobody renewed it in time.
    Expired,
    /// A server refused to renew it.
    Refused,
}

/// The states of RFC 2131, figure 5, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for the link.
    Idle,
    /// INIT: waits before it begins again.
    Waiting,
    /// SELECTING
    Selecting,
    /// REQUESTING
    Requesting,
    /// BOUND
    Bound,
    /// RENEWING
    Renewing,
    /// REBINDING
    Rebinding,
}
