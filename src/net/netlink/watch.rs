//! Tells that some link, address or route has changed. What has changed is asked for anew: messages may be
//! lost (ENOBUFS), the state of a link may not.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};

use super::addr::DUPLICATE;
use super::wire::{u16_at, u32_at};
use crate::failure::{Doing, Failure};

/// RTMGRP_LINK of linux/rtnetlink.h: changes of links.
const LINKS: u32 = 1;

/// RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE: addresses and routes.
const CONFIGURATION: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// RTMGRP_IPV4_IFADDR: IPv4 addresses.
const ADDRESSES4: u32 = 0x10;

/// RTMGRP_IPV6_IFADDR: IPv6 addresses.
const ADDRESSES6: u32 = 0x100;

/// Where the kind of a message is in a nlmsghdr.
const KIND: usize = 4;
/// Where the interface's index is in `struct ifinfomsg` and in `struct ifaddrmsg`, behind a nlmsghdr.
const INDEX: usize = 16 + 4;
/// Where the first flags of an address are in `struct ifaddrmsg`.
const ADDRESS_FLAGS: usize = 16 + 2;
/// Where the flags of a link are in `struct ifinfomsg`.
const FLAGS: usize = INDEX + 4;

/// IFF_UP of linux/if.h.
const UP: u32 = 1;

/// What has become of a link since the last look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// Something.
    Something,
    /// It was set down, and may be up again: the kernel has removed its IPv6 addresses and its routes.
    Down,
}

/// What a watch has seen of a link and its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What has become of the link.
    pub link: Change,
    /// What has become of its addresses.
    pub addresses: Addresses,
}

/// What has become of the addresses of a link, in the order of its weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addresses {
    /// Nothing.
    #[default]
    Same,
    /// One is new, or has other times or another state.
    Changed,
    /// Somebody has removed one, or its time was over.
    Removed,
    /// The kernel has removed one that another host has, or may have: messages were lost.
    Duplicate,
}

/// A subscription to changes.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Subscribes to the changes of links. Changes from now on make the descriptor readable.
    pub fn open() -> Result<Self, Failure> {
        Self::on(LINKS)
    }

    /// Subscribes to the changes of links and of IPv4 addresses.
    pub fn with_addresses4() -> Result<Self, Failure> {
        Self::on(LINKS | ADDRESSES4)
    }

    /// Subscribes to the changes of links and of IPv6 addresses.
    pub fn with_addresses6() -> Result<Self, Failure> {
        Self::on(LINKS | ADDRESSES6)
    }

    /// Subscribes to the changes of IPv6 addresses.
    pub fn addresses6() -> Result<Self, Failure> {
        Self::on(ADDRESSES6)
    }

    /// Subscribes to the changes of links, addresses and routes.
    pub fn configuration() -> Result<Self, Failure> {
        Self::on(LINKS | CONFIGURATION)
    }

    fn on(groups: u32) -> Result<Self, Failure> {
        let what = || "watch the network links";
        let mut socket = Socket::new(NETLINK_ROUTE).doing(what)?;
        socket.set_non_blocking(true).doing(what)?;
        socket.bind(&SocketAddr::new(0, groups)).doing(what)?;
        Ok(Self { socket })
    }

    /// Whether something has changed since the last call.
    pub fn changed(&self) -> bool {
        self.any(|_| true)
    }

    /// What has become of a link and its addresses since the last call.
    pub fn seen_of(&self, index: u32) -> Seen {
        let (mut something, mut down, mut addresses) = (false, false, Addresses::Same);
        self.each(|message| {
            let Some(message) = message else {
                (something, addresses) = (true, Addresses::Duplicate);
                return;
            };
            if u32_at(message, INDEX).is_some_and(|other| other != index) {
                return;
            }
            match u16_at(message, KIND) {
                // The kernel marks a duplicate before it removes it.
                Some(libc::RTM_DELADDR) if flags(message) & DUPLICATE != 0 => {
                    addresses = Addresses::Duplicate;
                }
                Some(libc::RTM_DELADDR) => addresses = addresses.max(Addresses::Removed),
                Some(libc::RTM_NEWADDR) => addresses = addresses.max(Addresses::Changed),
                _ => {
                    something = true;
                    down |= u32_at(message, FLAGS).is_some_and(|flags| flags & UP == 0);
                }
            }
        });
        let link = match (something, down) {
            (_, true) => Change::Down,
            (true, false) => Change::Something,
            (false, false) => Change::Nothing,
        };
        Seen { link, addresses }
    }

    /// Takes all messages off the queue; whether `concerns` says so of the beginning of one, or some are lost.
    fn any(&self, concerns: impl Fn(&[u8]) -> bool) -> bool {
        let mut changed = false;
        self.each(|message| changed |= message.is_none_or(&concerns));
        changed
    }

    /// Takes all messages off the queue: the beginning of each, `None` where some are lost.
    fn each(&self, mut take: impl FnMut(Option<&[u8]>)) {
        let mut head = [0; FLAGS + 4];
        loop {
            // What is not read of a message is dropped with it.
            match recv(self.socket.as_raw_fd(), &mut head, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => take(Some(&head[..length.min(head.len())])),
                Err(Errno::ENOBUFS) => take(None),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

/// The first flags of an address.
fn flags(message: &[u8]) -> u32 {
    message.get(ADDRESS_FLAGS).copied().unwrap_or(0).into()
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
