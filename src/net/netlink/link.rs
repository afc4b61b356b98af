//! Network interfaces: RTM_GETLINK, RTM_NEWLINK, RTM_DELLINK (rtnetlink(7), linux/if_link.h).

use netlink_packet_route::link::{LinkFlags, LinkHeader};
use nix::errno::Errno;

use super::socket::{Refusal, Socket};
use super::wire::{Request, attributes, text_of, u16_at, u32_at, u64_at};
use crate::failure::Failure;

/// `struct ifinfomsg`.
const FIXED: usize = 16;
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

/// Which interface a request is about.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By index.
    Index(u32),
    /// By name; saves asking for the index.
    Name(&'a str),
}

impl std::fmt::Display for Which<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Index(index) => f.write_str(&name_of(*index)),
        }
    }
}

/// What to change of an interface; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Administratively up or down.
    pub up: Option<bool>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// Hardware address.
    pub mac: Option<Vec<u8>>,
    /// A new name; the interface must then be given by index and be down (before Linux 6.2).
    pub name: Option<String>,
    /// Index of the bridge or bond that it becomes a port of; 0: of none.
    pub master: Option<u32>,
}

/// What kind of interface [`add`] makes.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Drops what it is sent.
    Dummy,
    /// A switch for its ports.
    Bridge,
    /// One end of a cable; the other end has this name.
    Veth(String),
    /// The frames with this tag (0–4094) of the interface below.
    Vlan {
        /// Index of the interface below.
        parent: u32,
        /// VLAN id.
        id: u16,
    },
    /// Another hardware address on the interface with this index, in bridge mode.
    Macvlan(u32),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Dummy => "dummy",
            Self::Bridge => "bridge",
            Self::Veth(_) => "veth",
            Self::Vlan { .. } => "vlan",
            Self::Macvlan(_) => "macvlan",
        }
    }
}

/// Every interface, by index.
pub fn list(socket: &mut Socket) -> Result<Vec<Link>, Failure> {
    dump(socket, libc::RTEXT_FILTER_SKIP_STATS)
}

/// Every interface with its counters, by index.
pub fn list_with_counters(socket: &mut Socket) -> Result<Vec<Link>, Failure> {
    dump(socket, 0)
}

fn dump(socket: &mut Socket, filter: i32) -> Result<Vec<Link>, Failure> {
    let mut request = Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP, &LinkHeader::default());
    request.put_u32(libc::IFLA_EXT_MASK, filter.cast_unsigned());
    let listed = socket.dump(&request, parse);
    let mut links = listed.map_err(|refusal| refusal.failure("list the network links"))?;
    links.sort_unstable_by_key(|link| link.index);
    Ok(links)
}

/// The interface of that name. Errors: ENODEV, naming it.
pub fn by_name(socket: &mut Socket, name: &str) -> Result<Link, Failure> {
    check_name(name)?;
    let mut request = Request::new(libc::RTM_GETLINK, 0, &LinkHeader::default());
    request.put_text(libc::IFLA_IFNAME, name).put_u32(
        libc::IFLA_EXT_MASK,
        libc::RTEXT_FILTER_SKIP_STATS.cast_unsigned(),
    );
    let found = socket.get(request, parse);
    found.map_err(|refusal| explain(refusal, format!("find the network link {name}")))
}

/// Sets it up or down.
pub fn set_up(socket: &mut Socket, index: u32, up: bool) -> Result<(), Failure> {
    let up = Some(up);
    change(
        socket,
        Which::Index(index),
        &Change {
            up,
            ..Change::default()
        },
    )
}

/// Sets its MTU in bytes.
pub fn set_mtu(socket: &mut Socket, index: u32, mtu: u32) -> Result<(), Failure> {
    let mtu = Some(mtu);
    change(
        socket,
        Which::Index(index),
        &Change {
            mtu,
            ..Change::default()
        },
    )
}

/// Changes an interface, all at once. Errors name the interface and what was to be changed.
pub fn change(socket: &mut Socket, which: Which<'_>, change: &Change) -> Result<(), Failure> {
    let changed = socket.acknowledged(change_request(which, change)?);
    changed.map_err(|refusal| explain(refusal, format!("set {which}{}", words(change))))
}

/// The RTM_NEWLINK of a change. Errors: a name that no interface can have.
pub(super) fn change_request(which: Which<'_>, change: &Change) -> Result<Request, Failure> {
    let mut header = LinkHeader::default();
    if let Which::Index(index) = which {
        header.index = index;
    }
    if let Some(up) = change.up {
        header.change_mask = LinkFlags::Up;
        if up {
            header.flags = LinkFlags::Up;
        }
    }
    let mut request = Request::new(libc::RTM_NEWLINK, libc::NLM_F_ACK, &header);
    match (which, &change.name) {
        // The kernel takes one name: with an index it is the new one, without it is the old.
        (Which::Index(_), Some(name)) | (Which::Name(_), Some(name)) => {
            check_name(name)?;
            request.put_text(libc::IFLA_IFNAME, name);
        }
        (Which::Name(name), None) => {
            check_name(name)?;
            request.put_text(libc::IFLA_IFNAME, name);
        }
        (Which::Index(_), None) => {}
    }
    put_common(&mut request, change.mtu, change.mac.as_deref());
    if let Some(master) = change.master {
        request.put_u32(libc::IFLA_MASTER, master);
    }
    Ok(request)
}

/// Makes a new interface. Errors: EEXIST, EOPNOTSUPP where the kernel lacks the kind.
pub fn add(socket: &mut Socket, name: &str, kind: &Kind, change: &Change) -> Result<(), Failure> {
    let added = socket.acknowledged(add_request(name, kind, change)?);
    added.map_err(|refusal| {
        let unknown = refusal.errno == Errno::EOPNOTSUPP;
        let failure = explain(refusal, format!("add the {} link {name}", kind.name()));
        if unknown {
            failure.with_hint(format!(
                "the kernel has no such links; try 'modprobe {}'",
                module_of(kind)
            ))
        } else {
            failure
        }
    })
}

/// The RTM_NEWLINK of a new interface. Errors: a name that no interface can have.
pub(super) fn add_request(name: &str, kind: &Kind, change: &Change) -> Result<Request, Failure> {
    check_name(name)?;
    if let Kind::Veth(peer) = kind {
        check_name(peer)?;
    }
    let mut header = LinkHeader::default();
    if change.up == Some(true) {
        header.flags = LinkFlags::Up;
        header.change_mask = LinkFlags::Up;
    }
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut request = Request::new(libc::RTM_NEWLINK, flags, &header);
    request.put_text(libc::IFLA_IFNAME, name);
    put_common(&mut request, change.mtu, change.mac.as_deref());
    if let Some(master) = change.master {
        request.put_u32(libc::IFLA_MASTER, master);
    }
    if let Kind::Vlan { parent, .. } | Kind::Macvlan(parent) = kind {
        request.put_u32(libc::IFLA_LINK, *parent);
    }
    request.nest(libc::IFLA_LINKINFO, &mut |info| {
        info.put(libc::IFLA_INFO_KIND, kind.name().as_bytes());
        match kind {
            Kind::Dummy | Kind::Bridge => {}
            Kind::Veth(peer) => {
                info.nest(libc::IFLA_INFO_DATA, &mut |data| {
                    data.nest(VETH_INFO_PEER, &mut |end| {
                        end.put_fixed(&LinkHeader::default())
                            .put_text(libc::IFLA_IFNAME, peer);
                    });
                });
            }
            Kind::Vlan { id, .. } => {
                info.nest(libc::IFLA_INFO_DATA, &mut |data| {
                    data.put(IFLA_VLAN_ID, &id.to_ne_bytes());
                });
            }
            Kind::Macvlan(_) => {
                info.nest(libc::IFLA_INFO_DATA, &mut |data| {
                    data.put_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
                });
            }
        }
    });
    Ok(request)
}

/// linux/veth.h, linux/if_link.h.
const VETH_INFO_PEER: u16 = 1;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_BRIDGE: u32 = 4;

/// Deletes an interface. Errors: ENODEV; EOPNOTSUPP for real hardware.
pub fn remove(socket: &mut Socket, name: &str) -> Result<(), Failure> {
    check_name(name)?;
    let mut request = Request::new(libc::RTM_DELLINK, libc::NLM_F_ACK, &LinkHeader::default());
    request.put_text(libc::IFLA_IFNAME, name);
    socket.acknowledged(request).map_err(|refusal| {
        let hardware = refusal.errno == Errno::EOPNOTSUPP;
        let failure = explain(refusal, format!("delete the link {name}"));
        if hardware {
            failure.with_hint("only links that were added can be deleted, not hardware")
        } else {
            failure
        }
    })
}

/// The interface's name for a message; `link 7` where there is none of that index.
pub fn name_of(index: u32) -> String {
    match nix::net::if_::if_indextoname(index) {
        // nix 0.31 gives an empty name for an index that is not there.
        Ok(name) if !name.is_empty() => name.to_string_lossy().into_owned(),
        _ => format!("link {index}"),
    }
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

fn put_common(request: &mut Request, mtu: Option<u32>, mac: Option<&[u8]>) {
    if let Some(mtu) = mtu {
        request.put_u32(libc::IFLA_MTU, mtu);
    }
    if let Some(mac) = mac {
        request.put(libc::IFLA_ADDRESS, mac);
    }
}

/// ` up mtu 1400`: what was to be changed.
fn words(change: &Change) -> String {
    let mut text = String::new();
    match change.up {
        Some(true) => text.push_str(" up"),
        Some(false) => text.push_str(" down"),
        None => {}
    }
    if let Some(mtu) = change.mtu {
        text.push_str(&format!(" mtu {mtu}"));
    }
    if let Some(mac) = &change.mac {
        text.push_str(&format!(" address {}", crate::net::address::show_mac(mac)));
    }
    if let Some(name) = &change.name {
        text.push_str(&format!(" name {name}"));
    }
    match change.master {
        Some(0) => text.push_str(" nomaster"),
        Some(master) => text.push_str(&format!(" master {}", name_of(master))),
        None => {}
    }
    text
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

fn module_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Vlan { .. } => "8021q",
        other => other.name(),
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
