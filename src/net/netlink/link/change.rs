//! Interfaces changed, made and deleted: RTM_NEWLINK, RTM_DELLINK. Invariant: a change is
//! one request, whose names have been checked; the kernel may have done a part of one that it refuses.

use netlink_packet_route::link::{LinkFlags, LinkHeader};
use nix::errno::Errno;

use super::{check_name, explain, name_of};
use crate::failure::Failure;
use crate::net::address::show_mac;
use crate::net::netlink::socket::{Refusal, Socket};
use crate::net::netlink::wire::Request;
use crate::system::modules::load;

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
pub(in crate::net::netlink) fn change_request(
    which: Which<'_>,
    change: &Change,
) -> Result<Request, Failure> {
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
    // The kernel takes one name: with an index it is the new one, without it tells which link.
    let name = match which {
        Which::Name(name) => Some(name),
        Which::Index(_) => change.name.as_deref(),
    };
    if let Some(name) = name {
        check_name(name)?;
        request.put_text(libc::IFLA_IFNAME, name);
    }
    put_common(&mut request, change);
    Ok(request)
}

/// Makes a new interface. Errors: EEXIST, EOPNOTSUPP where the kernel lacks the kind.
pub fn add(socket: &mut Socket, name: &str, kind: &Kind, change: &Change) -> Result<(), Failure> {
    let mut added = socket.acknowledged(add_request(name, kind, change)?);
    let is_unknown = |refusal: &Refusal| refusal.errno == Errno::EOPNOTSUPP;
    if added.as_ref().is_err_and(is_unknown) && load::request(module_of(kind).as_bytes()) {
        added = socket.acknowledged(add_request(name, kind, change)?);
    }
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
pub(in crate::net::netlink) fn add_request(
    name: &str,
    kind: &Kind,
    change: &Change,
) -> Result<Request, Failure> {
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
    put_common(&mut request, change);
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

fn put_common(request: &mut Request, change: &Change) {
    if let Some(mtu) = change.mtu {
        request.put_u32(libc::IFLA_MTU, mtu);
    }
    if let Some(mac) = &change.mac {
        request.put(libc::IFLA_ADDRESS, mac);
    }
    if let Some(master) = change.master {
        request.put_u32(libc::IFLA_MASTER, master);
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
        text.push_str(&format!(" address {}", show_mac(mac)));
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

fn module_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Vlan { .. } => "8021q",
        other => other.name(),
    }
}
