//! What the options of a reply say, one at a time: each is checked for the length that its type has,
//! then read by `dhcproto`. Invariant: an option that is not well-formed counts as absent and has no
//! effect on the others; text that leaves this file is a domain name and nothing else.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder};

use super::wire::{Options, push_option};
use crate::net::address::{classful_prefix, network};
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
        match self.typed(OptionCode::MessageType)? {
            DhcpOption::MessageType(kind) => Some(kind),
            _ => None,
        }
    }

    /// An option that is one address and can be one: not unspecified, not multicast.
    pub fn address(&self, code: OptionCode) -> Option<Ipv4Addr> {
        let address = match self.typed(code)? {
            DhcpOption::SubnetMask(mask) => return Some(mask),
            DhcpOption::ServerIdentifier(address) | DhcpOption::BroadcastAddr(address) => address,
            _ => return None,
        };
        (!address.is_unspecified() && !address.is_multicast()).then_some(address)
    }

    /// An option that is a list of hosts; entries that cannot be one are left out.
    pub fn addresses(&self, code: OptionCode) -> Vec<Ipv4Addr> {
        let mut addresses = match self.typed(code) {
            Some(DhcpOption::Router(list))
            | Some(DhcpOption::DomainNameServer(list))
            | Some(DhcpOption::NtpServers(list)) => list,
            _ => Vec::new(),
        };
        addresses.retain(|&address| is_host(address));
        addresses
    }

    /// An option that is a time in seconds.
    pub fn seconds(&self, code: OptionCode) -> Option<u32> {
        match self.typed(code)? {
            DhcpOption::AddressLeaseTime(seconds)
            | DhcpOption::Renewal(seconds)
            | DhcpOption::Rebinding(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// Option 26: at least 576, which every host must be able to receive (RFC 2132 §5.1 says 68, which
    /// would be an attack on the link).
    pub fn mtu(&self) -> Option<u16> {
        match self.typed(OptionCode::InterfaceMtu)? {
            DhcpOption::InterfaceMtu(mtu) if mtu >= 576 => Some(mtu),
            _ => None,
        }
    }

    /// Option 12 or 15, where it is a domain name; 15 may hold several, parted by spaces.
    pub fn names(&self, code: OptionCode) -> Vec<String> {
        let text = match self.typed(code) {
            Some(DhcpOption::Hostname(text)) | Some(DhcpOption::DomainName(text)) => text,
            _ => return Vec::new(),
        };
        // Some servers count the C string's end.
        let text = text.trim_end_matches('\0');
        let names: Option<Vec<_>> = text
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(|name| domain_name(name.as_bytes()))
            .collect();
        names.unwrap_or_default()
    }

    /// Option 119.
    pub fn search(&self) -> Vec<String> {
        let Some(DhcpOption::DomainSearch(names)) = self.typed(OptionCode::DomainSearch) else {
            return Vec::new();
        };
        let names = names.iter().filter_map(|name| {
            let labels: Vec<&[u8]> = name.iter().collect();
            // A dot inside a label would make two of it.
            let whole = labels.iter().all(|label| !label.contains(&b'.'));
            domain_name(&labels.join(&b'.')).filter(|_| whole)
        });
        names.take(MAX_SEARCH).collect()
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
        let value = self.get(code).filter(|value| is_classless(value))?;
        let Some(DhcpOption::ClasslessStaticRoute(routes)) =
            decode(OptionCode::ClasslessStaticRoute, value)
        else {
            return None;
        };
        let routes = routes.iter().map(|(net, gateway)| StaticRoute {
            destination: net.network(),
            prefix: net.prefix_len(),
            gateway: *gateway,
        });
        let usable = |route: &StaticRoute| {
            (is_host(route.gateway) || route.gateway.is_unspecified())
                && !route.destination.is_multicast()
        };
        Some(routes.filter(usable).collect())
    }

    /// Options 3 and 33.
    fn classful(&self) -> Vec<StaticRoute> {
        let routers = self.addresses(OptionCode::Router).into_iter().take(1);
        let default = routers.map(|gateway| StaticRoute {
            destination: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            gateway,
        });
        let pairs = match self.typed(OptionCode::StaticRoutingTable) {
            Some(DhcpOption::StaticRoutingTable(pairs)) => pairs,
            _ => Vec::new(),
        };
        let pairs = pairs
            .into_iter()
            .filter(|&(destination, gateway)| is_host(destination) && is_host(gateway))
            .map(|(destination, gateway)| StaticRoute {
                destination,
                prefix: classful_destination(destination),
                gateway,
            });
        default.chain(pairs).collect()
    }

    fn typed(&self, code: OptionCode) -> Option<DhcpOption> {
        decode(code, self.get(code)?)
    }
}

/// Hands one well-formed option to `dhcproto`.
fn decode(code: OptionCode, value: &[u8]) -> Option<DhcpOption> {
    if !fits(code, value.len()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len() + 2);
    push_option(&mut bytes, code.into(), value);
    DhcpOption::decode(&mut Decoder::new(&bytes)).ok()
}

/// Whether an option of this type can be that long; codes that nobody asks for never fit.
fn fits(code: OptionCode, length: usize) -> bool {
    use OptionCode as O;
    match code {
        O::MessageType => length == 1,
        O::InterfaceMtu => length == 2,
        O::SubnetMask | O::BroadcastAddr | O::ServerIdentifier => length == 4,
        O::AddressLeaseTime | O::Renewal | O::Rebinding => length == 4,
        O::Router | O::DomainNameServer | O::NtpServers => length > 0 && length.is_multiple_of(4),
        O::StaticRoutingTable => length > 0 && length.is_multiple_of(8),
        O::Hostname | O::DomainName => (1..=255).contains(&length),
        O::DomainSearch | O::ClasslessStaticRoute => length > 0,
        _ => false,
    }
}

/// Whether the bytes are whole routes with prefixes up to 32.
fn is_classless(mut bytes: &[u8]) -> bool {
    while let [prefix, rest @ ..] = bytes {
        let length = usize::from(*prefix).div_ceil(8) + 4;
        if *prefix > 32 || rest.len() < length {
            return false;
        }
        bytes = &rest[length..];
    }
    true
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
