//! The router of one link: the machine with its socket, and what the kernel and the records say that hosts
//! are to know. Invariant: nothing here blocks, and nothing but the loss of the link ends it; what hosts are
//! told is read anew whenever anything changes.

use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use super::content::{Content, Network};
use super::event::{Config, Input, Output};
use super::machine::Machine;
use crate::failure::Failure;
use crate::net::client::{self, Note, Protocol};
use crate::net::driver::Session;
use crate::net::forwarding;
use crate::net::lease::{self, Record};
use crate::net::lease_watch::LeaseWatch;
use crate::net::link_local::{self, Dad};
use crate::net::nd::socket::{LONGEST, NdSocket, Side};
use crate::net::nd::wire::{Packet, Preference, RouterAdvertisement, RouterSolicitation};
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::Watch;
use crate::net::pd::delegation::{networks, show};
use crate::net::pd::driver::usable;
use crate::net::random::entropy;
use crate::net::station::{Seen, Station};
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
/// The least MTU of IPv6 without its header: what is longer is told in several messages (RFC 4861 §6.2.3).
const ROOM: usize = 1280 - 40;

mod gather;

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
    station: Station,
    options: Options,
    machine: Machine,
    socket: NdSocket,
    source: Option<Ipv6Addr>,
    records: [LeaseWatch; 2],
    record: Option<Record>,
    advertised: bool,
    trouble: String,
    /// Of what there is more than is told, which has been said.
    left_out: Vec<&'static str>,
    began: Instant,
}

impl Client {
    /// Brings the link up and tells hosts for the first time, or waits for a carrier.
    ///
    /// Errors: no such interface, no permission, no IPv6.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        // Before the questions, so that no change falls between.
        let records = [LeaseWatch::open()?, LeaseWatch::resolv()?];
        let mut station = Station::open(&PROTOCOL, name, Watch::configuration()?)?;
        station.set_up()?;
        if options.forwarding
            && let Err(failure) = forwarding::enable(name)
        {
            station.problem(failure.to_string());
        }
        let record = lease::load(name, KIND);
        let told = record.as_ref().and_then(|record| record.get("prefixes"));
        let config = Config {
            interval: Duration::from_secs(options.interval.into()),
            earlier: networks(told.unwrap_or_default()),
        };
        let mut client = Self {
            machine: Machine::new(config, entropy(&station.link)),
            socket: NdSocket::open(&station.link, Side::Router)?,
            station,
            options,
            source: None,
            records,
            record: None,
            advertised: false,
            trouble: String::new(),
            left_out: Vec::new(),
            began: Instant::now(),
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
                    self.station.remark(text);
                }
            }
        }
    }

    fn send(&mut self, message: &RouterAdvertisement, to: Ipv6Addr) {
        let Some(source) = self.source else {
            return;
        };
        for part in message.parts(ROOM) {
            match self.socket.advertise(&part, source, to) {
                Ok(()) => {
                    self.station.stats.count("sent-advertisement");
                    self.advertised = true;
                    self.trouble.clear();
                }
                // It will be sent again; the reason matters only if that does not help.
                Err(failure) => self.complain(failure.to_string()),
            }
        }
    }

    fn complain(&mut self, text: String) {
        if text != self.trouble {
            self.station.problem(text.clone());
            self.trouble = text;
        }
    }

    /// Reads anew what hosts are to know.
    fn look(&mut self, now: Instant) {
        let looked = Netlink::open().and_then(|mut netlink| {
            if self.station.look_again(false)? == Seen::Gone {
                return Ok(());
            }
            self.source = match self.station.link.carrier {
                true => link_local::ensure(&mut netlink, &self.station.link, Dad::Optimistic)?,
                false => None,
            };
            let content = self.content(&mut netlink, now)?;
            let up = self.station.link.carrier && self.source.is_some();
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

    /// Writes the record, if it is another than before.
    fn keep(&mut self, content: &Content, now: Instant) -> Result<(), Failure> {
        let prefixes: Vec<_> = content
            .prefixes
            .iter()
            .map(|prefix| show(prefix.network))
            .collect();
        let routes: Vec<_> = content.routes.iter().copied().map(show).collect();
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
        lease::save(&self.station.link.name, KIND, &record)?;
        self.station.note(Note::Bound(summary(&record)));
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
            if let Some(why) = dropped {
                self.station.dropped(why);
            }
        }
    }

    fn take(&mut self, packet: &Packet<'_>, now: Instant) -> Result<(), &'static str> {
        if Some(packet.source) == self.source {
            return Ok(());
        }
        if packet.bytes.first() == Some(&crate::net::nd::wire::ADVERTISEMENT) {
            let other = RouterAdvertisement::parse(packet, &mut |_| {})?;
            self.station.stats.count("received-advertisement");
            self.handle(Input::Heard(&other), now);
        } else {
            RouterSolicitation::parse(packet)?;
            self.station.stats.count("received-solicitation");
            self.handle(Input::Solicited(packet.source), now);
        }
        Ok(())
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
        self.advertised
    }

    fn why(&self) -> String {
        let why = match self.source {
            _ if !self.station.link.carrier => "the link has no carrier",
            None => "the link has no usable link-local address",
            Some(_) => "nothing was advertised",
        };
        why.to_owned()
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
    }
}

/// However it ends, nobody advertises any more.
impl Drop for Client {
    fn drop(&mut self) {
        if self.record.is_some() {
            let _ = lease::remove(&self.station.link.name, KIND);
        }
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let [leases, resolv] = &self.records;
        let sources = [
            self.socket.as_fd(),
            self.station.as_fd(),
            leases.as_fd(),
            resolv.as_fd(),
        ];
        fds.extend(sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.machine.deadline(), self.station.stats.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        let records = self
            .records
            .iter()
            .fold(false, |any, watch| watch.changed() | any);
        // The kernel does not tell everything: a change of an address that is still being checked it does not.
        let is_due = self.machine.deadline().is_some_and(|due| due <= now);
        if self.station.changed() | records | is_due {
            self.look(now);
        }
        self.read(now);
        self.station.stats.write(now);
    }
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
