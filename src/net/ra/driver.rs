//! The router of one link: the machine with its socket, and what the kernel and the records say that hosts
//! are to know. Invariant: nothing here blocks, and nothing but the loss of the link ends it; what hosts are
//! told is read anew whenever anything changes.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use super::content::{Content, Network, Prefix};
use super::event::{Config, Input, Output};
use super::machine::Machine;
use crate::failure::Failure;
use crate::net::address::{network, parse_prefixed};
use crate::net::client::{self, Note, Protocol};
use crate::net::driver::Session;
use crate::net::lease::{self, Record};
use crate::net::lease_watch::LeaseWatch;
use crate::net::link_local::{self, Dad};
use crate::net::nd::socket::{LONGEST, NdSocket, Side};
use crate::net::nd::wire::{Packet, Preference, RouterAdvertisement, RouterSolicitation};
use crate::net::netlink::addr::{self, Address};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::route;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::Watch;
use crate::net::pd::driver::{KIND as PD, usable};
use crate::net::random::entropy;
use crate::net::stats::Stats;
use crate::net::status::is_default;
use crate::net::{forwarding, resolv};
use crate::sort;
use crate::time::Instant;

/// The kind of the record: `$INITSH_RUN/leases/IF.ra`.
pub const KIND: &str = "ra";
/// The advertising router as the command, the service and the record know it.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary,
    usable,
};
/// Packets read at one go, so that a flood cannot keep the machine from its deadlines.
const BURST: usize = 64;
/// How often the end is told, and with what pause (RFC 4861 §6.2.5). Deviation: a process that is being
/// stopped does not wait for three seconds each time.
const FINAL: (u32, Duration) = (3, Duration::from_millis(20));
/// Prefixes, routes and servers that are taken of what there is: a message must fit a packet.
const MOST: usize = 8;
/// Bytes of all domains together.
const DOMAINS: usize = 400;

/// Which name servers hosts are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// Those that the sources of `resolv.conf` know.
    Known,
    /// The router itself.
    Own,
    /// These; maybe none.
    These(Vec<Ipv6Addr>),
}

/// What a router is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Prefixes to advertise; `None`: those of the link's addresses.
    pub prefixes: Option<Vec<Network>>,
    /// Router lifetime in seconds; `None`: three times the interval while there is a default route.
    pub lifetime: Option<u16>,
    /// MaxRtrAdvInterval in seconds, 4–1800.
    pub interval: u16,
    /// The MTU to tell.
    pub mtu: Option<u32>,
    /// Name servers.
    pub dns: Dns,
    /// Domains to search; `None`: what is known, with [`Dns::Known`].
    pub search: Option<Vec<String>>,
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// Against other routers.
    pub preference: Preference,
    /// Routes to tell; `None`: the whole of what was delegated to the link's `pd`.
    pub routes: Option<Vec<Network>>,
    /// Whether the machine becomes a router.
    pub forwarding: bool,
}

/// The router of one link.
pub struct Client {
    link: Link,
    options: Options,
    machine: Machine,
    socket: NdSocket,
    source: Option<Ipv6Addr>,
    changes: Watch,
    records: [LeaseWatch; 2],
    stats: Stats,
    record: Option<Record>,
    advertised: bool,
    trouble: String,
    began: Instant,
    gone: Option<Failure>,
    notes: Vec<Note>,
}

impl Client {
    /// Brings the link up and tells hosts for the first time, or waits for a carrier.
    ///
    /// Errors: no such interface, no permission, no IPv6.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        let mut netlink = Netlink::open()?;
        let mut link = usable(&mut netlink, name)?;
        // Before the questions, so that no change falls between.
        let changes = Watch::configuration()?;
        let records = [LeaseWatch::open()?, LeaseWatch::resolv()?];
        if !link.up {
            link::set_up(&mut netlink, link.index, true)?;
            link = link::by_name(&mut netlink, name)?;
        }
        let mut notes = Vec::new();
        if options.forwarding
            && let Err(failure) = forwarding::enable(name)
        {
            notes.push(Note::Problem(failure.to_string()));
        }
        let record = lease::load(name, KIND);
        let told = record.as_ref().and_then(|record| record.get("prefixes"));
        let config = Config {
            interval: Duration::from_secs(options.interval.into()),
            earlier: networks(told.unwrap_or_default()),
        };
        let _ = lease::remove(name, &PROTOCOL.state());
        let mut client = Self {
            machine: Machine::new(config, entropy(&link)),
            socket: NdSocket::open(&link, Side::Router)?,
            link,
            options,
            source: None,
            changes,
            records,
            stats: Stats::new(name, KIND),
            record: None,
            advertised: false,
            trouble: String::new(),
            began: Instant::now(),
            gone: None,
            notes,
        };
        client.look(client.began);
        Ok(client)
    }

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.machine.handle(input, now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Advertise(message, to) => self.send(&message, to),
                Output::Inconsistent(what) => {
                    let text = format!("another router on the link advertises {what}");
                    self.notes.push(Note::Remark(text));
                }
            }
        }
    }

    fn send(&mut self, message: &RouterAdvertisement, to: Ipv6Addr) {
        let Some(source) = self.source else {
            return;
        };
        match self.socket.advertise(message, source, to) {
            Ok(()) => {
                self.stats.count("sent-advertisement");
                self.advertised = true;
                self.trouble.clear();
            }
            // It will be sent again; the reason matters only if that does not help.
            Err(failure) => self.complain(failure.to_string()),
        }
    }

    fn complain(&mut self, text: String) {
        if text != self.trouble {
            self.notes.push(Note::Problem(text.clone()));
            self.trouble = text;
        }
    }

    /// Reads anew what hosts are to know.
    fn look(&mut self, now: Instant) {
        let looked = Netlink::open().and_then(|mut netlink| {
            self.look_at_link(&mut netlink)?;
            if self.gone.is_some() {
                return Ok(());
            }
            let content = self.content(&mut netlink, now)?;
            let up = self.link.carrier && self.source.is_some();
            self.keep(&content, now)?;
            self.handle(Input::Content(&content), now);
            self.handle(if up { Input::LinkUp } else { Input::LinkDown }, now);
            // What is due, is due now.
            self.handle(Input::Timeout, now);
            Ok(())
        });
        if let Err(failure) = looked {
            self.complain(failure.to_string());
        }
    }

    fn look_at_link(&mut self, netlink: &mut Netlink) -> Result<(), Failure> {
        match link::by_name(netlink, &self.link.name) {
            Ok(link) if link.index == self.link.index => self.link = link,
            Err(failure) if failure.cause() != Some(Errno::ENODEV) => return Err(failure),
            _ => {
                self.gone = Some(Failure::errno(self.link.name.clone(), Errno::ENODEV));
                return Ok(());
            }
        }
        self.source = match self.link.carrier {
            true => link_local::ensure(netlink, &self.link, Dad::Optimistic)?,
            false => None,
        };
        Ok(())
    }

    fn content(&self, netlink: &mut Netlink, now: Instant) -> Result<Content, Failure> {
        let options = &self.options;
        let addresses = addr::list(netlink, Some(self.link.index))?;
        let mut prefixes = match &options.prefixes {
            Some(given) => given.iter().map(|&network| for_ever(network)).collect(),
            None => prefixes(&addresses, now),
        };
        prefixes.truncate(MOST);
        let lifetime = match options.lifetime {
            Some(lifetime) => lifetime,
            None if self.has_way_out(netlink)? => options.interval.saturating_mul(3),
            None => 0,
        };
        let mut routes = match &options.routes {
            Some(given) => given.clone(),
            None => self.delegated(),
        };
        routes.retain(|route| !prefixes.iter().any(|prefix| prefix.network == *route));
        routes.truncate(MOST);
        let (known, domains) = match &options.dns {
            Dns::Known => resolv::known6(),
            Dns::Own => (self.own(&addresses), Vec::new()),
            Dns::These(servers) => (servers.clone(), Vec::new()),
        };
        let mut room = DOMAINS;
        let search = options.search.clone().unwrap_or(domains);
        let fits = |name: &String| {
            room = room.saturating_sub(name.len());
            room > 0
        };
        Ok(Content {
            lifetime,
            preference: options.preference,
            managed: options.managed,
            other: options.other,
            source: self.link.mac.as_slice().try_into().ok(),
            mtu: options.mtu,
            prefixes,
            routes,
            dns: known.into_iter().take(MOST).collect(),
            search: search.into_iter().take_while(fits).collect(),
        })
    }

    /// Whether packets for anywhere can be sent on (RFC 7084 G-4, G-5).
    fn has_way_out(&self, netlink: &mut Netlink) -> Result<bool, Failure> {
        let routes = route::list(netlink)?;
        let elsewhere = |index: Option<u32>| index != Some(self.link.index);
        let mut all = routes.iter().filter(|route| route.destination.is_ipv6());
        Ok(all.any(|route| is_default(route) && elsewhere(route.index)))
    }

    /// What the link's subnets are parts of (RFC 7084 L-3).
    fn delegated(&self) -> Vec<Network> {
        let record = lease::load(&self.link.name, PD).unwrap_or_default();
        networks(record.get("delegated").unwrap_or_default())
    }

    /// An address of the router that hosts can reach: a global one, else the link-local one.
    fn own(&self, addresses: &[Address]) -> Vec<Ipv6Addr> {
        let good = |address: &&Address| is_global(address.ip) && address.preferred != Some(0);
        let found = addresses.iter().find(good).map(|address| address.ip);
        match found {
            Some(IpAddr::V6(ip)) => vec![ip],
            _ => self.source.into_iter().collect(),
        }
    }

    /// Writes the record, if it is another than before.
    fn keep(&mut self, content: &Content, now: Instant) -> Result<(), Failure> {
        let show = |&(ip, length): &Network| format!("{ip}/{length}");
        let prefixes: Vec<_> = content
            .prefixes
            .iter()
            .map(|prefix| show(&prefix.network))
            .collect();
        let routes: Vec<_> = content.routes.iter().map(show).collect();
        let mut record = Record::default();
        record.set_list("prefixes", &prefixes);
        record.set("lifetime", content.lifetime);
        record.set_list("routes", &routes);
        record.set_list("dns", &content.dns);
        record.set_list("search", &content.search);
        for key in ["bound", "took"] {
            record.set_some(key, self.record.as_ref().and_then(|before| before.get(key)));
        }
        if self.record.as_ref() == Some(&record) {
            return Ok(());
        }
        if self.record.is_none() {
            record.set("bound", now.since_boot().as_secs());
            record.set("took", now.since(self.began).as_millis());
        }
        lease::save(&self.link.name, KIND, &record)?;
        self.notes.push(Note::Bound(summary(&record)));
        self.record = Some(record);
        Ok(())
    }

    fn read(&mut self, now: Instant) {
        let mut buffer = [0; LONGEST];
        for _ in 0..BURST {
            let dropped = match self.socket.receive(&mut buffer) {
                None => return,
                Some(Ok(packet)) => self.take(&packet, now).err(),
                Some(Err(why)) => Some(why),
            };
            if let Some(why) = dropped
                && self.stats.count(why)
            {
                self.notes
                    .push(Note::Remark(format!("a packet was dropped: {why}")));
            }
        }
    }

    fn take(&mut self, packet: &Packet<'_>, now: Instant) -> Result<(), &'static str> {
        if Some(packet.source) == self.source {
            return Ok(());
        }
        if packet.bytes.first() == Some(&crate::net::nd::wire::ADVERTISEMENT) {
            let other = RouterAdvertisement::parse(packet, &mut |_| {})?;
            self.stats.count("received-advertisement");
            self.handle(Input::Heard(&other), now);
        } else {
            RouterSolicitation::parse(packet)?;
            self.stats.count("received-solicitation");
            self.handle(Input::Solicited(packet.source), now);
        }
        Ok(())
    }
}

impl client::Client for Client {
    fn name(&self) -> &str {
        &self.link.name
    }

    fn is_ready(&self) -> bool {
        self.advertised
    }

    fn why(&self) -> String {
        match &self.gone {
            Some(failure) => failure.to_string(),
            None if !self.link.carrier => "the link has no carrier".to_owned(),
            None if self.source.is_none() => "the link has no usable link-local address".to_owned(),
            None => "nothing was advertised".to_owned(),
        }
    }

    fn gone(&self) -> Option<&Failure> {
        self.gone.as_ref()
    }

    fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn leave(&mut self) {
        self.machine.handle(Input::Stop, Instant::now());
        let (times, pause) = FINAL;
        while let Some(output) = self.machine.poll() {
            let Output::Advertise(message, to) = output else {
                continue;
            };
            for turn in 0..times {
                if turn > 0 {
                    std::thread::sleep(pause);
                }
                self.send(&message, to);
            }
        }
        let _ = lease::remove(&self.link.name, KIND);
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let [leases, resolv] = &self.records;
        let sources = [
            self.socket.as_fd(),
            self.changes.as_fd(),
            leases.as_fd(),
            resolv.as_fd(),
        ];
        fds.extend(sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.machine.deadline(), self.stats.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        let records = self
            .records
            .iter()
            .fold(false, |any, watch| watch.changed() | any);
        // The kernel does not tell everything: a change of an address that is still being checked it does not.
        let is_due = self.machine.deadline().is_some_and(|due| due <= now);
        if self.changes.changed() | records | is_due {
            self.look(now);
        }
        self.read(now);
        self.stats.write(now);
    }
}

/// The networks of the global addresses, each with the longest times of its addresses.
fn prefixes(addresses: &[Address], now: Instant) -> Vec<Prefix> {
    let mut found: Vec<Prefix> = Vec::new();
    let until =
        |seconds: Option<u32>| seconds.map(|seconds| now + Duration::from_secs(seconds.into()));
    for address in addresses {
        let IpAddr::V6(ip) = network(address.ip, address.prefix) else {
            continue;
        };
        if !is_global(address.ip) || address.prefix == 128 {
            continue;
        }
        let (preferred, valid) = (until(address.preferred), until(address.valid));
        let own = (ip, address.prefix);
        match found.iter_mut().find(|prefix| prefix.network == own) {
            Some(prefix) => {
                prefix.preferred = longer(prefix.preferred, preferred);
                prefix.valid = longer(prefix.valid, valid);
            }
            None => found.push(Prefix {
                network: own,
                preferred,
                valid,
            }),
        }
    }
    // The kernel's order changes with each change; what hosts should use first comes first.
    sort::sort_by_key(&mut found, |prefix| prefix.network);
    sort::sort_by_key(&mut found, |prefix| {
        prefix.preferred.is_some_and(|until| until <= now)
    });
    found
}

fn longer(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    Some(one?.max(other?))
}

fn for_ever(network: Network) -> Prefix {
    Prefix {
        network,
        preferred: None,
        valid: None,
    }
}

/// Of a scope beyond the link.
fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(ip) => {
            !(ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.is_loopback()
                || ip.is_unspecified())
        }
        IpAddr::V4(_) => false,
    }
}

fn networks(words: &str) -> Vec<Network> {
    let read = words
        .split(' ')
        .filter_map(|word| match parse_prefixed(word) {
            Ok((IpAddr::V6(ip), Some(length))) => Some((ip, length)),
            _ => None,
        });
    read.collect()
}

/// `advertises 2001:db8:1::/64, router for 1800 s, dns 2001:db8::53`
pub fn summary(record: &Record) -> String {
    let mut text = format!(
        "advertises {}",
        record.get("prefixes").unwrap_or("no prefix")
    );
    match record.get("lifetime") {
        None | Some("0") => text.push_str(", no default router"),
        Some(seconds) => text.push_str(&format!(", router for {seconds} s")),
    }
    for (word, key) in [(", dns ", "dns"), (", routes ", "routes")] {
        if let Some(value) = record.get(key) {
            text.push_str(word);
            text.push_str(value);
        }
    }
    text
}
