//! The ICMPv6 socket of a host that listens to routers, or of a router that listens to hosts. Invariant:
//! what it hands out came in whole, from the interface that it was opened on; the rest of what makes a
//! message valid is for [`super::wire`].

use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use super::wire::{
    ADVERTISEMENT, ALL_ROUTERS, Packet, RouterAdvertisement, RouterSolicitation, SOLICITATION,
};
use crate::failure::{Doing, Failure};
use crate::net::netlink::link::Link;
use crate::sys::icmp6::Icmp6Socket;

/// The longest message that is taken: a router's fits a packet (RFC 6980).
pub const LONGEST: usize = 2048;
/// The way to the link for packets without an address of their own.
const ANY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Which side of the conversation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Asks, and receives advertisements.
    Host,
    /// Advertises, and receives solicitations and what other routers say.
    Router,
}

/// A non-blocking socket of one interface.
#[derive(Debug)]
pub struct NdSocket {
    socket: Icmp6Socket,
    name: String,
}

impl NdSocket {
    /// Opens it. Errors: EPERM without CAP_NET_RAW, EAFNOSUPPORT where the kernel has no IPv6.
    pub fn open(link: &Link, side: Side) -> Result<Self, Failure> {
        let what = || format!("open an ICMPv6 socket on {}", link.name);
        let wanted: &[u8] = match side {
            Side::Host => &[ADVERTISEMENT],
            Side::Router => &[SOLICITATION, ADVERTISEMENT],
        };
        let socket = Icmp6Socket::open(link.index, &link.name, wanted).doing(what)?;
        // ff02::1 every interface is a member of.
        if side == Side::Router {
            socket.join(ALL_ROUTERS).doing(what)?;
        }
        let name = link.name.clone();
        Ok(Self { socket, name })
    }

    /// Asks every router on the link. Without a `source` it asks from `::`, and does not name the
    /// link-layer address (RFC 4861 §4.1).
    pub fn solicit(&self, source: Option<Ipv6Addr>, mac: Option<[u8; 6]>) -> Result<(), Failure> {
        let message = RouterSolicitation {
            source: mac.filter(|_| source.is_some()),
        };
        let message = message.emit();
        let sent = match source {
            Some(source) => self.socket.send(&message, source, ALL_ROUTERS),
            None => self.socket.send_unspecified(&message, ANY, ALL_ROUTERS),
        };
        sent.doing(|| format!("ask for routers on {}", self.name))
    }

    /// Tells one host, or all of them ([`super::wire::ALL_NODES`]). `source` is a link-local address of the
    /// interface.
    pub fn advertise(
        &self,
        message: &RouterAdvertisement,
        source: Ipv6Addr,
        to: Ipv6Addr,
    ) -> Result<(), Failure> {
        let sent = self.socket.send(&message.emit(), source, to);
        sent.doing(|| format!("advertise on {}", self.name))
    }

    /// The next message; `None` where none is waiting.
    ///
    /// Errors: the key for the statistics of why one was dropped; others may be waiting behind it.
    pub fn receive<'a>(
        &self,
        buffer: &'a mut [u8; LONGEST],
    ) -> Option<Result<Packet<'a>, &'static str>> {
        let received = match self.socket.receive(buffer) {
            Ok(received) => received?,
            // The link went down, which others notice.
            Err(Errno::ENETDOWN) => return None,
            Err(_) => return Some(Err("dropped-error")),
        };
        Some(match buffer.get(..received.length) {
            None => Err("dropped-length"),
            Some(_) if received.fragmented => Err("dropped-fragment"),
            Some(bytes) => Ok(Packet {
                source: received.source,
                hop_limit: received.hop_limit,
                bytes,
            }),
        })
    }
}

impl AsFd for NdSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
