//! One interface's client: the machine with its sockets, and what a lease changes in the kernel and in
//! files. Invariant: nothing here blocks, and nothing that a packet or a full disk does ends the client;
//! only the loss of its interface does.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;

use dhcproto::v4::MessageType;
use nix::poll::{PollFd, PollFlags};

use super::apply::Policy;
use super::arp::Mac;
use super::event::{Config, Destination, Input, Loss, Output, Phase, Wants};
use super::kept::{Found, Kept, Memory};
use super::machine::Machine;
use super::sockets::{Heard, Sockets};
use super::timing::Timing;
use super::wire::Message;
use crate::failure::Failure;
use crate::net::client::{self, Protocol};
use crate::net::confine;
use crate::net::driver::Session;
use crate::net::lease as record;
use crate::net::link_local;
use crate::net::netlink::addr;
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::{Addresses, Watch};
use crate::net::put_back::PutBack;
use crate::net::random::entropy;
use crate::net::station::{Seen, Station};
use crate::sys::packet::PacketSocket;
use crate::time::Instant;

mod configure;
mod release;

pub use configure::summary;
pub use release::release;

/// The kind of this client's records: `$INITSH_RUN/leases/IF.dhcp4`.
pub const KIND: &str = "dhcp4";
/// DHCPv4 as the command, the service and the record know it.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary,
    usable,
};
/// ARPHRD_ETHER of linux/if_arp.h.
const ETHERNET: u16 = 1;
/// Packets read at one go, so that a flood cannot keep the client from its deadlines.
const BURST: usize = 64;

/// What a client is asked to do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What of a lease is used.
    pub policy: Policy,
    /// It configures once and ends.
    pub once: bool,
    /// It asks for settings alone: the interface has its address.
    pub inform: bool,
    /// Option 61; `None`: the hardware address (RFC 2132 §9.14).
    pub client_id: Option<Vec<u8>>,
    /// What is asked for.
    pub wants: Wants,
    /// When messages are repeated.
    pub timing: Timing,
}

/// A client of one interface.
pub struct Client {
    station: Station,
    options: Options,
    client_id: Vec<u8>,
    machine: Machine,
    sockets: Sockets,
    /// What is configured.
    kept: Option<Kept>,
    memory: Memory,
    put_back: PutBack,
    began: Instant,
}

impl Client {
    /// Brings the interface up and takes up the lease that the client before this one had, or sends the
    /// first DISCOVER, or waits for a carrier.
    ///
    /// Errors: no such interface, not an Ethernet interface, no permission; nothing to inform about,
    /// or a client that stays and is to be told itself.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        if options.inform
            && let Some(pid) = confine::keeper(name, KIND)
        {
            return Err(Failure::new(format!(
                "a client (pid {pid}) keeps a lease there: 'lease {name}' shows what the server has told, and \
                 its options --request and --option get more"
            )));
        }
        let mut station = Station::open(&PROTOCOL, name, Watch::with_addresses4()?)?;
        station.set_up()?;
        let mut client = Self::idle(station, options)?;
        if !client.options.inform {
            client.sockets.open(None)?;
        }
        if client.station.link.carrier {
            client.handle(Input::LinkUp, Instant::now());
        }
        Ok(client)
    }

    /// A client that has not sent anything, but knows what the one before it has configured.
    fn idle(station: Station, options: Options) -> Result<Self, Failure> {
        let now = Instant::now();
        let mut netlink = Netlink::open()?;
        let link = &station.link;
        let config = config(&mut netlink, link, &options)?;
        let memory = Memory::of(&link.name);
        let kept = match options.inform {
            true => None,
            false => Kept::load(&link.name, now),
        };
        let found = kept
            .as_ref()
            .map(|kept| kept.state(&mut netlink, link.index, &config.client_id, now));
        let hint = match (&kept, found) {
            (Some(kept), Some(Found::Ended | Found::Gone)) => Some(kept.lease.address),
            (None, _) if !options.inform => memory.recall(&config.client_id),
            _ => None,
        };
        let mut machine = Machine::new(config.clone(), entropy(link));
        if let (Some(kept), Some(Found::InUse)) = (&kept, found) {
            machine = machine.with_lease(kept.lease.clone(), kept.since);
        } else if let Some(address) = hint {
            machine = machine.with_hint(address);
        }
        let mut client = Self {
            machine,
            sockets: Sockets::new(&link.name, link.index, config.mac),
            memory,
            station,
            options,
            client_id: config.client_id,
            kept,
            put_back: PutBack::default(),
            began: now,
        };
        match found {
            Some(Found::Ended) => client.deconfigure(Loss::Expired),
            Some(Found::Gone) => client.deconfigure(Loss::Released),
            _ => {}
        }
        Ok(client)
    }

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.machine.handle(input, now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message, destination) => self.send(&message, destination),
                Output::Arp(arp) => {
                    self.station.stats.count("sent-arp");
                    if let Err(failure) = self.sockets.send_arp(&arp) {
                        self.station.remark(failure.to_string());
                    }
                }
                Output::Configure(lease, since) => self.configure(lease, since, now),
                Output::Inform(lease) => self.publish_settings(&lease, now),
                Output::Deconfigure(loss) => self.deconfigure(loss),
                Output::Dropped(reason) => self.dropped(reason),
            }
        }
        self.tidy();
        let trouble = self.machine.trouble().unwrap_or_default();
        self.station.report(trouble);
    }

    fn send(&mut self, message: &Message, destination: Destination) {
        self.station
            .stats
            .count(match message.options.message_type() {
                Some(MessageType::Discover) => "sent-discover",
                Some(MessageType::Request) => "sent-request",
                Some(MessageType::Decline) => "sent-decline",
                Some(MessageType::Release) => "sent-release",
                _ => "sent-inform",
            });
        let guarded = self.machine.guarded().map(|(address, _)| address);
        let sent = self.sockets.send(&message.emit(), destination, guarded);
        // It will be sent again.
        if let Err(failure) = sent {
            self.station.remark(failure.to_string());
        }
    }

    /// Closes and narrows what is open for no reason any more.
    fn tidy(&mut self) {
        let bound = self.machine.phase() == Phase::Bound;
        if bound {
            self.sockets.close_udp();
        }
        let watches = self.machine.guarded().is_some_and(|(_, watches)| watches);
        if bound
            && watches
            && !self.options.once
            && let Err(failure) = self.sockets.narrow()
        {
            self.station.remark(failure.to_string());
        }
    }

    fn heard(&mut self, heard: Heard, now: Instant) {
        match heard {
            Heard::Message(message) => {
                self.station
                    .stats
                    .count(match message.options.message_type() {
                        Some(MessageType::Offer) => "received-offer",
                        Some(MessageType::Ack) => "received-ack",
                        Some(MessageType::Nak) => "received-nak",
                        _ => "received-other",
                    });
                self.handle(Input::Received(&message), now);
            }
            Heard::Arp(arp) => {
                self.station.stats.count("received-arp");
                if !self.is_own(arp.mac) {
                    self.handle(Input::Arp(&arp), now);
                }
            }
            Heard::Dropped(reason) => self.dropped(reason),
            Heard::Foreign => {}
        }
    }

    /// Whether another interface of this machine says so: on a link that both are on, the kernel answers
    /// for the addresses of one on the other.
    fn is_own(&self, mac: Mac) -> bool {
        let links = Netlink::open().and_then(|mut netlink| link::list(&mut netlink));
        links.is_ok_and(|links| links.iter().any(|link| link.mac == mac))
    }

    fn dropped(&mut self, reason: &'static str) {
        // What neighbours are sent by broadcast, and the answers of other servers and to earlier tries,
        // are nothing to tell about.
        let usual = ["dropped-chaddr", "dropped-state"].contains(&reason);
        match usual || self.options.once {
            true => drop(self.station.stats.count(reason)),
            false => self.station.dropped(reason),
        }
    }

    fn read_packets(&mut self, now: Instant) {
        for _ in 0..BURST {
            match self.sockets.hear() {
                Ok(Some(heard)) => self.heard(heard, now),
                Ok(None) => return,
                Err(failure) => return self.station.problem(failure.to_string()),
            }
        }
    }

    fn link_seen(&mut self, seen: Seen, now: Instant) {
        if seen.went() {
            self.put_back.cancel();
            self.handle(Input::LinkDown, now);
        }
        if seen.came() {
            self.restore();
            self.put_back.removed(now);
            self.handle(Input::LinkUp, now);
        }
    }
}

impl client::Client for Client {
    fn station(&self) -> &Station {
        &self.station
    }

    fn station_mut(&mut self) -> &mut Station {
        &mut self.station
    }

    fn is_ready(&self) -> bool {
        self.machine.is_ready()
    }

    fn why(&self) -> String {
        self.machine.explain()
    }

    fn settle(&mut self) -> Option<PacketSocket> {
        if !self.options.once {
            return None;
        }
        self.sockets.close_udp();
        self.sockets.take_packet()
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let sockets = [self.station.as_fd()]
            .into_iter()
            .chain(self.sockets.descriptors());
        fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        let stats = self.station.stats.deadline().filter(|_| !self.options.once);
        let all = [self.machine.deadline(), self.put_back.deadline(), stats];
        all.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        let seen = self.station.look();
        self.link_seen(seen, now);
        if self.station.addresses() >= Addresses::Removed {
            self.put_back.removed(now);
        }
        if self.put_back.is_due(now) && self.station.link.carrier {
            self.put_back(now);
        }
        self.read_packets(now);
        self.handle(Input::Timeout, now);
        if !self.options.once {
            self.station.stats.write(now);
        }
    }
}

/// The interface, if a client can work on it.
///
/// Errors: no such interface, not an Ethernet interface.
pub fn usable(netlink: &mut Netlink, name: &str) -> Result<Link, Failure> {
    if !record::is_interface_name(name) {
        return Err(Failure::usage(format!("'{name}' cannot be an interface")));
    }
    let link = link::by_name(netlink, name)?;
    mac(&link).map(|_| link)
}

fn mac(link: &Link) -> Result<Mac, Failure> {
    let mac = Mac::try_from(link.mac.as_slice()).ok();
    let mac = mac.filter(|_| link.hardware == ETHERNET);
    mac.ok_or_else(|| Failure::new(format!("{} is not an Ethernet interface", link.name)))
}

fn config(netlink: &mut Netlink, link: &Link, options: &Options) -> Result<Config, Failure> {
    let mac = mac(link)?;
    // RFC 2132 §9.14: the type of the hardware, then its address.
    let default_id = || [&[ETHERNET as u8], &mac[..]].concat();
    let inform = match options.inform {
        true => Some(own_address(netlink, link)?),
        false => None,
    };
    Ok(Config {
        mac,
        client_id: options.client_id.clone().unwrap_or_else(default_id),
        timing: options.timing,
        rapid_commit: true,
        // It tells its links apart by their addresses.
        broadcast: link.kind.as_deref() == Some("ipvlan"),
        inform,
        wants: Wants {
            // RFC 8925 §3.2: only a host that can do without IPv4 says so.
            yield_to_ipv6: options.wants.yield_to_ipv6 && link_local::check(&link.name).is_ok(),
            ..options.wants.clone()
        },
    })
}

fn own_address(netlink: &mut Netlink, link: &Link) -> Result<(Ipv4Addr, u8), Failure> {
    let addresses = addr::list(netlink, Some(link.index))?;
    let mut own = addresses.iter().filter_map(|known| match known.ip {
        IpAddr::V4(ip) => Some((ip, known.prefix)),
        IpAddr::V6(_) => None,
    });
    let none = || Failure::new(format!("{} has no IPv4 address to inform about", link.name));
    own.next().ok_or_else(none)
}
