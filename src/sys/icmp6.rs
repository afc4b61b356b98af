//! Raw ICMPv6 sockets (ipv6(7), RFC 3542) of one interface, for neighbor discovery. Invariant: a socket
//! delivers only messages of the types it was opened for, each with its sender and its hop limit, and
//! none that came in fragments (RFC 6980); what it sends has hop limit 255.

use std::mem::{size_of_val, zeroed};
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;

use super::datagram::Datagram;
use super::packet::set_option;

/// ICMP6_FILTER of linux/icmpv6.h, at level IPPROTO_ICMPV6.
const ICMP6_FILTER: i32 = 1;
/// The hop limit of every neighbor discovery message.
const HOP_LIMIT: i32 = 255;
/// `struct ipv6hdr`.
const HEADER: usize = 40;

/// A raw, non-blocking ICMPv6 socket.
#[derive(Debug)]
pub struct Icmp6Socket {
    fd: OwnedFd,
    index: u32,
}

/// A message that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the message, which may be more than the buffer took.
    pub length: usize,
    /// Who sent it.
    pub source: Ipv6Addr,
    /// As it came in; 0 where the kernel does not say.
    pub hop_limit: u8,
    /// It came in fragments.
    pub fragmented: bool,
}

impl Icmp6Socket {
    /// Opens a socket on the interface of that index and name for messages of these ICMPv6 types.
    ///
    /// Errors: EPERM without CAP_NET_RAW, EAFNOSUPPORT without IPv6.
    pub fn open(index: u32, name: &str, types: &[u8]) -> Result<Self, Errno> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: socket(2) has no memory effects; a descriptor that it returns is ours alone.
        let fd = unsafe {
            let fd = Errno::result(libc::socket(libc::AF_INET6, kind, libc::IPPROTO_ICMPV6))?;
            OwnedFd::from_raw_fd(fd)
        };
        // struct icmp6_filter: a set bit blocks its type.
        let mut filter = [u32::MAX; 8];
        for kind in types {
            filter[usize::from(kind >> 5)] &= !(1 << (kind & 31));
        }
        set_option(&fd, libc::IPPROTO_ICMPV6, ICMP6_FILTER, &filter)?;
        let mut device = [0_u8; libc::IFNAMSIZ];
        for (to, from) in device.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        set_option(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, &device)?;
        for (name, value) in [
            (libc::IPV6_RECVHOPLIMIT, 1),
            (libc::IPV6_MULTICAST_HOPS, HOP_LIMIT),
            (libc::IPV6_UNICAST_HOPS, HOP_LIMIT),
            (libc::IPV6_MULTICAST_LOOP, 0),
        ] {
            set_option(&fd, libc::IPPROTO_IPV6, name, &value)?;
        }
        // Before Linux 4.16 fragments cannot be told from whole messages.
        let _ = set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE, &1_i32);
        Ok(Self { fd, index })
    }

    /// Receives what is sent to a multicast group, too. Errors: ENODEV, ENOBUFS.
    pub fn join(&self, group: Ipv6Addr) -> Result<(), Errno> {
        let request = libc::ipv6_mreq {
            ipv6mr_multiaddr: raw(group),
            ipv6mr_interface: self.index as _,
        };
        let level = libc::IPPROTO_IPV6;
        set_option(&self.fd, level, libc::IPV6_ADD_MEMBERSHIP, &request)
    }

    /// Sends a message from one of the interface's own addresses; the kernel fills its checksum in.
    ///
    /// Errors: EINVAL where the interface has no such address, ENETUNREACH where its link is down.
    pub fn send(&self, message: &[u8], source: Ipv6Addr, to: Ipv6Addr) -> Result<(), Errno> {
        self.transmit(message, source, to)
    }

    /// Sends a message from `::`, as a host does that has no address yet. `any` is a link-local address,
    /// which the kernel wants for finding the way and which nobody sees; the interface need not have it.
    pub fn send_unspecified(
        &self,
        message: &[u8],
        any: Ipv6Addr,
        to: Ipv6Addr,
    ) -> Result<(), Errno> {
        let packet = packet(message, to);
        let set = |name, value: i32| set_option(&self.fd, libc::IPPROTO_IPV6, name, &value);
        set(libc::IPV6_FREEBIND, 1)?;
        set(libc::IPV6_HDRINCL, 1)?;
        let sent = self.transmit(&packet, any, to);
        set(libc::IPV6_HDRINCL, 0)?;
        sent
    }

    fn transmit(&self, bytes: &[u8], source: Ipv6Addr, to: Ipv6Addr) -> Result<(), Errno> {
        // SAFETY: all-zero bytes are a valid sockaddr_in6, msghdr and in6_pktinfo.
        let (mut address, mut message, mut info): (
            libc::sockaddr_in6,
            libc::msghdr,
            libc::in6_pktinfo,
        ) = unsafe { (zeroed(), zeroed(), zeroed()) };
        address.sin6_family = libc::AF_INET6 as u16;
        address.sin6_addr = raw(to);
        address.sin6_scope_id = self.index;
        info.ipi6_addr = raw(source);
        info.ipi6_ifindex = self.index as _;
        // u64 for the alignment that control messages want; room for one in6_pktinfo.
        let mut control = [0_u64; 8];
        let mut parts = libc::iovec {
            // The kernel only reads it.
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        message.msg_name = ptr::from_mut(&mut address).cast();
        message.msg_namelen = size_of_val(&address) as libc::socklen_t;
        message.msg_iov = &mut parts;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        let length = size_of_val(&info) as u32;
        // SAFETY: the control buffer has room for the header and the 20 bytes behind it, and the payload is
        // written unaligned; sendmsg(2) reads buffers that live until it returns.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(length) as _;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::IPPROTO_IPV6;
            (*header).cmsg_type = libc::IPV6_PKTINFO;
            (*header).cmsg_len = libc::CMSG_LEN(length) as _;
            ptr::write_unaligned(libc::CMSG_DATA(header).cast(), info);
            let sent = libc::sendmsg(self.fd.as_raw_fd(), &message, libc::MSG_NOSIGNAL);
            Errno::result(sent).map(drop)
        }
    }

    /// Reads one message; `None` where none is waiting.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
        let Some(read) = Datagram::<libc::sockaddr_in6>::receive(&self.fd, buffer)? else {
            return Ok(None);
        };
        let number = |kind| read.control::<i32>(libc::IPPROTO_IPV6, kind);
        let hop_limit = number(libc::IPV6_HOPLIMIT).and_then(|n| n.try_into().ok());
        Ok(Some(Received {
            length: read.length,
            source: read.from.sin6_addr.s6_addr.into(),
            hop_limit: hop_limit.unwrap_or(0),
            fragmented: number(libc::IPV6_RECVFRAGSIZE).is_some(),
        }))
    }
}

impl AsFd for Icmp6Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn raw(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr {
        s6_addr: ip.octets(),
    }
}

/// The packet from `::` with its header and its checksum (RFC 8200 §3, §8.1).
fn packet(message: &[u8], to: Ipv6Addr) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((message.len() as u16).to_be_bytes());
    packet.extend([libc::IPPROTO_ICMPV6 as u8, HOP_LIMIT as u8]);
    packet.extend([0; 16]);
    packet.extend(to.octets());
    packet.extend(message);
    // The pseudo-header is both addresses, the length and the protocol.
    let mut sum = message.len() as u32 + libc::IPPROTO_ICMPV6 as u32;
    for pair in packet[8..].chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[HEADER + 2..HEADER + 4].copy_from_slice(&(!sum as u16).to_be_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_a_captured_solicitation() {
        // :: > ff02::2, as another host's kernel sends it.
        let all_routers = "ff02::2".parse().unwrap();
        let packet = packet(&[133, 0, 0, 0, 0, 0, 0, 0], all_routers);
        assert_eq!(packet.len(), 48);
        assert_eq!(packet[42..44], [0x7b, 0xb8]);
        assert_eq!(packet[4..8], [0, 8, 58, 255]);
    }

    #[test]
    fn loopback_carries_no_solicitation_that_was_not_asked_for() {
        let Ok(socket) = Icmp6Socket::open(1, "lo", &[134]) else {
            // Without root, or without IPv6.
            return;
        };
        assert_eq!(socket.receive(&mut [0; 64]), Ok(None));
    }
}
