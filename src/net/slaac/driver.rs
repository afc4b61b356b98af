//! One interface's client: the machine with its socket, and what tells it about its link and its addresses.
//! Invariant: nothing here blocks, and nothing that a packet or a full disk does ends the client; only the
//! loss of its interface does.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags};

use super::address::Identifier;
use super::apply::{Check, Policy, Target};
use super::event::{Config, Input, Output};
use super::follow::Follow;
use super::kernel::Parameters;
use super::lease::{self, Settings};
use super::machine::Machine;
use super::secret;
use super::timing::Timing;
use crate::failure::Failure;
use crate::net::client::{self, Note, Protocol};
use crate::net::dhcp4::driver as ethernet;
use crate::net::dhcp6::identity::{self, Choice};
use crate::net::driver::Session;
use crate::net::lease as record;
use crate::net::link_local::{self, Dad};
use crate::net::nd::socket::{LONGEST, NdSocket, Side};
use crate::net::nd::wire::RouterAdvertisement;
use crate::net::netlink::addr::{self, DUPLICATE, Entry, TENTATIVE};
use crate::net::netlink::link::Link;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::Watch;
use crate::net::random::entropy;
use crate::net::resolv::{self, Dns};
use crate::net::station::{Seen, Station};
use crate::time::Instant;

mod release;
pub use release::release;

/// The kind of this client's records: `$INITSH_RUN/leases/IF.slaac`.
pub const KIND: &str = "slaac";
/// SLAAC as the command, the service and the record know it.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary: lease::summary,
    usable,
};
/// Messages read at one go, so that a flood cannot keep the client from its deadlines.
const BURST: usize = 64;

/// What a client is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What of the settings is used.
    pub policy: Policy,
    /// When solicitations are repeated.
    pub timing: Timing,
    /// Addresses are stable and opaque (RFC 7217), not made of the hardware address.
    pub stable: bool,
    /// A DHCPv6 client is started where routers say so.
    pub follow: bool,
    /// Ends when it is ready, so what an earlier client has left is not enough.
    pub once: bool,
}

/// A client of one interface.
pub struct Client {
    station: Station,
    options: Options,
    machine: Machine,
    addresses: Watch,
    socket: NdSocket,
    parameters: Parameters,
    /// What the kernel has.
    applied: Settings,
    /// Addresses whose check for duplicates has not ended.
    checking: Vec<Ipv6Addr>,
    /// Those of them that turned out to be another host's: the machine is to know.
    lost: Vec<Ipv6Addr>,
    usable: bool,
    /// What `resolv.conf` was told last.
    dns: Option<Dns>,
    summary: String,
    began: Instant,
    /// When there first was something, in seconds since boot, and how long that took.
    bound: Option<(u64, u128)>,
    follow: Follow,
    /// Why there is no link-local address.
    obstacle: Option<String>,
}

impl Client {
    /// Brings the interface up, takes up what an earlier client has left and asks for routers, or waits for
    /// a carrier.
    ///
    /// Errors: no such interface, not an Ethernet interface, no IPv6, no permission, no secret.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        // Before the question, so that no change falls between the two.
        let addresses = Watch::addresses6()?;
        let mut station = Station::open(&PROTOCOL, name, Watch::open()?)?;
        let socket = NdSocket::open(&station.link, Side::Host)?;
        let mut parameters = Parameters::of(name);
        station.extend(parameters.prepare(options.dad()).map(remark));
        station.set_up()?;
        let link = &station.link;
        if options.follow {
            // A kept client may not make the file later; that it fails, its client tells.
            let _ = identity::obtain(&Choice::Kept, link);
        }
        let now = Instant::now();
        let mut machine = Machine::new(config(link, &options)?, entropy(link));
        let old = record::load(name, KIND);
        let applied = old.as_ref().map(Settings::read).unwrap_or_default();
        machine.handle(Input::Resume(&applied), now);
        let number = |key: &str| old.as_ref()?.get(key)?.parse::<u64>().ok();
        let mut client = Self {
            machine,
            addresses,
            socket,
            parameters,
            checking: Vec::new(),
            lost: Vec::new(),
            usable: false,
            dns: None,
            summary: String::new(),
            began: now,
            bound: number("bound").zip(number("took").map(u128::from)),
            follow: Follow::new(name, &options),
            obstacle: None,
            applied,
            station,
            options,
        };
        client.look_at_addresses();
        match client.station.link.carrier {
            true => client.handle(Input::LinkUp, now),
            false => client.handle(Input::Timeout, now),
        }
        Ok(client)
    }

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.machine.handle(input, now);
        loop {
            match self.machine.poll() {
                Some(Output::Solicit) => self.solicit(),
                Some(Output::Configure(settings)) => self.configure(settings, now),
                Some(Output::Conflict(ip, next)) => self.conflict(ip, next),
                Some(Output::Dropped(reason)) => self.station.dropped(reason),
                None => match self.lost.pop() {
                    Some(ip) => self.machine.handle(Input::Duplicate(ip), now),
                    None => break,
                },
            }
        }
        let trouble = self.machine.trouble().filter(|_| !self.follow.is_ready());
        let trouble = self.obstacle.clone().or(trouble).unwrap_or_default();
        self.station.report(trouble);
    }

    /// From the link-local address, or from `::` while that is being checked.
    fn solicit(&mut self) {
        let dad = self.options.dad();
        if dad == Dad::Wait && self.options.timing == Timing::Fast {
            self.station.extend(self.parameters.hurry().map(remark));
        }
        let local = Netlink::open()
            .and_then(|mut netlink| link_local::ensure(&mut netlink, &self.station.link, dad));
        let (local, obstacle) = match local {
            Ok(local) => (local, None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        if let Some(text) = obstacle.as_ref().filter(|_| obstacle != self.obstacle) {
            self.station.problem(text.clone());
        }
        self.obstacle = obstacle;
        match self
            .socket
            .solicit(local, self.station.link.mac.as_slice().try_into().ok())
        {
            Ok(()) => self.station.stats.count("sent-solicitation"),
            // It will be sent again; the reason matters only if that does not help.
            Err(_) => self.station.stats.count("failed-send"),
        };
    }

    fn configure(&mut self, settings: Settings, now: Instant) {
        let old = std::mem::take(&mut self.applied);
        let is_fresh = |ip: &Ipv6Addr| !old.addresses.iter().any(|other| other.ip == *ip);
        let ours = settings.addresses.iter().map(|item| item.ip);
        let fresh: Vec<_> = ours.clone().filter(is_fresh).collect();
        let check = self.options.policy.check;
        self.checking
            .retain(|ip| settings.addresses.iter().any(|item| item.ip == *ip));
        if check != Check::Never && !fresh.is_empty() {
            if check == Check::Before && self.options.timing == Timing::Fast {
                self.station.extend(self.parameters.hurry().map(remark));
            }
            self.checking.extend(&fresh);
        }
        let configured = Netlink::open().map(|mut netlink| {
            let mut target = Target {
                socket: &mut netlink,
                link: &self.station.link,
                policy: &self.options.policy,
                now,
            };
            target.configure(&mut self.parameters, &settings, &old)
        });
        let failures = configured.unwrap_or_else(|failure| vec![failure]);
        self.station.extend(
            failures
                .iter()
                .map(|failure| Note::Problem(failure.to_string())),
        );
        self.applied = settings;
        if !fresh.is_empty() || old.addresses.len() != self.applied.addresses.len() {
            self.look_at_addresses();
        }
        if let Err(failure) = self.publish(now) {
            self.station.problem(failure.to_string());
        }
        self.follow
            .flags(self.applied.managed, self.applied.other, &mut self.station);
    }

    /// DNS first: whoever sees the record finds everything configured.
    fn publish(&mut self, now: Instant) -> Result<(), Failure> {
        let known = &self.applied;
        let dns = Dns {
            metric: self.options.policy.dns_metric(self.station.link.index),
            servers: known.dns.iter().map(|item| item.0.into()).collect(),
            search: known.search.iter().map(|item| item.0.clone()).collect(),
        };
        let mut done = Ok(());
        if self.options.policy.dns && self.dns.as_ref() != Some(&dns) {
            done = resolv::publish(&source(&self.station.link.name), &dns);
            self.dns = Some(dns);
        }
        if known.is_empty() {
            self.bound = None;
            if !std::mem::take(&mut self.summary).is_empty() {
                let what = "nothing is left: no router has renewed it".to_owned();
                self.station.problem(what);
            }
            return done.and(record::remove(&self.station.link.name, KIND));
        }
        let (bound, took) = *self.bound.get_or_insert_with(|| {
            (
                now.since_boot().as_secs(),
                Instant::now().since(self.began).as_millis(),
            )
        });
        let mut lines = known.record();
        lines.set("bound", bound);
        lines.set("renewed", now.since_boot().as_millis());
        lines.set("took", took);
        let summary = lease::summary(&lines);
        if summary != self.summary {
            self.station.note(Note::Bound(summary.clone()));
            self.summary = summary;
        }
        done.and(record::save(&self.station.link.name, KIND, &lines))
    }

    fn conflict(&mut self, ip: Ipv6Addr, next: Option<Ipv6Addr>) {
        self.station.stats.count("conflict");
        let what = match next {
            Some(next) => format!("another host has the address {ip}: taking {next}"),
            None => format!("another host has the address {ip}"),
        };
        self.station.remark(what);
    }

    /// What has become of the addresses. One that was being checked and is gone, or marked, is another
    /// host's: the kernel removes those that have a lifetime, and may have by the time it has added them.
    fn look_at_addresses(&mut self) {
        let entries = Netlink::open()
            .and_then(|mut socket| addr::entries(&mut socket, Some(self.station.link.index)));
        let Ok(entries) = entries else {
            return;
        };
        let flags = |ip: Ipv6Addr| {
            let is_it = |entry: &&Entry| entry.address.ip == IpAddr::V6(ip);
            entries.iter().find(is_it).map(|entry| entry.flags)
        };
        let ours = self.applied.addresses.iter().map(|item| item.ip);
        self.usable = ours.clone().filter_map(flags).any(link_local::is_usable);
        // Set down, the interface loses every address that it has; that says nothing of others.
        if entries.iter().all(|entry| entry.address.ip.is_ipv4()) {
            self.checking.clear();
            self.applied = Settings::default();
            return;
        }
        let is_lost = |ip: &Ipv6Addr| flags(*ip).is_none_or(|flags| flags & DUPLICATE != 0);
        let lost = self.checking.iter().copied().filter(is_lost);
        self.lost.extend(lost);
        self.checking.retain(|ip| {
            flags(*ip).is_some_and(|flags| flags & (TENTATIVE | DUPLICATE) == TENTATIVE)
        });
        if self.checking.is_empty() {
            self.station.extend(self.parameters.calm().map(remark));
        }
    }

    fn addresses_changed(&mut self, now: Instant) {
        let had = !self.applied.is_empty();
        self.look_at_addresses();
        self.handle(Input::Timeout, now);
        // It was set down and up between two looks.
        if had
            && self.applied.is_empty()
            && self.station.link.carrier
            && !self.machine.known().is_empty()
        {
            self.handle(Input::LinkDown, now);
            self.handle(Input::LinkUp, now);
        }
    }

    fn link_seen(&mut self, seen: Seen, now: Instant) {
        if seen.went() {
            self.handle(Input::LinkDown, now);
        }
        if seen.came() {
            self.handle(Input::LinkUp, now);
        }
    }

    fn read_messages(&mut self, now: Instant) {
        let mut buffer = [0; LONGEST];
        for _ in 0..BURST {
            let Some(received) = self.socket.receive(&mut buffer) else {
                return;
            };
            let mut bad = Vec::new();
            let parsed = received.and_then(|packet| {
                let said = RouterAdvertisement::parse(&packet, &mut |why| bad.push(why))?;
                Ok((packet.source, said))
            });
            bad.into_iter().for_each(|why| self.station.dropped(why));
            match parsed {
                Ok((from, said)) => {
                    self.station.stats.count("received-advertisement");
                    self.handle(Input::Advertisement(from, &said), now);
                }
                Err(why) => self.station.dropped(why),
            }
        }
    }
}

impl Options {
    fn dad(&self) -> Dad {
        match self.policy.check {
            Check::Before => Dad::Wait,
            Check::Optimistic | Check::Never => Dad::Optimistic,
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
        let configured = self.usable || (self.follow.is_ready() && !self.applied.is_empty());
        configured && (self.machine.has_heard() || !self.options.once)
    }

    fn why(&self) -> String {
        match &self.obstacle {
            Some(obstacle) => obstacle.clone(),
            None if !self.checking.is_empty() => "its address is still being checked".to_owned(),
            None => self.follow.why().unwrap_or_else(|| self.machine.explain()),
        }
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let sockets = [
            self.station.as_fd(),
            self.addresses.as_fd(),
            self.socket.as_fd(),
        ];
        fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
        self.follow.watch(fds);
    }

    fn deadline(&self) -> Option<Instant> {
        let all = [
            self.machine.deadline(),
            self.station.stats.deadline(),
            self.follow.deadline(),
        ];
        all.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        let seen = self.station.look();
        self.link_seen(seen, now);
        if self.addresses.changed() {
            self.addresses_changed(now);
        }
        self.read_messages(now);
        self.handle(Input::Timeout, now);
        self.follow.wake(now, &mut self.station);
        self.station.stats.write(now);
    }
}

/// The interface, if a client can work on it.
///
/// Errors: no such interface, not an Ethernet interface, no IPv6 in the kernel or on the interface.
pub fn usable(netlink: &mut Netlink, name: &str) -> Result<Link, Failure> {
    let link = ethernet::usable(netlink, name)?;
    link_local::check(name).map(|()| link)
}

fn source(name: &str) -> String {
    format!("{name}.{KIND}")
}

fn remark(failure: Failure) -> Note {
    Note::Remark(failure.to_string())
}

fn config(link: &Link, options: &Options) -> Result<Config, Failure> {
    Ok(Config {
        mac: link.mac.as_slice().try_into().unwrap_or_default(),
        identifier: match options.stable {
            true => Identifier::Stable(secret::obtain()?),
            false => Identifier::Eui64,
        },
        mtu: link.mtu,
        timing: options.timing,
    })
}
