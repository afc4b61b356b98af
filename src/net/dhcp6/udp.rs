//! The client's UDP socket (RFC 8415 §7.2). Invariant: it is bound to a link-local address, so that
//! nothing from beyond the link can reach it, and to its interface.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, bind, setsockopt, socket, sockopt,
};

use crate::failure::{Doing, Failure};
use crate::net::netlink::link::Link;

const CLIENT_PORT: u16 = 546;
const SERVER_PORT: u16 = 547;
/// All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1).
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The longest datagram that is taken: longer ones are dropped whole.
pub const LONGEST: usize = 4096;

/// A non-blocking socket on the client's port of one interface.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    local: Ipv6Addr,
    index: u32,
}

/// What came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// This many bytes.
    Whole(usize),
    /// More bytes than [`LONGEST`].
    TooLong,
}

impl Udp {
    /// Opens it on a link-local address of the interface.
    ///
    /// Errors: EADDRINUSE where another client runs on the interface; EADDRNOTAVAIL while the address is
    /// still checked for duplicates.
    pub fn open(link: &Link, local: Ipv6Addr) -> Result<Self, Failure> {
        let open = || -> Result<UdpSocket, Errno> {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let fd = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
            setsockopt(&fd, sockopt::BindToDevice, &link.name.as_str().into())?;
            let address = SocketAddrV6::new(local, CLIENT_PORT, 0, link.index);
            bind(fd.as_raw_fd(), &SockaddrIn6::from(address))?;
            Ok(fd.into())
        };
        let opened = open().doing(|| format!("open UDP port {CLIENT_PORT} on {}", link.name));
        let socket = match opened {
            Err(failure) if failure.cause() == Some(Errno::EADDRINUSE) => {
                return Err(failure.with_hint("another DHCPv6 client runs on this interface"));
            }
            opened => opened?,
        };
        let index = link.index;
        Ok(Self {
            socket,
            local,
            index,
        })
    }

    /// The address that it is bound to.
    pub fn local(&self) -> Ipv6Addr {
        self.local
    }

    /// Sends to every server and relay agent on the link.
    pub fn send(&self, payload: &[u8]) -> Result<(), Failure> {
        let to = SocketAddrV6::new(SERVERS, SERVER_PORT, 0, self.index);
        let sent = self.socket.send_to(payload, to);
        sent.doing(|| format!("send to {SERVERS}")).map(drop)
    }

    /// The next datagram; `None` where none is waiting. Servers may send from any port and address
    /// (RFC 8415 §7.2 fixes only where they listen).
    pub fn receive(&self, buffer: &mut [u8; LONGEST + 1]) -> Option<Datagram> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok((length, SocketAddr::V6(_))) if length <= LONGEST => {
                    return Some(Datagram::Whole(length));
                }
                Ok(_) => return Some(Datagram::TooLong),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // Nothing waits, or the link is gone, which others notice.
                Err(_) => return None,
            }
        }
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
