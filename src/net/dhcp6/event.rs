//! What goes into the machine and what comes out of it. Invariant: plain values; whoever drives the
//! machine needs no others.

use std::net::Ipv6Addr;

use super::lease::{Lease, Other};
use crate::time::Instant;

/// What makes this client this client. It must not change while it holds a lease.
#[derive(Debug, Clone)]
pub struct Config {
    /// The client's DUID (RFC 8415 §11).
    pub duid: Vec<u8>,
    /// IAID of the IA_NA; `None`: no address is wanted.
    pub address: Option<u32>,
    /// One IA_PD each.
    pub prefixes: Vec<WantedPrefix>,
    /// When messages are repeated.
    pub timing: Timing,
    /// Whether SOLICIT asks for rapid commit (RFC 8415 §21.14).
    pub rapid_commit: bool,
    /// Whether the server is told that it may send RECONFIGURE (RFC 8415 §21.20).
    pub reconfigure: bool,
    /// Option codes to ask for besides those that are always asked for; what comes is in
    /// [`Other::options`].
    pub requested: Vec<u16>,
}

/// An IA_PD and what is hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedPrefix {
    /// Its IAID.
    pub iaid: u32,
    /// The prefix hoped for; unspecified where only a length is.
    pub prefix: Ipv6Addr,
    /// The length hoped for; 0: any.
    pub length: u8,
}

/// How patient a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Deviation: no random wait before the first message, a few quick repetitions, the first usable
    /// ADVERTISE is taken.
    Fast,
    /// RFC 8415 §15 and §18.2.1.
    Rfc,
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The link is up, or up again: begin, or CONFIRM what there is (RFC 8415 §18.2.3).
    LinkUp,
    /// The link has lost its carrier.
    LinkDown,
    /// A datagram came in from a server's port: any bytes; the machine decides whether it is for it.
    Received(&'a [u8]),
    /// The deadline has passed.
    Timeout,
    /// Another host uses an address of the lease: DECLINE it (RFC 8415 §18.2.8).
    Conflict(Ipv6Addr),
    /// A lease from an earlier run of this client, and when it was granted; handed in before
    /// [`Self::LinkUp`].
    Resume(&'a Lease, Instant),
    /// Give everything back (RFC 8415 §18.2.7).
    Release,
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram to ff02::1:2 (All_DHCP_Relay_Agents_and_Servers), port 547.
    Send(Vec<u8>),
    /// Use this lease in place of the one before; its times count from the instant.
    Configure(Lease, Instant),
    /// Use this configuration; there is no lease.
    Inform(Other),
    /// Stop using the lease at once.
    Deconfigure(Loss),
    /// A message or a part of one was dropped: a key for the statistics, such as `dropped-xid`.
    Dropped(&'static str),
    /// The server says why it grants nothing: for the person who waits.
    Trouble(String),
}

/// Why a lease is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nobody renewed it in time.
    Expired,
    /// The server has no binding any more, or the link is another one (NotOnLink).
    Refused,
    /// It was given back.
    Released,
    /// Another host uses its only address.
    Declined,
}

/// The states of the client, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for the link.
    Idle,
    /// Waits before it begins again.
    Waiting,
    /// Sends SOLICIT.
    Soliciting,
    /// Sends REQUEST.
    Requesting,
    /// Has a lease.
    Bound,
    /// Sends RENEW.
    Renewing,
    /// Sends REBIND.
    Rebinding,
    /// Sends CONFIRM.
    Confirming,
    /// Sends RELEASE.
    Releasing,
    /// Sends DECLINE.
    Declining,
    /// Sends INFORMATION-REQUEST.
    Asking,
    /// Has configuration without a lease.
    Informed,
}
