//! Interface addresses: RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR (rtnetlink(7), linux/if_addr.h).

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressHeader;
use nix::errno::Errno;

use super::link::name_of;
use super::socket::{Refusal, Socket};
use super::wire::{Request, attributes, u32_at};
use crate::failure::Failure;
use crate::net::address::{from_octets, octets};

/// `struct ifaddrmsg`.
const FIXED: usize = 8;
/// IFA_F_TENTATIVE: duplicate address detection has not ended.
pub const TENTATIVE: u32 = 0x40;
/// IFA_F_DADFAILED: another machine has this address.
pub const DUPLICATE: u32 = 0x08;
/// IFA_F_NODAD: usable at once, without duplicate address detection.
pub const NO_DAD: u32 = 0x02;
/// IFA_F_OPTIMISTIC (RFC 4429): usable while it is being checked. Needs the sysctl `optimistic_dad`;
/// together with [`NO_DAD`] it is an error.
pub const OPTIMISTIC: u32 = 0x04;
/// IFA_F_NOPREFIXROUTE: without the route to the address's own network.
pub const NO_PREFIX_ROUTE: u32 = 0x200;
/// IFA_F_DEPRECATED: new connections use another one.
pub const DEPRECATED: u32 = 0x20;
/// RT_SCOPE_LINK: addresses of a smaller scope number are good beyond the link.
pub const LINK_SCOPE: u8 = libc::RT_SCOPE_LINK;
/// IFA_CACHEINFO: INFINITY_LIFE_TIME.
const FOR_EVER: u32 = u32::MAX;

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Interface index.
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length, 0–32 or 0–128.
    pub prefix: u8,
    /// IPv4 broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Seconds for which it is valid; `None`: for ever.
    pub valid: Option<u32>,
    /// Seconds for which it is preferred; `None`: for ever.
    pub preferred: Option<u32>,
    /// IFA_F_* to set when it is added ([`NO_DAD`], [`OPTIMISTIC`], [`NO_PREFIX_ROUTE`]); 0 in what is
    /// listed, see [`Entry::flags`].
    pub flags: u32,
}

/// An address with what the kernel says besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub address: Address,
    /// The other end of a point-to-point link, where it has one.
    pub peer: Option<IpAddr>,
    /// IFA_F_*: [`TENTATIVE`], [`DUPLICATE`].
    pub flags: u32,
    /// RT_SCOPE_* (rtnetlink(7)).
    pub scope: u8,
}

/// Every address, of one interface or of all.
pub fn list(socket: &mut Socket, index: Option<u32>) -> Result<Vec<Address>, Failure> {
    let entries = entries(socket, index)?;
    Ok(entries.into_iter().map(|entry| entry.address).collect())
}

/// Every address with its flags, of one interface or of all.
pub fn entries(socket: &mut Socket, index: Option<u32>) -> Result<Vec<Entry>, Failure> {
    let header = AddressHeader {
        index: index.unwrap_or(0),
        ..AddressHeader::default()
    };
    let request = Request::new(libc::RTM_GETADDR, libc::NLM_F_DUMP, &header);
    socket.set_strict(index.is_some());
    let listed = socket.dump(&request, parse);
    socket.set_strict(false);
    let mut entries = listed.map_err(|refusal| refusal.failure("list the addresses"))?;
    entries.retain(|entry| index.is_none_or(|index| index == entry.address.index));
    Ok(entries)
}

/// Adds an address. Errors: EEXIST where it is there.
pub fn add(socket: &mut Socket, address: &Address) -> Result<(), Failure> {
    put(socket, address, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
}

/// Adds an address, or updates its lifetimes where it is there (NLM_F_REPLACE).
pub fn replace(socket: &mut Socket, address: &Address) -> Result<(), Failure> {
    put(socket, address, libc::NLM_F_CREATE | libc::NLM_F_REPLACE)
}

/// Removes an address. Errors: EADDRNOTAVAIL where it is not there.
pub fn remove(socket: &mut Socket, address: &Address) -> Result<(), Failure> {
    let removed = socket.acknowledged(request(libc::RTM_DELADDR, 0, address));
    removed.map_err(|refusal| explain(refusal, "remove", address))
}

fn put(socket: &mut Socket, address: &Address, flags: i32) -> Result<(), Failure> {
    let added = socket.acknowledged(request(libc::RTM_NEWADDR, flags, address));
    added.map_err(|refusal| explain(refusal, "add", address))
}

/// The message that adds or removes an address.
pub(super) fn request(kind: u16, flags: i32, address: &Address) -> Request {
    let header = AddressHeader {
        family: AddressFamily::from(address.ip),
        prefix_len: address.prefix,
        scope: scope_of(address.ip).into(),
        index: address.index,
        ..AddressHeader::default()
    };
    let mut request = Request::new(kind, flags | libc::NLM_F_ACK, &header);
    let ip = octets(address.ip);
    request
        .put(libc::IFA_LOCAL, &ip)
        .put(libc::IFA_ADDRESS, &ip);
    if let Some(broadcast) = address.broadcast {
        request.put(libc::IFA_BROADCAST, &broadcast.octets());
    }
    if kind == libc::RTM_NEWADDR && address.flags != 0 {
        request.put_u32(libc::IFA_FLAGS, address.flags);
    }
    if kind == libc::RTM_NEWADDR && (address.valid.is_some() || address.preferred.is_some()) {
        // struct ifa_cacheinfo: preferred, valid, and two time stamps that the kernel fills.
        let mut lifetimes = [0; 16];
        let valid = address.valid.unwrap_or(FOR_EVER);
        let preferred = address.preferred.unwrap_or(FOR_EVER).min(valid);
        lifetimes[..4].copy_from_slice(&preferred.to_ne_bytes());
        lifetimes[4..8].copy_from_slice(&valid.to_ne_bytes());
        request.put(libc::IFA_CACHEINFO, &lifetimes);
    }
    request
}

/// RT_SCOPE_HOST for loopback addresses, RT_SCOPE_LINK for link-local ones, as ip-address(8) has it.
fn scope_of(ip: IpAddr) -> u8 {
    match ip {
        _ if ip.is_loopback() => libc::RT_SCOPE_HOST,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => libc::RT_SCOPE_LINK,
        _ => libc::RT_SCOPE_UNIVERSE,
    }
}

fn explain(refusal: Refusal, verb: &str, address: &Address) -> Failure {
    let errno = refusal.errno;
    let Address { ip, prefix, .. } = address;
    let name = name_of(address.index);
    let preposition = if verb == "add" { "to" } else { "from" };
    let failure = refusal.failure(format!("{verb} {ip}/{prefix} {preposition} {name}"));
    match errno {
        Errno::EEXIST => failure.with_hint(format!("{name} has this address already")),
        Errno::EADDRNOTAVAIL if verb == "remove" => failure.with_hint(format!(
            "{name} has no such address; 'addr {name}' lists them"
        )),
        Errno::EACCES if address.ip.is_ipv6() => failure.with_hint(format!(
            "is IPv6 on? sysctl net.ipv6.conf.{name}.disable_ipv6"
        )),
        Errno::EOPNOTSUPP if address.ip.is_ipv6() => failure.with_hint("this kernel has no IPv6"),
        _ => failure,
    }
}

/// Reads one RTM_NEWADDR; one without an address is skipped.
pub(super) fn parse(body: &[u8], found: &mut Vec<Entry>) {
    found.extend(read(body));
}

fn read(body: &[u8]) -> Option<Entry> {
    let &[family, prefix, flags, scope, ..] = body else {
        return None;
    };
    let (mut local, mut other, mut broadcast) = (None, None, None);
    let (mut valid, mut preferred) = (None, None);
    let mut flags = u32::from(flags);
    for (kind, value) in attributes(body.get(FIXED..)?) {
        match kind {
            libc::IFA_LOCAL => local = from_octets(value),
            libc::IFA_ADDRESS => other = from_octets(value),
            libc::IFA_BROADCAST => broadcast = <[u8; 4]>::try_from(value).ok(),
            libc::IFA_FLAGS => flags = u32_at(value, 0)?,
            libc::IFA_CACHEINFO => {
                preferred = u32_at(value, 0).filter(|&seconds| seconds != FOR_EVER);
                valid = u32_at(value, 4).filter(|&seconds| seconds != FOR_EVER);
            }
            _ => {}
        }
    }
    // With a peer IFA_ADDRESS is the other end; without, IPv6 has no IFA_LOCAL.
    let ip = local.or(other)?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let fits = i32::from(family)
        == if ip.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
    (fits && prefix <= longest).then_some(Entry {
        address: Address {
            index: u32_at(body, 4)?,
            ip,
            prefix,
            broadcast: broadcast.map(Ipv4Addr::from),
            valid,
            preferred,
            flags: 0,
        },
        peer: other.filter(|&other| other != ip),
        flags,
        scope,
    })
}
