//! One interface's client: the machine with its socket, and what tells it about its link. Invariant:
//! nothing here blocks, and nothing that a packet or a full disk does ends the client; only the loss of
//! its interface does.

use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use super::event::{Input, Output};
use super::held::Held;
pub use super::held::KIND;
use super::machine::Machine;
use super::record::{self, Holder};
use super::udp::{Datagram, LONGEST, Udp};
use crate::failure::Failure;
use crate::net::client::{self, Note, Protocol};
use crate::net::confine;
use crate::net::dhcp4::driver as ethernet;
use crate::net::driver::Session;
use crate::net::link_local::{self, Dad};
use crate::net::netlink::link::Link;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::{Addresses, Watch};
use crate::net::put_back::PutBack;
use crate::net::random::entropy;
use crate::net::station::{Seen, Station};
use crate::time::Instant;

mod options;
mod release;
use options::config;
pub use options::{Hint, Options};
pub use release::release;

/// DHCPv6 as the command, the service and the record know it.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary: record::summary,
    usable,
};
/// Datagrams read at one go, so that a flood cannot keep the client from its deadlines.
const BURST: usize = 64;
/// How often it tries to get a socket where something else than the link is in the way.
const RETRY: Duration = Duration::from_secs(5);

/// A client of one interface.
pub struct Client {
    station: Station,
    dad: Dad,
    wants_prefix: bool,
    machine: Machine,
    udp: Option<Udp>,
    /// The machine knows that the link is up.
    linked: bool,
    /// When to try again to get a socket, and why there is none.
    retry: Option<Instant>,
    obstacle: Option<String>,
    held: Held,
    put_back: PutBack,
    ready: bool,
    trouble: Option<String>,
}

impl Client {
    /// Brings the interface up, takes up what an earlier client has left and sends the first message, or
    /// waits for a carrier.
    ///
    /// Errors: no such interface, not an Ethernet interface, no permission, no DUID as it was chosen,
    /// another client that stays.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        if let Some(pid) = confine::keeper(name, KIND) {
            return Err(Failure::new(format!(
                "another DHCPv6 client (pid {pid}) runs on {name}, and one asks for everything: 'dhcp6 --pd \
                 {name}' gets an address and a prefix"
            )));
        }
        let mut client = Self::prepare(name, options)?;
        if client.station.link.carrier {
            client.link_up(Instant::now());
        }
        Ok(client)
    }

    fn prepare(name: &str, options: Options) -> Result<Self, Failure> {
        let mut station = Station::open(&PROTOCOL, name, Watch::with_addresses6()?)?;
        if options.policy.dad == Dad::Optimistic {
            link_local::allow_optimistic(name);
        }
        station.set_up()?;
        let link = &station.link;
        let now = Instant::now();
        let config = config(link, &options)?;
        let holder = Holder {
            duid: config.duid.clone(),
            iaid: config.address,
        };
        let mut held = Held::load(name, options.policy.clone(), holder, now);
        held.expire(link, now);
        let resumed = held.resumable(&config, now);
        let mut machine = Machine::new(config, entropy(link));
        if let Some((lease, since)) = resumed {
            machine.handle(Input::Resume(&lease, since), now);
        }
        Ok(Self {
            dad: options.policy.dad,
            wants_prefix: !options.prefixes.is_empty(),
            machine,
            udp: None,
            linked: false,
            retry: None,
            obstacle: None,
            held,
            put_back: PutBack::default(),
            ready: false,
            trouble: None,
            station,
        })
    }

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.machine.handle(input, now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message) => self.send(&message),
                Output::Configure(lease, since) => {
                    let lacks = self.wants_prefix && lease.prefixes.is_empty();
                    self.put_back.renewed();
                    let notes = self.held.configure(&self.station.link, lease, since, now);
                    self.changed(notes, lacks);
                }
                Output::Inform(other) => {
                    let notes = self.held.inform(&self.station.link, &other, now);
                    self.changed(notes, false);
                }
                Output::Deconfigure(loss) => {
                    self.ready = false;
                    let notes = self.held.deconfigure(&self.station.link, loss);
                    self.station.extend(notes);
                }
                Output::Dropped(reason) => self.station.dropped(reason),
                Output::Trouble(text) => {
                    self.station.remark(text.clone());
                    self.trouble = Some(text);
                }
            }
        }
        self.report_trouble();
    }

    fn changed(&mut self, notes: Vec<Note>, lacks_prefix: bool) {
        self.station.extend(notes);
        if lacks_prefix && !self.ready {
            let why = self.trouble.take();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            self.station.problem(format!("no prefix is delegated{why}"));
        }
        self.ready = true;
    }

    fn send(&mut self, message: &[u8]) {
        if self.udp.is_none() && !self.connect() {
            return;
        }
        let Some(udp) = &self.udp else { return };
        match udp.send(message) {
            Ok(()) => {
                self.obstacle = None;
                self.station.stats.count(sent(message));
            }
            // It will be sent again, from a new socket: the address may be gone.
            Err(failure) => {
                self.udp = None;
                self.obstacle = Some(failure.to_string());
                self.station.stats.count("failed-send");
            }
        }
    }

    fn link_up(&mut self, now: Instant) {
        self.retry = None;
        if !self.connect() {
            self.retry = Some(now + RETRY);
            self.report_trouble();
            return;
        }
        self.linked = true;
        self.held.restore(&self.station.link, now);
        self.handle(Input::LinkUp, now);
    }

    /// Gets a socket on a link-local address; `false` where there is none yet.
    fn connect(&mut self) -> bool {
        let opened = Netlink::open()
            .and_then(|mut netlink| link_local::ensure(&mut netlink, &self.station.link, self.dad))
            .and_then(|local| {
                local
                    .map(|local| Udp::open(&self.station.link, local))
                    .transpose()
            });
        match opened {
            Ok(udp) => {
                self.udp = udp;
                self.obstacle = None;
            }
            Err(failure) => {
                let text = match failure.hint() {
                    Some(hint) => format!("{failure}: {hint}"),
                    None => failure.to_string(),
                };
                if self.obstacle.as_ref() != Some(&text) {
                    self.station.remark(text.clone());
                }
                self.obstacle = Some(text);
            }
        }
        self.udp.is_some()
    }

    /// Something has become of the addresses while one was awaited or being checked. `duplicate`: the kernel has
    /// removed one that another host has.
    fn look_at_addresses(&mut self, duplicate: bool, now: Instant) {
        // A link that goes down takes its addresses away: no conflict.
        match self.station.look_again(false) {
            Ok(seen) => self.link_seen(seen, now),
            Err(failure) => self.station.problem(failure.to_string()),
        }
        if !self.linked && self.station.link.carrier {
            self.link_up(now);
        }
        while self.linked
            && let Some(ip) = self.held.conflict(&self.station.link, duplicate)
        {
            self.station.stats.count("conflict");
            self.station
                .remark(format!("another host has {ip}: declined"));
            self.handle(Input::Conflict(ip), now);
        }
    }

    fn link_seen(&mut self, seen: Seen, now: Instant) {
        if seen.went() {
            self.put_back.cancel();
            (self.linked, self.udp, self.retry) = (false, None, None);
            self.handle(Input::LinkDown, now);
        }
        if seen.came() {
            self.link_up(now);
        }
    }

    /// Puts addresses back that somebody else has removed.
    fn put_back(&mut self, now: Instant) {
        let missing = self.held.missing(&self.station.link, now);
        if missing.is_empty() {
            return;
        }
        let names: Vec<_> = missing.iter().map(Ipv6Addr::to_string).collect();
        let names = names.join(", ");
        if !self.put_back.allows(now) {
            let what = format!("{names} is removed again and again: left so until it is renewed");
            return self.station.problem(what);
        }
        let failed = self.held.put_back(&self.station.link, missing, now);
        self.station
            .remark(format!("{names} was removed by somebody else: put back"));
        self.station.extend(failed);
    }

    fn read_datagrams(&mut self, now: Instant) {
        let mut buffer = [0; LONGEST + 1];
        for _ in 0..BURST {
            match self.udp.as_ref().and_then(|udp| udp.receive(&mut buffer)) {
                None => return,
                Some(Datagram::TooLong) => self.station.dropped("dropped-length"),
                Some(Datagram::Whole(length)) => {
                    let message = &buffer[..length];
                    self.station.stats.count(received(message));
                    self.handle(Input::Received(message), now);
                }
            }
        }
    }

    /// Leaves a record of why there is no lease, for whoever waits for one in another process.
    fn report_trouble(&mut self) {
        // The machine learns of its link only when there is a socket.
        let trouble = match self.station.link.carrier && !self.linked {
            true => self.obstacle.clone(),
            false => self.machine.trouble(),
        };
        self.station.report(trouble.unwrap_or_default());
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
        self.ready && (self.dad == Dad::Optimistic || !self.held.is_unconfirmed())
    }

    fn why(&self) -> String {
        match &self.obstacle {
            Some(obstacle) => obstacle.clone(),
            None if self.ready => "its address is still being checked".to_owned(),
            None if self.station.link.carrier && !self.linked => {
                "no link-local address yet".to_owned()
            }
            None => self.machine.explain(),
        }
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let sockets = [
            Some(self.station.as_fd()),
            self.udp.as_ref().map(AsFd::as_fd),
        ];
        let sockets = sockets.into_iter().flatten();
        fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        let all = [
            self.machine.deadline(),
            self.station.stats.deadline(),
            self.put_back.deadline(),
            self.retry,
        ];
        all.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        let seen = self.station.look();
        self.link_seen(seen, now);
        let addresses = self.station.addresses();
        let awaited = !self.linked || self.held.is_unconfirmed();
        if awaited && addresses != Addresses::Same {
            self.look_at_addresses(addresses == Addresses::Duplicate, now);
        }
        if self.retry.is_some_and(|at| at <= now) {
            self.link_up(now);
        }
        if addresses >= Addresses::Removed {
            self.put_back.removed(now);
        }
        if self.put_back.is_due(now) && self.linked {
            self.put_back(now);
        }
        self.read_datagrams(now);
        self.handle(Input::Timeout, now);
        self.station.stats.write(now);
    }
}

/// The interface, if a client can work on it.
///
/// Errors: no such interface, not an Ethernet interface, no IPv6.
fn usable(netlink: &mut Netlink, name: &str) -> Result<Link, Failure> {
    let link = ethernet::usable(netlink, name)?;
    link_local::kernel_has_ipv6().map(|()| link)
}

/// The counter of a message that was sent (RFC 8415 §7.3).
fn sent(message: &[u8]) -> &'static str {
    match message.first() {
        Some(1) => "sent-solicit",
        Some(3) => "sent-request",
        Some(4) => "sent-confirm",
        Some(5) => "sent-renew",
        Some(6) => "sent-rebind",
        Some(8) => "sent-release",
        Some(9) => "sent-decline",
        Some(11) => "sent-information-request",
        _ => "sent-other",
    }
}

/// The counter of a message that came in.
fn received(message: &[u8]) -> &'static str {
    match message.first() {
        Some(2) => "received-advertise",
        Some(7) => "received-reply",
        Some(10) => "received-reconfigure",
        _ => "received-other",
    }
}
