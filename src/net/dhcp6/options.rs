//! What single options say, each checked for the length that its type has. Invariant: an option that is
//! not well-formed is `None` and has no effect on the others; text that leaves this file is a domain name, or
//! printable ASCII for a message in quotes.

use std::net::Ipv6Addr;

use super::wire::Options;
use crate::net::address::network;
use crate::net::resolv::domain_name;

/// More hosts of one kind are nobody's network.
const MAX_HOSTS: usize = 16;
/// A search list longer than this is cut: resolv.conf(5).
const MAX_SEARCH: usize = 6;
/// What of a status message is kept.
const MAX_TEXT: usize = 100;

/// Status codes (RFC 8415 §21.13).
pub mod status {
    #![allow(missing_docs)]
    pub const SUCCESS: u16 = 0;
    pub const UNSPEC_FAIL: u16 = 1;
    pub const NO_ADDRS_AVAIL: u16 = 2;
    pub const NO_BINDING: u16 = 3;
    pub const NOT_ON_LINK: u16 = 4;
    pub const USE_MULTICAST: u16 = 5;
    pub const NO_PREFIX_AVAIL: u16 = 6;
}

/// A status code and what the server says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// See [`status`]; others exist on the wire.
    pub code: u16,
    /// Printable ASCII without quotes.
    pub text: String,
}

impl Status {
    /// Option 13.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (code, text) = value.split_first_chunk()?;
        let keep = |&byte: &u8| match byte {
            b'"' | b'\'' | b'`' | b'\\' | b'$' => '?',
            b' '..=b'~' => char::from(byte),
            _ => '?',
        };
        Some(Self {
            code: u16::from_be_bytes(*code),
            text: text.iter().take(MAX_TEXT).map(keep).collect(),
        })
    }

    /// In words.
    pub fn explain(&self) -> String {
        let words = match self.code {
            status::SUCCESS => "the server grants nothing",
            status::UNSPEC_FAIL => "the server fails (UnspecFail)",
            status::NO_ADDRS_AVAIL => "the server has no address to give (NoAddrsAvail)",
            status::NO_BINDING => "the server does not know this client (NoBinding)",
            status::NOT_ON_LINK => {
                "the server says that the addresses are not of this link (NotOnLink)"
            }
            status::NO_PREFIX_AVAIL => "the server has no prefix to give (NoPrefixAvail)",
            _ => return self.quoted(&format!("the server answers with status {}", self.code)),
        };
        self.quoted(words)
    }

    fn quoted(&self, words: &str) -> String {
        match self.text.as_str() {
            "" => words.to_owned(),
            text => format!("{words}: \"{text}\""),
        }
    }
}

/// An option of one number.
pub fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// An option that is a list of addresses (23, 31); those that cannot be a host's are left out.
pub fn hosts(value: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let (addresses, rest) = value.as_chunks::<16>();
    if addresses.is_empty() || !rest.is_empty() {
        return None;
    }
    let addresses = addresses.iter().map(|&octets| Ipv6Addr::from(octets));
    Some(addresses.filter(is_host).take(MAX_HOSTS).collect())
}

/// Option 56 (RFC 5908): its server addresses; multicast groups and names are left out.
pub fn time_servers(value: &[u8]) -> Option<Vec<Ipv6Addr>> {
    const SERVER_ADDRESS: u16 = 1;
    let servers = Options(value).iter().filter_map(|(code, value)| {
        let address = <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from);
        address.filter(|address| code == SERVER_ADDRESS && is_host(address))
    });
    Some(servers.take(MAX_HOSTS).collect())
}

/// Option 24: names in DNS wire format without compression (RFC 8415 §10). What is no domain name is left
/// out alone; `None`: the labels do not add up.
pub fn search(mut value: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut name: Vec<u8> = Vec::new();
    let mut whole = true;
    while let [length, rest @ ..] = value {
        // A length above 63 is a compression pointer, which has no place here.
        let (label, rest) = rest
            .split_at_checked(usize::from(*length))
            .filter(|_| *length < 64)?;
        value = rest;
        if label.is_empty() {
            if let Some(good) = domain_name(&name).filter(|_| whole && names.len() < MAX_SEARCH) {
                names.push(good);
            }
            name.clear();
            whole = true;
            continue;
        }
        // A dot inside a label would make two of it.
        whole &= !label.contains(&b'.');
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    // RFC 8415 §10 wants the root at each end; what ends without it is cut off somewhere.
    name.is_empty().then_some(names)
}

/// Whether an address can be that of a host.
pub fn is_host(address: &Ipv6Addr) -> bool {
    !address.is_unspecified() && !address.is_loopback() && !address.is_multicast()
}

/// Whether an address can be leased, or a prefix that begins with it delegated: neither link-local nor of
/// ::/16, where an IPv4 address stands in an IPv6 one.
pub fn is_routable(address: &Ipv6Addr) -> bool {
    is_host(address) && !address.is_unicast_link_local() && address.segments()[0] != 0
}

/// The network that an address is in: its host bits cleared.
pub fn masked(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    match network(address.into(), length) {
        std::net::IpAddr::V6(network) => network,
        std::net::IpAddr::V4(_) => address,
    }
}

/// Option 67 (RFC 6603 §4.2) inside a prefix: the length of the excluded prefix, and the bits of it that the
/// delegated prefix does not have, in as many octets as they need.
pub fn excluded(value: &[u8], prefix: Ipv6Addr, length: u8) -> Option<(Ipv6Addr, u8)> {
    let (&longer, subnet) = value.split_first()?;
    if longer > 128 || longer <= length {
        return None;
    }
    let bits = usize::from(longer - length);
    if subnet.len() != bits.div_ceil(8) {
        return None;
    }
    // Up to 127 bits are up to 16 octets.
    let mut octets = [0; 16];
    octets[..subnet.len()].copy_from_slice(subnet);
    let subnet = u128::from_be_bytes(octets) >> length;
    let address = Ipv6Addr::from_bits(masked(prefix, length).to_bits() | subnet);
    Some((masked(address, longer), longer))
}

#[cfg(test)]
mod tests;
