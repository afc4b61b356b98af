//! What the options of a reply say, one at a time, each read as the type that RFC 2132 gives it.
//! Invariant: an option that is not well-formed counts as absent and has no effect on the others; text
//! that leaves this file is a domain name and nothing else.

use std::net::Ipv4Addr;

use dhcproto::v4::{MessageType, OptionCode};

use super::labels;
use super::wire::Options;
use crate::net::address::{classful_prefix, netmask, network};
use crate::net::resolv::domain_name;

/// Microsoft's code for [`OptionCode::ClasslessStaticRoute`], from before RFC 3442.
pub const CLASSLESS_OLD: OptionCode = OptionCode::Unknown(249);

/// IPv6-Only Preferred (RFC 8925); `dhcproto` has another number under its name.
pub const IPV6_ONLY: OptionCode = OptionCode::Unknown(108);

/// A search list longer than this is cut: resolv.conf(5).
const MAX_SEARCH: usize = 6;
/// More routes than anybody's network has.
const MAX_ROUTES: usize = 64;

/// A route that a server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticRoute {
    /// Network address, host bits zero.
    pub destination: Ipv4Addr,
    /// 0–32.
    pub prefix: u8,
    /// Next hop; unspecified: the destination is on the link itself (RFC 3442, Local Subnet Routes).
    pub gateway: Ipv4Addr,
}

impl Options {
    /// Option 53.
    pub fn message_type(&self) -> Option<MessageType> {
        let [kind] = self.exactly(OptionCode::MessageType)?;
        Some(kind.into())
    }

    /// An option that is one address and can be one: not unspecified, not multicast. A mask can be any.
    pub fn address(&self, code: OptionCode) -> Option<Ipv4Addr> {
        let address = Ipv4Addr::from(self.exactly(code)?);
        let usable = !address.is_unspecified() && !address.is_multicast();
        (usable || code == OptionCode::SubnetMask).then_some(address)
    }

    /// An option that is a list of hosts; entries that cannot be one are left out.
    pub fn addresses(&self, code: OptionCode) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        for &octets in self.items::<4>(code) {
            let address = octets.into();
            if is_host(address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// An option that is a time in seconds.
    pub fn seconds(&self, code: OptionCode) -> Option<u32> {
        self.exactly(code).map(u32::from_be_bytes)
    }

    /// Option 26: at least 576, which every host must be able to receive (RFC 2132 §5.1 says 68, which
    /// would be an attack on the link).
    pub fn mtu(&self) -> Option<u16> {
        let mtu = u16::from_be_bytes(self.exactly(OptionCode::InterfaceMtu)?);
        (mtu >= 576).then_some(mtu)
    }

    /// Option 12 or 15, where it is a domain name; 15 may hold several, parted by spaces.
    pub fn names(&self, code: OptionCode) -> Vec<String> {
        let value = self.get(code).filter(|value| value.len() <= 255);
        let mut text = value.unwrap_or_default();
        // Some servers count the C string's end.
        while let [before @ .., 0] = text {
            text = before;
        }
        let mut names = Vec::new();
        for name in text.split(|&byte| byte == b' ') {
            match domain_name(name) {
                Some(name) => names.push(name),
                None if name.is_empty() => {}
                None => return Vec::new(),
            }
        }
        names
    }

    /// Option 119.
    pub fn search(&self) -> Vec<String> {
        let list = self.get(OptionCode::DomainSearch).unwrap_or_default();
        let mut names = labels::names(list);
        names.truncate(MAX_SEARCH);
        names
    }

    /// The routes of options 121 (or 249), which replace 3 and 33 (RFC 3442), or else of those; of those
    /// alone where `classless` is false.
    pub fn routes(&self, classless: bool) -> Vec<StaticRoute> {
        let found = self
            .classless(OptionCode::ClasslessStaticRoute)
            .or_else(|| self.classless(CLASSLESS_OLD));
        let mut routes = found
            .filter(|_| classless)
            .unwrap_or_else(|| self.classful());
        routes.truncate(MAX_ROUTES);
        routes
    }

    fn classless(&self, code: OptionCode) -> Option<Vec<StaticRoute>> {
        let mut value = self.get(code).filter(|value| !value.is_empty())?;
        let mut routes = Vec::new();
        while !value.is_empty() {
            let (route, rest) = classless_route(value)?;
            let gateway = route.gateway;
            let to_host = is_host(gateway) || gateway.is_unspecified();
            let to = route.destination;
            if to_host && !to.is_multicast() && !to.is_loopback() && !to.is_broadcast() {
                routes.push(route);
            }
            value = rest;
        }
        Some(routes)
    }

    /// Options 3 and 33.
    fn classful(&self) -> Vec<StaticRoute> {
        let mut routes = Vec::new();
        if let Some(&gateway) = self.addresses(OptionCode::Router).first() {
            routes.push(StaticRoute {
                destination: Ipv4Addr::UNSPECIFIED,
                prefix: 0,
                gateway,
            });
        }
        for &[a, b, c, d, gateway @ ..] in self.items::<8>(OptionCode::StaticRoutingTable) {
            let (destination, gateway) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::from(gateway));
            if is_host(destination) && is_host(gateway) {
                routes.push(StaticRoute {
                    destination,
                    prefix: classful_destination(destination),
                    gateway,
                });
            }
        }
        routes
    }

    /// The value of an option that has so many bytes and no others.
    fn exactly<const N: usize>(&self, code: OptionCode) -> Option<[u8; N]> {
        self.get(code)?.try_into().ok()
    }

    /// The items of an option that is a list of them; none where something is left over.
    fn items<const N: usize>(&self, code: OptionCode) -> &[[u8; N]] {
        match self.get(code).unwrap_or_default().as_chunks() {
            (items, []) => items,
            _ => &[],
        }
    }
}

/// The first route and what follows it (RFC 3442): prefix, its octets of the destination, gateway.
fn classless_route(value: &[u8]) -> Option<(StaticRoute, &[u8])> {
    let (&prefix, rest) = value.split_first()?;
    if prefix > 32 {
        return None;
    }
    let (significant, rest) = rest.split_at_checked(usize::from(prefix).div_ceil(8))?;
    let (&gateway, rest) = rest.split_first_chunk::<4>()?;
    let mut octets = [0; 4];
    octets[..significant.len()].copy_from_slice(significant);
    let route = StaticRoute {
        destination: Ipv4Addr::from(octets) & netmask(prefix),
        prefix,
        gateway: gateway.into(),
    };
    Some((route, rest))
}

/// The prefix that option 33 means: the class's mask where the host part is zero, else a host.
fn classful_destination(address: Ipv4Addr) -> u8 {
    let prefix = classful_prefix(address.into());
    if network(address.into(), prefix) == address {
        prefix
    } else {
        32
    }
}

/// Whether an address can be that of a host: not unspecified, loopback, multicast or broadcast.
pub fn is_host(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    (1..224).contains(&first) && first != 127
}

#[cfg(test)]
mod tests;
