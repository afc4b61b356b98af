//! The client's sockets: one packet socket for DHCP and ARP while there is no address, a UDP socket for
//! renewals. Invariant: nothing here blocks, and every packet comes out as what it says or as dropped.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use super::arp::{Arp, Mac};
use super::event::Destination;
use super::frame;
use super::udp::Udp;
use super::wire::{Malformed, Message};
use crate::failure::{Doing, Failure};
use crate::sys::packet::{self, PacketSocket, Received};

/// Larger than any message that the client says it takes.
const BUFFER: usize = 2048;

/// What came in.
#[derive(Debug)]
pub enum Heard {
    /// A message from a server's port.
    Message(Message),
    /// An ARP packet about the guarded address.
    Arp(Arp),
    /// Something that was dropped: a key of `net stats`.
    Dropped(&'static str),
    /// A packet that was not for this host.
    Foreign,
}

/// The sockets of one interface's client.
#[derive(Debug)]
pub struct Sockets {
    name: String,
    index: u32,
    mac: Mac,
    packet: Option<PacketSocket>,
    /// The address whose ARP packets the packet socket's filter lets through.
    guarded: Option<Ipv4Addr>,
    /// The packet socket sees nothing but ARP packets.
    narrow: bool,
    udp: Option<Udp>,
}

impl Sockets {
    /// None is open yet.
    pub fn new(name: &str, index: u32, mac: Mac) -> Self {
        Self {
            name: name.to_owned(),
            index,
            mac,
            packet: None,
            guarded: None,
            narrow: false,
            udp: None,
        }
    }

    /// The packet socket, opened and seeing ARP packets about `guarded`. Errors: EPERM.
    pub fn open(&mut self, guarded: Option<Ipv4Addr>) -> Result<&PacketSocket, Failure> {
        let what = |name: &str| format!("open a packet socket on {name}");
        let socket = match self.packet.take() {
            Some(mut socket) => {
                if self.guarded != guarded {
                    let filter = frame::filter(self.mac, guarded);
                    socket.set_filter(&filter).doing(|| what(&self.name))?;
                }
                if self.narrow {
                    socket
                        .change_protocol(packet::ALL)
                        .doing(|| what(&self.name))?;
                }
                socket
            }
            None => {
                let filter = frame::filter(self.mac, guarded);
                PacketSocket::open(self.index, packet::ALL, &filter).doing(|| what(&self.name))?
            }
        };
        self.guarded = guarded;
        self.narrow = false;
        Ok(self.packet.insert(socket))
    }

    /// Sends a message. Errors: as of the system calls.
    pub fn send(
        &mut self,
        payload: &[u8],
        destination: Destination,
        guarded: Option<Ipv4Addr>,
    ) -> Result<(), Failure> {
        let to = match destination {
            Destination::Link => {
                let (any, all) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
                let packet = frame::build(payload, any, all);
                let sent = self.open(guarded)?.broadcast(packet::IPV4, &packet);
                return sent.doing(|| format!("send on {}", self.name));
            }
            Destination::Everyone => Ipv4Addr::BROADCAST,
            Destination::Server(server) => server,
        };
        let socket = match self.udp.take() {
            Some(socket) => socket,
            None => Udp::open(&self.name)?,
        };
        self.udp.insert(socket).send(payload, to)
    }

    /// Broadcasts an ARP packet about the guarded address. Errors: as of the system calls.
    pub fn send_arp(&mut self, arp: &Arp) -> Result<(), Failure> {
        let socket = match &self.packet {
            Some(socket) if self.guarded == Some(arp.target) => socket,
            _ => self.open(Some(arp.target))?,
        };
        let sent = socket.broadcast(packet::ARP, &arp.emit());
        sent.doing(|| format!("send ARP on {}", self.name))
    }

    /// What came in next. Errors: the packet socket failed for good.
    pub fn hear(&mut self) -> Result<Option<Heard>, Failure> {
        let mut buffer = [0; BUFFER];
        if let Some(socket) = &self.packet {
            loop {
                match socket.receive(&mut buffer) {
                    Ok(Some(received)) => return Ok(Some(packet(&buffer, received))),
                    Ok(None) => break,
                    // The link went down, which the driver looks after.
                    Err(Errno::ENETDOWN) => {}
                    Err(errno) => {
                        self.packet = None;
                        return Err(Failure::errno("read packets", errno));
                    }
                }
            }
        }
        let received = self.udp.as_ref().and_then(|udp| udp.receive(&mut buffer));
        Ok(received.map(|received| match received {
            Ok(length) => message(&buffer[..length]),
            Err(malformed) => Heard::Dropped(malformed.key()),
        }))
    }

    /// Watches over the guarded address alone from now on: no other packet of the link costs anything.
    /// Takes 10–16 ms. Errors: as of the system calls.
    pub fn narrow(&mut self) -> Result<(), Failure> {
        let Some(socket) = self.packet.as_mut().filter(|_| !self.narrow) else {
            return Ok(());
        };
        self.narrow = true;
        let narrowed = socket.change_protocol(packet::ARP);
        narrowed.doing(|| format!("watch over the address on {}", self.name))
    }

    /// Closes the UDP socket, which only renewals need.
    pub fn close_udp(&mut self) {
        self.udp = None;
    }

    /// Takes the packet socket, which takes 8–20 ms to close.
    pub fn take_packet(&mut self) -> Option<PacketSocket> {
        self.packet.take()
    }

    /// Whether the UDP socket still has something to send.
    pub fn is_sending(&self) -> bool {
        let unsent = self.udp.as_ref().map(crate::sys::unsent::unsent);
        unsent.is_some_and(|unsent| unsent.is_ok_and(|bytes| bytes > 0))
    }

    /// The descriptors to wait for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let packet = self.packet.as_ref().map(AsFd::as_fd);
        packet.into_iter().chain(self.udp.as_ref().map(AsFd::as_fd))
    }
}

fn packet(buffer: &[u8], received: Received) -> Heard {
    if received.foreign {
        return Heard::Foreign;
    }
    let Some(bytes) = buffer.get(..received.length) else {
        return Heard::Dropped("dropped-long");
    };
    match received.protocol {
        packet::ARP => Arp::parse(bytes).map_or(Heard::Dropped("dropped-arp"), Heard::Arp),
        packet::IPV4 => match frame::parse(bytes, received.partial_checksum) {
            Ok(payload) => message(payload),
            Err(malformed) => Heard::Dropped(malformed.key()),
        },
        _ => Heard::Foreign,
    }
}

fn message(payload: &[u8]) -> Heard {
    match Message::parse(payload) {
        Ok(message) => Heard::Message(message),
        Err(malformed) => Heard::Dropped(Malformed::key(malformed)),
    }
}
