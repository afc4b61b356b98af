//! The UDP socket of a client that has an address: renewals go through the kernel's routing table and
//! the server's hardware address is the kernel's business (RFC 2131 §4.4.5).

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};

use super::frame::{CLIENT_PORT, SERVER_PORT};
use super::wire::Malformed;
use crate::failure::{Doing, Failure};

/// A non-blocking socket on the client's port of one interface.
#[derive(Debug)]
pub struct Udp(UdpSocket);

impl Udp {
    /// Opens it. It listens on every address of the interface, because a NAK is broadcast.
    ///
    /// Errors: EADDRINUSE where another client runs on the interface.
    pub fn open(interface: &str) -> Result<Self, Failure> {
        let open = || -> Result<UdpSocket, Errno> {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let fd = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
            setsockopt(&fd, sockopt::ReuseAddr, &true)?;
            setsockopt(&fd, sockopt::Broadcast, &true)?;
            setsockopt(&fd, sockopt::BindToDevice, &interface.into())?;
            let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
            bind(fd.as_raw_fd(), &SockaddrIn::from(address))?;
            Ok(fd.into())
        };
        let opened = open().doing(|| format!("open UDP port {CLIENT_PORT} on {interface}"));
        opened.map(Self)
    }

    /// Sends a message to a server's port.
    pub fn send(&self, payload: &[u8], to: Ipv4Addr) -> Result<(), Failure> {
        let sent = self.0.send_to(payload, SocketAddrV4::new(to, SERVER_PORT));
        sent.doing(|| format!("send to {to}")).map(drop)
    }

    /// The length of the next message, which came from a server's port; `None` where none is waiting.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Result<usize, Malformed>> {
        loop {
            match self.0.recv_from(buffer) {
                Ok((length, from)) if from.port() == SERVER_PORT => return Some(Ok(length)),
                Ok(_) => return Some(Err(Malformed::Ports)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                // An ICMP error: what waits behind it may be ours.
                Err(_) => {}
            }
        }
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
