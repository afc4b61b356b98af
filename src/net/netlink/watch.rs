//! Tells that some link, address or route has changed. What has changed is asked for anew: messages may be
//! lost (ENOBUFS), the state of a link may not.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use super::wire::u32_at;
use crate::failure::{Doing, Failure};

/// RTMGRP_LINK of linux/rtnetlink.h: changes of links.
const LINKS: u32 = 1;

/// RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE: addresses and routes.
const CONFIGURATION: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// RTMGRP_IPV6_IFADDR: IPv6 addresses.
const ADDRESSES6: u32 = 0x100;

/// Where the interface's index is in `struct ifinfomsg` and in `struct ifaddrmsg`, behind a nlmsghdr.
const INDEX: usize = 16 + 4;
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

    /// Whether a link, or an address on it, has changed since the last call: with a hundred clients in a
    /// machine, those of the other links need not look.
    pub fn changed_on(&self, index: u32) -> bool {
        self.any(|message| u32_at(message, INDEX).is_none_or(|other| other == index))
    }

    /// What has become of a link since the last call, for a watch on links.
    pub fn change_of(&self, index: u32) -> Change {
        let down = Cell::new(false);
        let changed = self.any(|message| {
            let ours = u32_at(message, INDEX).is_none_or(|other| other == index);
            let up = u32_at(message, FLAGS).is_none_or(|flags| flags & UP != 0);
            down.set(down.get() || (ours && !up));
            ours
        });
        match (changed, down.get()) {
            (_, true) => Change::Down,
            (true, false) => Change::Something,
            (false, false) => Change::Nothing,
        }
    }

    /// Takes all messages off the queue; whether `concerns` says so of the beginning of one.
    fn any(&self, concerns: impl Fn(&[u8]) -> bool) -> bool {
        let mut changed = false;
        let mut head = [0; FLAGS + 4];
        loop {
            // What is not read of a message is dropped with it.
            match recv(self.socket.as_raw_fd(), &mut head, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => changed |= concerns(&head[..length.min(head.len())]),
                Err(Errno::ENOBUFS) => changed = true,
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
