//! One interface's client: the machine with its packet socket, its UDP socket for renewals, and what a
//! lease changes in the kernel and in files. Invariant: nothing here blocks, and nothing that a packet
//! or a full disk does ends the client; only the loss of its interface does.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use super::apply::{self, Policy};
use super::event::{Config, Destination, Input, Loss, Output, Phase};
use super::frame;
use super::lease::Lease;
use super::machine::Machine;
use super::timing::Timing;
use super::udp::Udp;
use super::wire::Message;
use crate::failure::{Doing, Failure};
use crate::net::client::{self, Note, Protocol};
use crate::net::driver::Session;
use crate::net::lease as record;
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::Watch;
use crate::net::random::entropy;
use crate::net::resolv::{self, Dns};
use crate::sys::packet::PacketSocket;
use crate::time::Instant;

/// The kind of this client's records: `$INITSH_RUN/leases/IF.dhcp4`.
pub const KIND: &str = "dhcp4";
/// The kind of the record that says why there is no lease.
pub const STATE: &str = "dhcp4.state";
/// DHCPv4 as the command, the service and the record know it.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary,
    usable,
};
/// ARPHRD_ETHER of linux/if_arp.h.
const ETHERNET: u16 = 1;
/// Larger than any message that the client says it takes.
const BUFFER: usize = 2048;
/// Packets read at one go, so that a flood cannot keep the client from its deadlines.
const BURST: usize = 64;

/// What a client is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What of a lease is used.
    pub policy: Policy,
    /// It configures once and ends.
    pub once: bool,
    /// Option 61; `None`: the hardware address (RFC 2132 §9.14).
    pub client_id: Option<Vec<u8>>,
    /// Option 12.
    pub hostname: Option<String>,
    /// When messages are repeated.
    pub timing: Timing,
}

/// A client of one interface.
pub struct Client {
    link: Link,
    options: Options,
    machine: Machine,
    watch: Watch,
    packet: Option<PacketSocket>,
    udp: Option<Udp>,
    lease: Option<Lease>,
    began: Instant,
    gone: Option<Failure>,
    notes: Vec<Note>,
    reported: String,
}

impl Client {
    /// Brings the interface up and sends the first DISCOVER, or waits for a carrier.
    ///
    /// Errors: no such interface, not an Ethernet interface, no permission.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        let mut netlink = Netlink::open()?;
        let mut link = usable(&mut netlink, name)?;
        // Before the question, so that no change falls between the two.
        let watch = Watch::open()?;
        if !link.up {
            link::set_up(&mut netlink, link.index, true)?;
            link = link::by_name(&mut netlink, name)?;
        }
        let _ = record::remove(name, STATE);
        let mut client = Self {
            machine: Machine::new(config(&link, &options), entropy(&link)),
            link,
            options,
            watch,
            packet: None,
            udp: None,
            lease: None,
            began: Instant::now(),
            gone: None,
            notes: Vec::new(),
            reported: String::new(),
        };
        client.open_packet_socket()?;
        if client.link.carrier {
            client.handle(Input::LinkUp, Instant::now());
        }
        Ok(client)
    }

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.machine.handle(input, now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message, destination) => self.send(&message, destination),
                Output::Configure(lease) => self.configure(lease, now),
                Output::Deconfigure(loss) => self.deconfigure(loss),
            }
        }
        self.report_trouble();
    }

    fn send(&mut self, message: &Message, destination: Destination) {
        let payload = message.emit();
        let sent = match destination {
            Destination::Link => self.send_on_link(&payload),
            Destination::Everyone => self.send_routed(&payload, Ipv4Addr::BROADCAST),
            Destination::Server(server) => self.send_routed(&payload, server),
        };
        // It will be sent again; the reason matters only if that does not help.
        if let Err(failure) = sent {
            self.note(failure.to_string());
        }
    }

    fn send_on_link(&mut self, payload: &[u8]) -> Result<(), Failure> {
        self.open_packet_socket()?;
        let packet = frame::build(payload, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        match &self.packet {
            Some(socket) => socket
                .broadcast(&packet)
                .doing(|| format!("send on {}", self.link.name)),
            None => Ok(()),
        }
    }

    fn send_routed(&mut self, payload: &[u8], to: Ipv4Addr) -> Result<(), Failure> {
        let socket = match self.udp.take() {
            Some(socket) => socket,
            None => Udp::open(&self.link.name)?,
        };
        self.udp.insert(socket).send(payload, to)
    }

    fn open_packet_socket(&mut self) -> Result<(), Failure> {
        if self.packet.is_none() {
            let filter = frame::filter(&self.link.mac);
            let socket = PacketSocket::open(self.link.index, &filter)
                .doing(|| format!("open a packet socket on {}", self.link.name))?;
            self.packet = Some(socket);
        }
        Ok(())
    }

    fn configure(&mut self, lease: Lease, now: Instant) {
        let old = self.lease.take();
        let policy = &self.options.policy;
        let left = match old {
            None => left_behind(&self.link.name),
            Some(_) => None,
        };
        let configured = Netlink::open().and_then(|mut netlink| {
            if let Some(left) = left {
                apply::remove_left_behind(&mut netlink, &self.link, left, &lease);
            }
            apply::configure(&mut netlink, &self.link, policy, &lease, old.as_ref())
        });
        match configured {
            Ok(failures) => failures
                .iter()
                .for_each(|failure| self.note(failure.to_string())),
            Err(failure) => self.note(failure.to_string()),
        }
        let mut lines = lease.record();
        lines.set("bound", now.since_boot().as_secs());
        lines.set("took", now.since(self.began).as_millis());
        let written =
            record::save(&self.link.name, KIND, &lines).and_then(|()| self.publish(&lease));
        if let Err(failure) = written {
            self.note(failure.to_string());
        }
        if old.as_ref() != Some(&lease) {
            self.notes.push(Note::Bound(summary(&lines)));
        }
        self.lease = Some(lease);
    }

    fn publish(&self, lease: &Lease) -> Result<(), Failure> {
        if !self.options.policy.dns {
            return Ok(());
        }
        let dns = Dns {
            metric: apply::metric(self.link.index, &self.options.policy),
            servers: lease.dns.iter().map(|&server| server.into()).collect(),
            search: lease.search.clone(),
        };
        resolv::publish(&self.source(), &dns)
    }

    fn deconfigure(&mut self, loss: Loss) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        self.note(match loss {
            Loss::Expired => format!("{} expired: nobody renewed it", lease.address),
            Loss::Refused => format!("{} was refused by the server (NAK)", lease.address),
        });
        match Netlink::open() {
            Ok(mut netlink) => {
                apply::deconfigure(&mut netlink, &self.link, &self.options.policy, &lease);
            }
            Err(failure) => self.note(failure.to_string()),
        }
        self.udp = None;
        let removed = record::remove(&self.link.name, KIND).and_then(|()| {
            if self.options.policy.dns {
                resolv::withdraw(&self.source())?;
            }
            Ok(())
        });
        if let Err(failure) = removed {
            self.note(failure.to_string());
        }
    }

    fn source(&self) -> String {
        format!("{}.{KIND}", self.link.name)
    }

    fn note(&mut self, text: String) {
        self.notes.push(Note::Problem(text));
    }

    /// Leaves a record of why there is no lease, for whoever waits for one in another process.
    fn report_trouble(&mut self) {
        let trouble = self.machine.trouble().unwrap_or_default();
        if trouble == self.reported {
            return;
        }
        if trouble.is_empty() {
            let _ = record::remove(&self.link.name, STATE);
        } else {
            let mut lines = record::Record::default();
            lines.set("reason", &trouble);
            let _ = record::save(&self.link.name, STATE, &lines);
        }
        self.reported = trouble;
    }

    fn read_packets(&mut self, now: Instant) {
        let mut buffer = [0; BUFFER];
        for _ in 0..BURST {
            let Some(socket) = &self.packet else {
                return;
            };
            let received = match socket.receive(&mut buffer) {
                Ok(Some(received)) => received,
                Ok(None) => return,
                // The link went down; [`Self::look_at_link`] deals with it.
                Err(Errno::ENETDOWN) => continue,
                Err(errno) => {
                    self.note(Failure::errno("read packets", errno).to_string());
                    return;
                }
            };
            let whole = buffer.get(..received.length).filter(|_| !received.foreign);
            let message = whole
                .and_then(|packet| frame::parse(packet, received.partial_checksum).ok())
                .and_then(|payload| Message::parse(payload).ok());
            if let Some(message) = message {
                self.handle(Input::Received(&message), now);
            }
        }
    }

    fn read_datagrams(&mut self, now: Instant) {
        let mut buffer = [0; BUFFER];
        for _ in 0..BURST {
            let received = self.udp.as_ref().and_then(|udp| udp.receive(&mut buffer));
            let Some(length) = received else {
                return;
            };
            if let Ok(message) = Message::parse(&buffer[..length]) {
                self.handle(Input::Received(&message), now);
            }
        }
    }

    fn look_at_link(&mut self, now: Instant) {
        let found =
            Netlink::open().and_then(|mut netlink| link::by_name(&mut netlink, &self.link.name));
        let found = match found {
            Ok(link) if link.index == self.link.index => link,
            Ok(_) => {
                self.gone = Some(Failure::errno(self.link.name.clone(), Errno::ENODEV));
                return;
            }
            Err(failure) if failure.cause() == Some(Errno::ENODEV) => {
                self.gone = Some(failure);
                return;
            }
            Err(failure) => return self.note(failure.to_string()),
        };
        let had = self.link.carrier;
        self.link = found;
        match (had, self.link.carrier) {
            (false, true) => self.handle(Input::LinkUp, now),
            (true, false) => self.handle(Input::LinkDown, now),
            _ => {}
        }
    }
}

impl client::Client for Client {
    fn name(&self) -> &str {
        &self.link.name
    }

    fn is_ready(&self) -> bool {
        self.lease.is_some()
    }

    fn why(&self) -> String {
        match &self.gone {
            Some(failure) => failure.to_string(),
            None => self.machine.explain(),
        }
    }

    fn gone(&self) -> Option<&Failure> {
        self.gone.as_ref()
    }

    fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn settle(&mut self) -> Option<PacketSocket> {
        if self.machine.phase() != Phase::Bound {
            return None;
        }
        self.udp = None;
        self.packet.take()
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let sockets = [
            Some(self.watch.as_fd()),
            self.packet.as_ref().map(AsFd::as_fd),
            self.udp.as_ref().map(AsFd::as_fd),
        ];
        let sockets = sockets.into_iter().flatten();
        fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    fn wake(&mut self, now: Instant) {
        if self.watch.changed() {
            self.look_at_link(now);
        }
        self.read_packets(now);
        self.read_datagrams(now);
        self.handle(Input::Timeout, now);
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
    if link.hardware != ETHERNET || link.mac.len() != 6 {
        return Err(Failure::new(format!("{name} is not an Ethernet interface")));
    }
    Ok(link)
}

/// `10.0.2.15/24 via 10.0.2.2, dns 10.0.2.3, lease 86400 s from 10.0.2.2`
pub fn summary(lease: &record::Record) -> String {
    let get = |key: &str| lease.get(key).unwrap_or("?");
    let mut text = format!("{}/{}", get("ip4"), get("prefix"));
    for (word, key) in [(" via ", "gateway"), (", dns ", "dns"), (", mtu ", "mtu")] {
        if let Some(value) = lease.get(key) {
            text.push_str(word);
            text.push_str(value);
        }
    }
    text.push_str(", lease ");
    text.push_str(get("lease"));
    if lease.get("t1").is_some() {
        text.push_str(" s");
    }
    if let Some(server) = lease.get("server") {
        text.push_str(" from ");
        text.push_str(server);
    }
    text
}

/// Address and prefix length that the client before this one has configured.
fn left_behind(interface: &str) -> Option<(Ipv4Addr, u8)> {
    let record = record::load(interface, KIND)?;
    Some((
        record.get("ip4")?.parse().ok()?,
        record.get("prefix")?.parse().ok()?,
    ))
}

fn config(link: &Link, options: &Options) -> Config {
    // RFC 2132 §9.14: the type of the hardware, then its address.
    let default_id = || [&[ETHERNET as u8], link.mac.as_slice()].concat();
    Config {
        mac: link.mac.clone(),
        client_id: options.client_id.clone().unwrap_or_else(default_id),
        hostname: options.hostname.clone(),
        timing: options.timing,
        rapid_commit: true,
    }
}
