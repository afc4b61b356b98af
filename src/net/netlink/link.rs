//! Network interfaces as the kernel describes them: RTM_GETLINK (rtnetlink(7), linux/if_link.h).
//! `change` makes, changes and deletes them.

use netlink_packet_route::link::LinkHeader;
use nix::errno::Errno;

use super::socket::{Refusal, Socket};
use super::wire::{Request, attributes, text_of, u16_at, u32_at, u64_at};
use crate::failure::Failure;
use crate::sort;

mod change;

pub use change::{Change, Kind, Which, add, change, remove, set_mtu, set_up};
#[cfg(test)]
pub(super) use change::{add_request, change_request};

/// `struct ifinfomsg`.
const FIXED: usize = 16;
/// IFLA_EXT_MASK: leave IFLA_STATS64 and its like out of the reply.
const WITHOUT_COUNTERS: u32 = libc::RTEXT_FILTER_SKIP_STATS as u32;
/// Longest name in bytes: IFNAMSIZ without its NUL.
pub const LONGEST_NAME: usize = 15;

/// One interface as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Name, 15 bytes at most.
    pub name: String,
    /// Hardware address; empty for interfaces without one.
    pub mac: Vec<u8>,
    /// ARPHRD_* (if_arp.h); 1 is Ethernet.
    pub hardware: u16,
    /// Bytes.
    pub mtu: u32,
    /// IFF_UP: administratively up.
    pub up: bool,
    /// IFF_LOWER_UP: there is a carrier.
    pub carrier: bool,
    /// IFLA_CARRIER_CHANGES: how often that has changed; one that comes and goes between two looks is seen
    /// here alone.
    pub carrier_changes: u32,
    /// IFLA_INFO_KIND: `bridge`, `veth`, `vlan`, `tun`, `dummy`; `None` for real hardware.
    pub kind: Option<String>,
    /// IFF_* as in netdevice(7).
    pub flags: u32,
    /// Index of the bridge or bond that it is a port of.
    pub master: Option<u32>,
    /// Index of the interface below it (VLAN) or at its other end (veth, where that is in this
    /// namespace).
    pub parent: Option<u32>,
    /// IFLA_TXQLEN: packets that wait to be sent at most.
    pub queue: u32,
    /// What went through it; only [`list_with_counters`] asks for it.
    pub counters: Option<Counters>,
}

/// IFLA_STATS64, since the interface was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Received.
    pub rx: Traffic,
    /// Sent.
    pub tx: Traffic,
    /// Collisions seen while sending.
    pub collisions: u64,
}

/// One direction of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Packets with errors.
    pub errors: u64,
    /// Packets dropped.
    pub dropped: u64,
}

impl Link {
    /// Whether it is an Ethernet card, real or virtio: not loopback, and not made by software
    /// (bridge, veth, vlan, tap, dummy).
    pub fn is_ethernet(&self) -> bool {
        self.hardware == libc::ARPHRD_ETHER && self.kind.is_none()
    }

    /// What kind of link it is in one word: its kind, `loopback`, `ethernet`, or `other`.
    pub fn kind_name(&self) -> &str {
        match (&self.kind, self.hardware) {
            (Some(kind), _) => kind,
            (None, libc::ARPHRD_LOOPBACK) => "loopback",
            (None, libc::ARPHRD_ETHER) => "ethernet",
            (None, _) => "other",
        }
    }

    /// `up`, `no carrier` or `down`.
    pub fn state(&self) -> &'static str {
        match (self.up, self.carrier) {
            (false, _) => "down",
            (true, false) => "no carrier",
            (true, true) => "up",
        }
    }
}

/// Every interface, by index.
pub fn list(socket: &mut Socket) -> Result<Vec<Link>, Failure> {
    dump(socket, WITHOUT_COUNTERS)
}

/// Every interface with its counters, by index.
pub fn list_with_counters(socket: &mut Socket) -> Result<Vec<Link>, Failure> {
    dump(socket, 0)
}

fn dump(socket: &mut Socket, filter: u32) -> Result<Vec<Link>, Failure> {
    let mut request = Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP, &LinkHeader::default());
    request.put_u32(libc::IFLA_EXT_MASK, filter);
    let listed = socket.dump(&request, parse);
    let mut links = listed.map_err(|refusal| refusal.failure("list the network links"))?;
    sort::sort_by_key(&mut links, |link| link.index);
    Ok(links)
}

/// The interface of that name. Errors: ENODEV, naming it.
pub fn by_name(socket: &mut Socket, name: &str) -> Result<Link, Failure> {
    check_name(name)?;
    let mut request = Request::new(libc::RTM_GETLINK, 0, &LinkHeader::default());
    request
        .put_text(libc::IFLA_IFNAME, name)
        .put_u32(libc::IFLA_EXT_MASK, WITHOUT_COUNTERS);
    let found = socket.get(request, parse);
    found.map_err(|refusal| explain(refusal, format!("find the network link {name}")))
}

/// What has become of an interface. Errors: ENODEV, also where another has its name by now.
pub fn again(link: &Link) -> Result<Link, Failure> {
    let found = by_name(&mut Socket::open()?, &link.name)?;
    match found.index == link.index {
        true => Ok(found),
        false => Err(Failure::errno(link.name.clone(), Errno::ENODEV)),
    }
}

/// The interface's name for a message; `link 7` where there is none of that index.
pub fn name_of(index: u32) -> String {
    let header = LinkHeader {
        index,
        ..LinkHeader::default()
    };
    let mut request = Request::new(libc::RTM_GETLINK, 0, &header);
    request.put_u32(libc::IFLA_EXT_MASK, WITHOUT_COUNTERS);
    let socket = Socket::open().ok();
    // if_indextoname(3) would bring in all of glibc's if_nameindex(3).
    let found = socket.and_then(|mut socket| socket.get(request, parse).ok());
    found.map_or_else(|| format!("link {index}"), |link| link.name)
}

/// Whether an interface can have this name (dev_valid_name in the kernel): 1 to 15 bytes without
/// white space, `/` and `:`, not `.` or `..`.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let bad = |b: u8| b.is_ascii_whitespace() || b == 0x0b || matches!(b, b'/' | b':' | 0);
    let why = if name.is_empty() {
        "empty"
    } else if name.len() > LONGEST_NAME {
        "longer than 15 bytes"
    } else if name == "." || name == ".." || name.bytes().any(bad) {
        "'/', ':' and spaces are not allowed, nor '.' and '..'"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!(
        "'{name}' cannot name a network link: {why}"
    )))
}

fn explain(refusal: Refusal, what: String) -> Failure {
    let errno = refusal.errno;
    let failure = refusal.failure(what);
    match errno {
        Errno::ENODEV => failure.with_hint("no such link; 'link' lists them"),
        Errno::EEXIST => failure.with_hint("a link of that name is there already"),
        Errno::EBUSY => failure.with_hint("it is in use; set it down first"),
        Errno::EADDRNOTAVAIL => failure.with_hint("it does not take this hardware address"),
        _ => failure,
    }
}

/// Reads one RTM_NEWLINK; one without index or name is skipped.
pub(super) fn parse(body: &[u8], found: &mut Vec<Link>) {
    found.extend(read(body));
}

fn read(body: &[u8]) -> Option<Link> {
    let flags = u32_at(body, 8)?;
    let mut link = Link {
        index: u32_at(body, 4)?,
        hardware: u16_at(body, 2)?,
        flags,
        up: flags & libc::IFF_UP.cast_unsigned() != 0,
        carrier: flags & libc::IFF_LOWER_UP.cast_unsigned() != 0,
        ..Link::default()
    };
    for (kind, value) in attributes(body.get(FIXED..)?) {
        match kind {
            libc::IFLA_IFNAME => link.name = text_of(value),
            libc::IFLA_ADDRESS => link.mac = value.to_vec(),
            libc::IFLA_MTU => link.mtu = u32_at(value, 0)?,
            libc::IFLA_TXQLEN => link.queue = u32_at(value, 0)?,
            libc::IFLA_CARRIER_CHANGES => link.carrier_changes = u32_at(value, 0)?,
            libc::IFLA_MASTER => link.master = u32_at(value, 0),
            libc::IFLA_LINK => link.parent = u32_at(value, 0).filter(|&parent| parent != 0),
            libc::IFLA_STATS64 => link.counters = counters(value),
            libc::IFLA_LINKINFO => {
                let mut info = attributes(value);
                let kind = info.find(|(kind, _)| *kind == libc::IFLA_INFO_KIND);
                link.kind = kind.map(|(_, name)| text_of(name));
            }
            _ => {}
        }
    }
    (link.index != 0 && !link.name.is_empty()).then_some(link)
}

/// `struct rtnl_link_stats64`: newer kernels only append to it.
fn counters(value: &[u8]) -> Option<Counters> {
    let at = |place: usize| u64_at(value, place * 8);
    Some(Counters {
        rx: Traffic {
            packets: at(0)?,
            bytes: at(2)?,
            errors: at(4)?,
            dropped: at(6)?,
        },
        tx: Traffic {
            packets: at(1)?,
            bytes: at(3)?,
            errors: at(5)?,
            dropped: at(7)?,
        },
        collisions: at(9)?,
    })
}
