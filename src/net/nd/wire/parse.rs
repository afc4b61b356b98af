//! Bytes → messages. Every check of RFC 4861 §6.1.1 and §6.1.2 is here but that of the checksum, which is
//! the kernel's. What is wrong is named by its key for the statistics.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    ADVERTISEMENT, Packet, Preference, PrefixInformation, RecursiveDns, RouteInformation,
    RouterAdvertisement, RouterSolicitation, SOLICITATION, SearchList,
};
use crate::net::address::network;
use crate::net::resolv::domain_name;

/// Options of one kind that are taken of a message: a full Ethernet frame has room for 46 prefixes.
pub(super) const MOST: usize = 16;
/// Bytes before the options.
const SOLICITATION_FIXED: usize = 8;
const ADVERTISEMENT_FIXED: usize = 16;
/// Where RFC 4861 §6.1.2 wants messages to come from.
const HOP_LIMIT: u8 = 255;
/// RFC 8200 §5.
const MIN_MTU: u32 = 1280;

impl RouterSolicitation {
    /// Reads a host's message. Options other than the source link-layer address are passed over.
    ///
    /// Errors: the key for the statistics of why it is none.
    pub fn parse(packet: &Packet<'_>) -> Result<Self, &'static str> {
        let rest = body(packet, SOLICITATION, SOLICITATION_FIXED)?;
        let mut source = None;
        each(rest, &mut |kind, body| {
            if let (1, &[a, b, c, d, e, f]) = (kind, body) {
                source = Some([a, b, c, d, e, f]);
            }
        })?;
        match source.is_some() && packet.source.is_unspecified() {
            true => Err("dropped-source"),
            false => Ok(Self { source }),
        }
    }
}

impl RouterAdvertisement {
    /// Reads a router's message. `bad` is told the key of every option that is dropped alone.
    ///
    /// Errors: the key for the statistics of why it is none.
    pub fn parse(
        packet: &Packet<'_>,
        bad: &mut dyn FnMut(&'static str),
    ) -> Result<Self, &'static str> {
        let rest = body(packet, ADVERTISEMENT, ADVERTISEMENT_FIXED)?;
        if !packet.source.is_unicast_link_local() {
            return Err("dropped-source");
        }
        let fixed = packet.bytes;
        let mut found = Self {
            hop_limit: fixed[4],
            managed: fixed[5] & 0x80 != 0,
            other: fixed[5] & 0x40 != 0,
            // RFC 4191 §2.2: the reserved value counts as medium.
            preference: preference(fixed[5]).unwrap_or_default(),
            lifetime: u16::from_be_bytes([fixed[6], fixed[7]]),
            reachable: u32_at(fixed, 8).unwrap_or(0),
            retransmit: u32_at(fixed, 12).unwrap_or(0),
            ..Self::default()
        };
        each(rest, &mut |kind, body| {
            if let Err(why) = found.take(kind, body) {
                bad(why);
            }
        })?;
        Ok(found)
    }

    /// Takes one option, without its type and length. Unknown ones are passed over.
    fn take(&mut self, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        match kind {
            1 => {
                let source = <[u8; 6]>::try_from(body).ok();
                self.source = Some(source.ok_or("dropped-option-source")?);
            }
            3 => push(&mut self.prefixes, prefix(body), "dropped-option-prefix")?,
            5 => {
                let mtu = u32_at(body, 2).filter(|&mtu| body.len() == 6 && mtu >= MIN_MTU);
                self.mtu = Some(mtu.ok_or("dropped-option-mtu")?);
            }
            24 => push(&mut self.routes, route(body), "dropped-option-route")?,
            25 => push(&mut self.dns, servers(body), "dropped-option-rdnss")?,
            31 => push(&mut self.search, search(body), "dropped-option-dnssl")?,
            _ => {}
        }
        Ok(())
    }
}

/// What follows the fixed part. A later option of a kind that counts once replaces an earlier one.
fn body<'a>(packet: &Packet<'a>, kind: u8, fixed: usize) -> Result<&'a [u8], &'static str> {
    let rest = packet.bytes.get(fixed..).ok_or("dropped-length")?;
    match (packet.bytes[0], packet.bytes[1], packet.hop_limit) {
        (.., hop_limit) if hop_limit != HOP_LIMIT => Err("dropped-hop-limit"),
        (is, ..) if is != kind => Err("dropped-type"),
        (_, 1.., _) => Err("dropped-code"),
        _ => Ok(rest),
    }
}

/// Hands out each option's type and what follows its length. Errors: one of length 0, or longer than what
/// is left; nothing after it can be understood.
fn each(mut rest: &[u8], take: &mut dyn FnMut(u8, &[u8])) -> Result<(), &'static str> {
    // The whole message is checked before any option counts.
    let mut left = rest;
    while !left.is_empty() {
        left = split(left)?.2;
    }
    while !rest.is_empty() {
        let (kind, body, next) = split(rest)?;
        take(kind, body);
        rest = next;
    }
    Ok(())
}

fn split(rest: &[u8]) -> Result<(u8, &[u8], &[u8]), &'static str> {
    let &[kind, units, ..] = rest else {
        return Err("dropped-option-length");
    };
    match rest.split_at_checked(usize::from(units) * 8) {
        Some((option, next)) if units > 0 => Ok((kind, &option[2..], next)),
        _ => Err("dropped-option-length"),
    }
}

fn push<T>(list: &mut Vec<T>, item: Option<T>, why: &'static str) -> Result<(), &'static str> {
    let item = item.ok_or(why)?;
    if list.len() == MOST {
        return Err("dropped-option-many");
    }
    list.push(item);
    Ok(())
}

/// RFC 4861 §4.6.2.
fn prefix(body: &[u8]) -> Option<PrefixInformation> {
    let length = *body.first().filter(|_| body.len() == 30)?;
    Some(PrefixInformation {
        prefix: cut(address(body.get(14..)?)?, length)?,
        length,
        on_link: body[1] & 0x80 != 0,
        autonomous: body[1] & 0x40 != 0,
        valid: u32_at(body, 2)?,
        preferred: u32_at(body, 6)?,
    })
}

/// RFC 4191 §2.3: as much of the prefix is there as its length needs, and the reserved preference makes
/// the option invalid.
fn route(body: &[u8]) -> Option<RouteInformation> {
    let &[length, flags, ref rest @ ..] = body else {
        return None;
    };
    let most = usize::from(length).div_ceil(64) * 8;
    let given = rest
        .get(4..)
        .filter(|given| (most..=16).contains(&given.len()))?;
    let mut octets = [0; 16];
    octets[..given.len()].copy_from_slice(given);
    Some(RouteInformation {
        prefix: cut(octets.into(), length)?,
        length,
        preference: preference(flags)?,
        lifetime: u32_at(rest, 0)?,
    })
}

/// RFC 8106 §5.1.
fn servers(body: &[u8]) -> Option<RecursiveDns> {
    let list = body.get(6..).filter(|list| !list.is_empty())?;
    let (all, rest) = list.as_chunks::<16>();
    let usable = |ip: &Ipv6Addr| !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback());
    let servers = all.iter().copied().map(Ipv6Addr::from).filter(usable);
    let servers: Vec<_> = servers.take(MOST).collect();
    (rest.is_empty() && !servers.is_empty()).then_some(RecursiveDns {
        lifetime: u32_at(body, 2)?,
        servers,
    })
}

/// RFC 8106 §5.2: names as in RFC 1035 §3.1, without compression; zeros fill the option. A name that is
/// none is left out, an encoding that is none makes the option invalid.
fn search(body: &[u8]) -> Option<SearchList> {
    let mut rest = body.get(6..)?;
    let (mut domains, mut name) = (Vec::new(), Vec::new());
    while let Some((&length, after)) = rest.split_first() {
        let (label, after) = after.split_at_checked(length.into())?;
        rest = after;
        if length > 63 {
            return None;
        }
        if length > 0 {
            name.extend_from_slice(label);
            name.push(b'.');
            continue;
        }
        let domain = domain_name(&std::mem::take(&mut name));
        domains.extend(domain.filter(|_| domains.len() < MOST));
    }
    (name.is_empty() && !domains.is_empty()).then_some(SearchList {
        lifetime: u32_at(body, 2)?,
        domains,
    })
}

/// RFC 4191 §2.1; `None`: reserved.
fn preference(flags: u8) -> Option<Preference> {
    match flags >> 3 & 3 {
        0 => Some(Preference::Medium),
        1 => Some(Preference::High),
        3 => Some(Preference::Low),
        _ => None,
    }
}

/// The prefix without its host bits.
fn cut(ip: Ipv6Addr, length: u8) -> Option<Ipv6Addr> {
    match network(ip.into(), length) {
        IpAddr::V6(ip) if length <= 128 => Some(ip),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    Some(octets.into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}
