//! What goes into the machine and what comes out of it. Invariant: plain values; whoever drives the
//! machine needs no others.

use std::net::Ipv4Addr;

use super::arp::{Arp, Mac};
use super::lease::Lease;
use super::timing::Timing;
use super::wire::Message;
use crate::time::Instant;

/// What makes this client this client. It must not change while it holds a lease.
#[derive(Debug, Clone)]
pub struct Config {
    /// Hardware address.
    pub mac: Mac,
    /// Option 61, type byte included.
    pub client_id: Vec<u8>,
    /// When it repeats itself.
    pub timing: Timing,
    /// Whether the first DISCOVER asks for rapid commit (RFC 4039).
    pub rapid_commit: bool,
    /// Replies must be broadcast, because the link drops what is for an address that it does not know.
    pub broadcast: bool,
    /// The address that the interface has already: only the other settings are asked for (INFORM), and
    /// it goes with this prefix length.
    pub inform: Option<(Ipv4Addr, u8)>,
    /// What is asked for and what of it is used.
    pub wants: Wants,
}

/// What a client asks for besides an address, and what of an answer it uses.
#[derive(Debug, Clone)]
pub struct Wants {
    /// Option 12.
    pub hostname: Option<String>,
    /// Codes asked for besides the usual ones: `--request`.
    pub request: Vec<u8>,
    /// Codes asked for and kept as bytes: `--option`.
    pub raw: Vec<u8>,
    /// Use options 121 and 249. They replace the router, so that whoever answers first can pull all
    /// traffic to itself, past a tunnel even.
    pub classless: bool,
    /// Do without IPv4 where the network prefers IPv6 alone (RFC 8925).
    pub yield_to_ipv6: bool,
}

impl Default for Wants {
    fn default() -> Self {
        Self {
            hostname: None,
            request: Vec::new(),
            raw: Vec::new(),
            classless: true,
            yield_to_ipv6: true,
        }
    }
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The link is up: begin, or ask whether the lease is still good here.
    LinkUp,
    /// The link has lost its carrier.
    LinkDown,
    /// A message came in. Any message: the machine decides whether it is for it.
    Received(&'a Message),
    /// An ARP packet came in, from another machine than this one.
    Arp(&'a Arp),
    /// The deadline has passed.
    Timeout,
    /// Give the lease up.
    Release,
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this message.
    Send(Message, Destination),
    /// Broadcast this ARP packet.
    Arp(Arp),
    /// Use this lease, in place of the one before; it counts from that moment.
    Configure(Lease, Instant),
    /// Publish these settings; the address is not theirs (INFORM).
    Inform(Lease),
    /// Stop using the lease at once.
    Deconfigure(Loss),
    /// A message was dropped: `dropped-xid` …, a key of `net stats`.
    Dropped(&'static str),
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
    /// The host with this hardware address has the address, too.
    Conflict(Mac),
    /// It was given up.
    Released,
    /// The network prefers IPv6 alone (option 108).
    Ipv6Only,
}

/// The states of RFC 2131, figure 5, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for the link, or has no more to do.
    Idle,
    /// INIT: waits before it begins again.
    Waiting,
    /// SELECTING
    Selecting,
    /// REQUESTING
    Requesting,
    /// INIT-REBOOT and REBOOTING
    Rebooting,
    /// BOUND
    Bound,
    /// RENEWING
    Renewing,
    /// REBINDING
    Rebinding,
    /// INFORM was sent.
    Informing,
}
