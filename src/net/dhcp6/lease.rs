//! What a server grants, as checked values: the only form in which a reply leaves the machine. Invariant:
//! every field can be handed to the kernel or written to a file as it is.

use std::net::Ipv6Addr;

/// Everything that one REPLY (or several, one after the other) has granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    /// DUID of the server that granted it, 3–130 bytes (RFC 8415 §11.1).
    pub server: Vec<u8>,
    /// Addresses of the IA_NA.
    pub addresses: Vec<LeasedAddress>,
    /// Prefixes of every IA_PD.
    pub prefixes: Vec<DelegatedPrefix>,
    /// T1 in seconds from when it was granted, the smallest over all IAs; `None`: never.
    pub renew: Option<u32>,
    /// T2, not before T1.
    pub rebind: Option<u32>,
    /// What is not bound to an address.
    pub other: Other,
}

/// One address of an IA_NA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedAddress {
    /// The address.
    pub ip: Ipv6Addr,
    /// Its lifetimes.
    pub times: Lifetimes,
}

/// One prefix of an IA_PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelegatedPrefix {
    /// The IA_PD that it belongs to.
    pub iaid: u32,
    /// Network address, host bits zero.
    pub prefix: Ipv6Addr,
    /// 1–64 in practice, 1–128 by the RFC.
    pub length: u8,
    /// Its lifetimes.
    pub times: Lifetimes,
    /// The part that the delegating router keeps on the link to us (RFC 6603), as address and length.
    pub excluded: Option<(Ipv6Addr, u8)>,
}

/// Lifetimes in seconds from when they were granted; `u32::MAX` is for ever. Preferred is not longer than
/// valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Until when new connections should use it.
    pub preferred: u32,
    /// Until when it may be used at all.
    pub valid: u32,
}

/// Configuration without a lifetime of its own: a REPLY to INFORMATION-REQUEST has nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Other {
    /// Name servers, best first (option 23).
    pub dns: Vec<Ipv6Addr>,
    /// Domains to search (option 24).
    pub search: Vec<String>,
    /// Time servers (options 31 and 56).
    pub ntp: Vec<Ipv6Addr>,
    /// Seconds until it is to be asked for again (option 32), with its bounds applied; `None`: never.
    pub refresh: Option<u32>,
}
