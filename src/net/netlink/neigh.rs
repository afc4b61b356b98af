//! Neighbors: RTM_NEWNEIGH (rtnetlink(7), linux/neighbour.h). Invariant: only told, never overruled: what
//! the kernel has found out about a neighbor itself stays.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::neighbour::{NeighbourFlags, NeighbourHeader, NeighbourState};

use super::link::name_of;
use super::socket::Socket;
use super::wire::Request;
use crate::failure::Failure;
use crate::net::address::octets;

/// NDA_DST and NDA_LLADDR of linux/neighbour.h; libc has them for glibc alone.
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// Tells the kernel a router's link-layer address, so that the first packet need not wait for it. It counts
/// as stale (RFC 4861 §6.3.4): the kernel uses it at once and checks it soon.
pub fn seed_router(socket: &mut Socket, index: u32, ip: IpAddr, mac: &[u8]) -> Result<(), Failure> {
    let added = socket.acknowledged(request(index, ip, mac));
    added.map_err(|refusal| refusal.failure(format!("add the neighbor {ip} on {}", name_of(index))))
}

/// The message.
pub(super) fn request(index: u32, ip: IpAddr, mac: &[u8]) -> Request {
    let header = NeighbourHeader {
        family: AddressFamily::from(ip),
        ifindex: index,
        state: NeighbourState::Stale,
        flags: NeighbourFlags::Router,
        ..NeighbourHeader::default()
    };
    let flags = libc::NLM_F_CREATE | libc::NLM_F_ACK;
    let mut request = Request::new(libc::RTM_NEWNEIGH, flags, &header);
    request.put(NDA_DST, &octets(ip)).put(NDA_LLADDR, mac);
    request
}
