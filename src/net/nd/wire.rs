//! Router solicitations and advertisements (RFC 4861 §4.1, §4.2, §4.6; RFC 4191 §2.3; RFC 8106 §5) as
//! types. Invariant: parsing reads no byte outside the message; an option that is not well-formed is
//! dropped alone, one of length 0 makes the whole message invalid (RFC 4861 §6.1.2).

use std::net::Ipv6Addr;

mod emit;
mod parse;

/// ICMPv6 type of a router solicitation.
pub const SOLICITATION: u8 = 133;
/// ICMPv6 type of a router advertisement.
pub const ADVERTISEMENT: u8 = 134;
/// ff02::1, where advertisements go.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// ff02::2, where solicitations go.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// An ICMPv6 message with what its checks need of the packet around it.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// As it came in: 255 only if no router has forwarded it.
    pub hop_limit: u8,
    /// The message, whose checksum the kernel has verified.
    pub bytes: &'a [u8],
}

/// What a host asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterSolicitation {
    /// Source link-layer address, 6 bytes on Ethernet.
    pub source: Option<[u8; 6]>,
}

/// What a router says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouterAdvertisement {
    /// Cur Hop Limit; 0: unspecified.
    pub hop_limit: u8,
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// RFC 4191 §2.2.
    pub preference: Preference,
    /// Seconds for which it is a default router; 0: it is none.
    pub lifetime: u16,
    /// Milliseconds; 0: unspecified.
    pub reachable: u32,
    /// Retransmission timer in milliseconds; 0: unspecified.
    pub retransmit: u32,
    /// Source link-layer address, 6 bytes on Ethernet.
    pub source: Option<[u8; 6]>,
    /// Bytes, at least 1280.
    pub mtu: Option<u32>,
    /// Prefix information, in the order of the message.
    pub prefixes: Vec<PrefixInformation>,
    /// Route information (RFC 4191).
    pub routes: Vec<RouteInformation>,
    /// Recursive DNS servers (RFC 8106 §5.1).
    pub dns: Vec<RecursiveDns>,
    /// DNS search lists (RFC 8106 §5.2); each name is checked.
    pub search: Vec<SearchList>,
}

/// RFC 4191 §2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Preference {
    /// 11
    Low,
    /// 00, and 10, which is reserved
    #[default]
    Medium,
    /// 01
    High,
}

/// RFC 4861 §4.6.2. Lifetimes are in seconds; `u32::MAX` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixInformation {
    /// Network address, host bits zero.
    pub prefix: Ipv6Addr,
    /// 0–128.
    pub length: u8,
    /// L: the prefix is on the link.
    pub on_link: bool,
    /// A: hosts make addresses of it.
    pub autonomous: bool,
    /// Valid lifetime.
    pub valid: u32,
    /// Preferred lifetime.
    pub preferred: u32,
}

/// RFC 4191 §2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteInformation {
    /// Network address, host bits zero.
    pub prefix: Ipv6Addr,
    /// 0–128.
    pub length: u8,
    /// Against routes of other routers.
    pub preference: Preference,
    /// Seconds; `u32::MAX` is for ever, 0: not any more.
    pub lifetime: u32,
}

/// RFC 8106 §5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecursiveDns {
    /// Seconds; `u32::MAX` is for ever, 0: not any more.
    pub lifetime: u32,
    /// Addresses, best first.
    pub servers: Vec<Ipv6Addr>,
}

/// RFC 8106 §5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchList {
    /// Seconds; `u32::MAX` is for ever, 0: not any more.
    pub lifetime: u32,
    /// Domain names of letters, digits, `-` and `_`.
    pub domains: Vec<String>,
}

#[cfg(test)]
mod tests;
