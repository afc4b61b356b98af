//! Routes: RTM_GETROUTE, RTM_NEWROUTE, RTM_DELROUTE (rtnetlink(7)). Invariant: only unicast and
//! unreachable routes of the main table are listed, added or removed.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteFlags, RouteHeader, RouteType};
use nix::errno::Errno;

use super::link::name_of;
use super::socket::{Refusal, Socket};
use super::wire::{Request, attributes, u16_at, u32_at};
use crate::failure::Failure;
use crate::net::address::{from_octets, octets};
use crate::net::nd::wire::Preference;

/// `struct rtmsg`.
const FIXED: usize = 12;
/// `struct rtnexthop`.
const NEXT_HOP: usize = 8;
/// linux/rtnetlink.h; libc has it for glibc alone.
const RTA_VIA: u16 = 18;
/// RTA_PREF; libc has it for glibc alone.
const RTA_PREF: u16 = 20;
/// RTA_EXPIRES of linux/rtnetlink.h.
const RTA_EXPIRES: u16 = 23;
/// RTNH_F_ONLINK (linux/rtnetlink.h).
const ONLINK: u32 = 4;
/// RTPROT_BOOT: the protocol of routes that a person or a script adds.
pub const BOOT: u8 = libc::RTPROT_BOOT;
/// RTPROT_UNSPEC: to remove a route whoever installed it.
pub const ANY: u8 = libc::RTPROT_UNSPEC;

/// One route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination network address (unspecified address and prefix 0 for the default route).
    pub destination: IpAddr,
    /// Prefix length of the destination.
    pub prefix: u8,
    /// Next hop; `None` for a directly connected network.
    pub gateway: Option<IpAddr>,
    /// Outgoing interface.
    pub index: Option<u32>,
    /// Priority: the smallest wins. `None`: the kernel's default.
    pub metric: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// RTNH_F_ONLINK: the gateway is on this link even though no route says so.
    pub onlink: bool,
    /// RTPROT_* (rtnetlink(7)): who installed it. 3 is boot, 9 is ra, 16 is dhcp.
    pub protocol: u8,
    /// Whether packets go anywhere at all.
    pub kind: Kind,
    /// RTA_PREF: which of several default routers of the same metric (RFC 4191; IPv6 only). `None`: medium.
    pub preference: Option<Preference>,
    /// RTA_EXPIRES: seconds until the kernel removes it by itself (IPv6 only). Not read from listings.
    pub expires: Option<u32>,
    /// Only for packets from this network (IPv6 only).
    pub from: Option<(IpAddr, u8)>,
}

/// What becomes of a packet that takes a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// RTN_UNICAST: it is sent on.
    #[default]
    Unicast,
    /// RTN_UNREACHABLE: its sender is told that there is no way.
    Unreachable,
}

impl Route {
    /// A route of a protocol, without a gateway, through any link: to be completed.
    pub fn to(destination: IpAddr, prefix: u8, protocol: u8) -> Self {
        Self {
            destination,
            prefix,
            gateway: None,
            index: None,
            metric: None,
            source: None,
            onlink: false,
            protocol,
            kind: Kind::Unicast,
            preference: None,
            expires: None,
            from: None,
        }
    }
}

/// Every unicast route of the main table, IPv4 before IPv6. A route with several next hops is
/// listed once for each.
pub fn list(socket: &mut Socket) -> Result<Vec<Route>, Failure> {
    // Every family at once: asked for IPv6 alone, a kernel without it answers with IPv4.
    let header = RouteHeader::default();
    let request = Request::new(libc::RTM_GETROUTE, libc::NLM_F_DUMP, &header);
    let listed = socket.dump(&request, parse);
    listed.map_err(|refusal| refusal.failure("list the routes"))
}

/// Adds a route. Errors: EEXIST where there is one with the same destination and metric.
pub fn add(socket: &mut Socket, route: &Route) -> Result<(), Failure> {
    put(socket, route, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
}

/// Adds a route, or replaces the one with the same destination and metric.
pub fn replace(socket: &mut Socket, route: &Route) -> Result<(), Failure> {
    put(socket, route, libc::NLM_F_CREATE | libc::NLM_F_REPLACE)
}

/// Adds a route, or sets when it expires if it is there with this gateway. Others for the same destination
/// and metric are left alone; with a gateway the two then share the packets.
pub fn refresh(socket: &mut Socket, route: &Route) -> Result<(), Failure> {
    match socket.acknowledged(request(libc::RTM_NEWROUTE, libc::NLM_F_CREATE, route)) {
        // The kernel has set its time all the same (fib6_add_rt2node).
        Err(refusal) if refusal.errno != Errno::EEXIST => Err(explain(refusal, "add", route)),
        _ => Ok(()),
    }
}

/// Removes a route; where the protocol is not [`ANY`], only one that was installed with it.
/// Errors: ESRCH where it is not there.
pub fn remove(socket: &mut Socket, route: &Route) -> Result<(), Failure> {
    let removed = socket.acknowledged(request(libc::RTM_DELROUTE, 0, route));
    removed.map_err(|refusal| explain(refusal, "remove", route))
}

fn put(socket: &mut Socket, route: &Route, flags: i32) -> Result<(), Failure> {
    let added = socket.acknowledged(request(libc::RTM_NEWROUTE, flags, route));
    added.map_err(|refusal| explain(refusal, "add", route))
}

/// The message that adds or removes a route.
pub(super) fn request(kind: u16, flags: i32, route: &Route) -> Request {
    let removal = kind == libc::RTM_DELROUTE;
    let scope = match route.gateway {
        // To remove: whatever its scope.
        _ if removal => libc::RT_SCOPE_NOWHERE,
        None if route.destination.is_ipv4() && route.kind == Kind::Unicast => libc::RT_SCOPE_LINK,
        _ => libc::RT_SCOPE_UNIVERSE,
    };
    // To remove: whatever its type.
    let kind_of_route = match route.kind {
        Kind::Unicast if removal => libc::RTN_UNSPEC,
        Kind::Unicast => libc::RTN_UNICAST,
        Kind::Unreachable => libc::RTN_UNREACHABLE,
    };
    let header = RouteHeader {
        address_family: AddressFamily::from(route.destination),
        destination_prefix_length: route.prefix,
        source_prefix_length: route.from.map_or(0, |(_, length)| length),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: route.protocol.into(),
        scope: scope.into(),
        kind: RouteType::from(kind_of_route),
        flags: RouteFlags::from_bits_retain(if route.onlink { ONLINK } else { 0 }),
        ..RouteHeader::default()
    };
    let mut request = Request::new(kind, flags | libc::NLM_F_ACK, &header);
    if route.prefix > 0 {
        request.put(libc::RTA_DST, &octets(route.destination));
    }
    if let Some((network, _)) = route.from {
        request.put(libc::RTA_SRC, &octets(network));
    }
    match route.gateway {
        Some(gateway) if gateway.is_ipv4() == route.destination.is_ipv4() => {
            request.put(libc::RTA_GATEWAY, &octets(gateway));
        }
        Some(gateway) => {
            request.put(RTA_VIA, &via(gateway));
        }
        None => {}
    }
    if let Some(index) = route.index {
        request.put_u32(libc::RTA_OIF, index);
    }
    if let Some(metric) = route.metric {
        request.put_u32(libc::RTA_PRIORITY, metric);
    }
    if let Some(source) = route.source {
        request.put(libc::RTA_PREFSRC, &octets(source));
    }
    if let Some(preference) = route.preference {
        let value = match preference {
            Preference::Medium => 0,
            Preference::High => 1,
            Preference::Low => 3,
        };
        request.put(RTA_PREF, &[value]);
    }
    if let Some(seconds) = route.expires {
        request.put_u32(RTA_EXPIRES, seconds);
    }
    request
}

/// `struct rtvia`: a gateway of the other address family (RFC 5549).
fn via(gateway: IpAddr) -> Vec<u8> {
    let family = match gateway {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    let mut value = (family as u16).to_ne_bytes().to_vec();
    value.extend(octets(gateway));
    value
}

/// `default`, `10.0.0.0/8`, or `default from 2001:db8::/64`.
pub fn show_destination(route: &Route) -> String {
    let mut text = match route.prefix == 0 && route.destination.is_unspecified() {
        true => "default".to_owned(),
        false => format!("{}/{}", route.destination, route.prefix),
    };
    if let Some((network, length)) = route.from {
        text.push_str(&format!(" from {network}/{length}"));
    }
    text
}

fn explain(refusal: Refusal, verb: &str, route: &Route) -> Failure {
    let errno = refusal.errno;
    let mut what = format!("{verb} the route {}", show_destination(route));
    if let Some(gateway) = route.gateway {
        what.push_str(&format!(" via {gateway}"));
    }
    if let Some(index) = route.index {
        what.push_str(&format!(" dev {}", name_of(index)));
    }
    let failure = refusal.failure(what);
    match errno {
        Errno::EEXIST => {
            failure.with_hint("there is such a route already; give another metric, or replace it")
        }
        Errno::ENETUNREACH | Errno::EHOSTUNREACH if route.gateway.is_some() => failure.with_hint(
            "no link has an address on the gateway's network; add one, or say 'dev IF onlink'",
        ),
        Errno::ENETDOWN => failure.with_hint("the link is down; set it up first"),
        Errno::ESRCH => failure.with_hint("no such route; 'route' lists them"),
        Errno::EOPNOTSUPP if route.destination.is_ipv6() => {
            failure.with_hint("this kernel has no IPv6")
        }
        Errno::EINVAL => failure.with_hint("is the destination a network, without host bits?"),
        _ => failure,
    }
}

/// Reads one RTM_NEWROUTE; others than unicast and unreachable routes of the main table are skipped.
pub(super) fn parse(body: &[u8], found: &mut Vec<Route>) {
    // Cloned routes (RTM_F_CLONED, 0x200) are the IPv6 cache of old kernels.
    let &[family, prefix, from, _, table, protocol, _, kind, ..] = body else {
        return;
    };
    let (Some(flags), Some(rest)) = (u32_at(body, 8), body.get(FIXED..)) else {
        return;
    };
    let unspecified = match i32::from(family) {
        libc::AF_INET => IpAddr::from([0; 4]),
        libc::AF_INET6 => IpAddr::from([0; 16]),
        _ => return,
    };
    let longest = if unspecified.is_ipv4() { 32 } else { 128 };
    let kind = match kind {
        libc::RTN_UNICAST => Kind::Unicast,
        libc::RTN_UNREACHABLE => Kind::Unreachable,
        _ => return,
    };
    if table != libc::RT_TABLE_MAIN || flags & 0x200 != 0 {
        return;
    }
    let mut route = Route {
        onlink: flags & ONLINK != 0,
        kind,
        ..Route::to(unspecified, prefix.min(longest), protocol)
    };
    let mut hops: &[u8] = &[];
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => route.destination = from_octets(value).unwrap_or(unspecified),
            libc::RTA_SRC => {
                route.from = from_octets(value).map(|network| (network, from.min(longest)));
            }
            libc::RTA_PRIORITY => route.metric = u32_at(value, 0),
            libc::RTA_PREFSRC => route.source = from_octets(value),
            RTA_PREF => {
                route.preference = match value {
                    [1] => Some(Preference::High),
                    [3] => Some(Preference::Low),
                    _ => None,
                }
            }
            libc::RTA_MULTIPATH => hops = value,
            _ => read_hop(&mut route, kind, value),
        }
    }
    if hops.is_empty() {
        found.push(route);
    } else {
        read_hops(&route, hops, found);
    }
}

/// What a route and each of its next hops may say.
fn read_hop(route: &mut Route, kind: u16, value: &[u8]) {
    match kind {
        libc::RTA_GATEWAY => route.gateway = from_octets(value),
        RTA_VIA => route.gateway = value.get(2..).and_then(from_octets),
        libc::RTA_OIF => route.index = u32_at(value, 0),
        _ => {}
    }
}

/// RTA_MULTIPATH: `struct rtnexthop` (length, flags, weight, index), each with its attributes.
fn read_hops(route: &Route, mut hops: &[u8], found: &mut Vec<Route>) {
    while let (Some(length), Some(index)) = (u16_at(hops, 0), u32_at(hops, 4)) {
        let length = usize::from(length);
        let Some(inner) = hops.get(NEXT_HOP..length) else {
            return;
        };
        let mut hop = route.clone();
        hop.index = Some(index);
        hop.onlink |= hops[2] & ONLINK as u8 != 0;
        for (kind, value) in attributes(inner) {
            read_hop(&mut hop, kind, value);
        }
        found.push(hop);
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}
