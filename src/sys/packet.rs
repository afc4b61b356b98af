//! Packet sockets (packet(7)) that see packets of one interface, without link-layer headers.
//! Invariant: a socket delivers nothing that its filter has not seen. It is opened with protocol 0,
//! given its filter, then bound: besides closing the gap this saves the 10–16 ms that the kernel waits
//! for RCU when a socket that already receives is bound.

use std::mem::{size_of, size_of_val, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;

use super::datagram::Datagram;

/// One instruction of a classic BPF filter.
pub type Instruction = libc::sock_filter;

/// EtherType of IPv4.
pub const IPV4: u16 = libc::ETH_P_IP as u16;
/// EtherType of ARP.
pub const ARP: u16 = libc::ETH_P_ARP as u16;
/// Every protocol.
pub const ALL: u16 = libc::ETH_P_ALL as u16;
/// PACKET_IGNORE_OUTGOING of linux/if_packet.h, which not every libc has.
const IGNORE_OUTGOING: libc::c_int = 23;
/// ETH_P_8021Q
const VLAN: u16 = libc::ETH_P_8021Q as u16;

const ETHERNET_BROADCAST: [u8; 6] = [0xff; 6];

/// A bound, non-blocking packet socket.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    index: u32,
    protocol: u16,
}

/// A packet that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the packet, which may be more than the buffer took.
    pub length: usize,
    /// Its EtherType.
    pub protocol: u16,
    /// Its UDP checksum was left to the network card (TP_STATUS_CSUMNOTREADY).
    pub partial_checksum: bool,
    /// It is for another host, was sent by this one, or belongs to a VLAN of this link.
    pub foreign: bool,
}

impl PacketSocket {
    /// Opens a socket for packets of that EtherType on the interface of that index. Errors: EPERM without
    /// CAP_NET_RAW; ENETDOWN is not one of them, but comes from the first read if the link is down.
    pub fn open(index: u32, protocol: u16, filter: &[Instruction]) -> Result<Self, Errno> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: socket(2) has no memory effects; a descriptor that it returns is ours alone.
        let fd = unsafe {
            let fd = Errno::result(libc::socket(libc::AF_PACKET, kind, 0))?;
            OwnedFd::from_raw_fd(fd)
        };
        let socket = Self {
            fd,
            index,
            protocol,
        };
        socket.set_filter(filter)?;
        set_option(&socket.fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32)?;
        // Since Linux 4.20; what comes nevertheless is foreign.
        let _ = set_option(&socket.fd, libc::SOL_PACKET, IGNORE_OUTGOING, &1_i32);
        socket.bind()?;
        Ok(socket)
    }

    /// Replaces the filter. Errors: as of setsockopt(2).
    pub fn set_filter(&self, filter: &[Instruction]) -> Result<(), Errno> {
        let program = libc::sock_fprog {
            len: filter.len() as libc::c_ushort,
            // The kernel only reads it.
            filter: filter.as_ptr().cast_mut(),
        };
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    /// Receives packets of that EtherType from now on. Takes 10–16 ms (RCU). Errors: as of bind(2).
    pub fn change_protocol(&mut self, protocol: u16) -> Result<(), Errno> {
        self.protocol = protocol;
        self.bind()
    }

    fn bind(&self) -> Result<(), Errno> {
        let address = self.address(self.protocol);
        // SAFETY: the address is a whole sockaddr_ll and its size is passed with it.
        Errno::result(unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                ptr::from_ref(&address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        })
        .map(drop)
    }

    /// Sends a packet of that EtherType to every host on the link. Errors: ENETDOWN, ENXIO, ENOBUFS.
    pub fn broadcast(&self, protocol: u16, packet: &[u8]) -> Result<(), Errno> {
        let mut address = self.address(protocol);
        address.sll_halen = ETHERNET_BROADCAST.len() as u8;
        address.sll_addr[..ETHERNET_BROADCAST.len()].copy_from_slice(&ETHERNET_BROADCAST);
        // SAFETY: both buffers are valid for reads of the lengths that are passed with them.
        let sent = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                libc::MSG_NOSIGNAL,
                ptr::from_ref(&address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        };
        Errno::result(sent).map(drop)
    }

    /// Reads one packet; `None` where none is waiting.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
        let Some(read) = Datagram::<libc::sockaddr_ll>::receive(&self.fd, buffer)? else {
            return Ok(None);
        };
        let aux: Option<libc::tpacket_auxdata> =
            read.control(libc::SOL_PACKET, libc::PACKET_AUXDATA);
        let status = aux.map_or(0, |aux| aux.tp_status);
        // Tag 0 only carries a priority. A socket for all protocols sees frames before their tag is off.
        let protocol = u16::from_be(read.from.sll_protocol);
        let tagged = aux.is_some_and(|aux| aux.tp_vlan_tci & 0xfff != 0);
        let vlan = tagged || protocol == VLAN;
        let other = matches!(
            read.from.sll_pkttype,
            libc::PACKET_OTHERHOST | libc::PACKET_OUTGOING
        );
        Ok(Some(Received {
            length: read.length,
            protocol,
            partial_checksum: status & libc::TP_STATUS_CSUMNOTREADY != 0,
            foreign: other || vlan,
        }))
    }

    fn address(&self, protocol: u16) -> libc::sockaddr_ll {
        // SAFETY: all-zero bytes are a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = self.index as i32;
        address
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(super) fn set_option<T>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> Result<(), Errno> {
    // SAFETY: the value is valid for reads of its own size; the callers pass the type that each option
    // is documented to take.
    Errno::result(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}
