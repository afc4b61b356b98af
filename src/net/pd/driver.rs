//! The client that keeps addresses on a downstream link: it watches the records of the WANs and renumbers
//! when their prefixes change. Invariant: nothing here blocks, and nothing but the loss of the link ends it;
//! what it has set stays when it ends, and is found again in its record.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use super::assign::{self, Step};
use super::delegation::{self, Network, Wan, networks, show};
use super::pool::{self, Claim, Subnet, User, Wish};
use super::store;
use crate::failure::Failure;
use crate::net::client::{self, Note, Protocol};
use crate::net::driver::Session;
use crate::net::forwarding;
use crate::net::lease::{self, Record};
use crate::net::lease_watch::LeaseWatch;
use crate::net::link_local;
use crate::net::netlink::addr::{self, Address};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::netlink::watch::{Addresses, Change, Watch};
use crate::net::station::{Seen, Station};
use crate::time::Instant;

/// The kind of the record: `$INITSH_RUN/leases/IF.pd`.
pub const KIND: &str = "pd";
/// Downstream links as the command, the service and the record know them.
pub const PROTOCOL: Protocol = Protocol {
    kind: KIND,
    summary,
    usable,
};
/// When it tries again what has failed, and how soon an address is not given back to a link that has lost
/// it: the kernel removes one that another machine has.
const PAUSE: Duration = Duration::from_secs(10);

/// What a client is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The interface whose prefix is used; `None`: the only one that has any.
    pub from: Option<String>,
    /// Length of the subnet; `None`: /64.
    pub length: Option<u8>,
    /// The subnet's number; `None`: the one it has had, else the first that is free.
    pub number: Option<u64>,
    /// The bits of the address behind the subnet; `None`: those made of the hardware address.
    pub host: Option<Ipv6Addr>,
    /// Whether the machine becomes a router.
    pub forwarding: bool,
}

/// The client of one downstream link.
pub struct Client {
    station: Station,
    options: Options,
    host: Ipv6Addr,
    leases: LeaseWatch,
    wans: Vec<Wan>,
    own: Vec<Network>,
    set: Option<Instant>,
    due: Option<Instant>,
    record: Option<Record>,
    began: Instant,
}

impl Client {
    /// Brings the link up and gives it its addresses, if there is a prefix.
    ///
    /// Errors: no such interface, no directory for its records, no permission.
    pub fn start(name: &str, options: Options) -> Result<Self, Failure> {
        // Before the questions, so that no change falls between.
        let leases = LeaseWatch::open()?;
        let mut station = Station::open(&PROTOCOL, name, Watch::configuration()?)?;
        let host = host(&options, &station.link)?;
        station.set_up()?;
        if options.forwarding
            && let Err(failure) = forwarding::enable(name)
        {
            station.problem(failure.to_string());
        }
        let record = lease::load(name, KIND);
        let mut client = Self {
            own: record.as_ref().map(addresses_of).unwrap_or_default(),
            station,
            options,
            host,
            leases,
            wans: Vec::new(),
            set: None,
            due: None,
            record,
            began: Instant::now(),
        };
        client.look(client.began);
        Ok(client)
    }

    /// Brings the link in step with the prefixes.
    fn look(&mut self, now: Instant) {
        self.due = None;
        let trouble = match self.follow(now) {
            Ok(refused) => refused,
            Err(failure) => {
                self.due = Some(self.due.map_or(now + PAUSE, |due| due.min(now + PAUSE)));
                Some(failure)
            }
        };
        self.tell(trouble.map_or_else(String::new, |failure| failure.to_string()));
    }

    /// Why there is nothing to give the link, if there is nothing. Errors: what should have been done could
    /// not be.
    fn follow(&mut self, now: Instant) -> Result<Option<Failure>, Failure> {
        let Options {
            from,
            length,
            number,
            ..
        } = &self.options;
        let wish = Wish {
            wan: from.as_deref(),
            length: *length,
            number: *number,
        };
        let user = User::Link(self.station.link.name.clone());
        let (placed, refused) = match store::place(&user, &wish, now) {
            Ok(placed) => (Some(placed), None),
            // A disk that is full is no reason to take an address away.
            Err(failure) if failure.cause().is_some() => return Err(failure),
            Err(failure) => (None, Some(failure)),
        };
        let mut subnets = Vec::new();
        let mut news = false;
        if let Some(placed) = &placed {
            subnets = pool::subnets(&placed.claim, &placed.wans, now);
            news = placed.wans != self.wans;
            self.wans.clone_from(&placed.wans);
            if let Some(failure) = &placed.forgetful {
                self.station.remark(failure.to_string());
            }
        }
        let times = subnets
            .iter()
            .flat_map(|subnet| [subnet.of.preferred, subnet.of.valid]);
        self.due = times.flatten().filter(|&time| time > now).min();
        let wanted = assign::addresses(&subnets, self.host, self.station.link.index, now);
        self.configure(&wanted, news, now)?;
        self.keep(placed.map(|placed| placed.claim), &subnets, &wanted, now)?;
        Ok(refused)
    }

    fn configure(&mut self, wanted: &[Address], news: bool, now: Instant) -> Result<(), Failure> {
        let mut netlink = Netlink::open()?;
        let present = addr::list(&mut netlink, Some(self.station.link.index))?;
        let steps = assign::plan(wanted, &present, &self.own);
        let adds = steps.iter().any(|step| match step {
            Step::Set(address) => !present.iter().any(|other| other.ip == address.ip),
            Step::Remove(_) => false,
        });
        if let (Some(set), true, false) = (self.set, adds, news)
            && now < set + PAUSE
        {
            return Err(Failure::new(format!(
                "the link has lost its address; is it another machine's, too? {} is tried again",
                wanted
                    .first()
                    .map_or_else(String::new, |address| address.ip.to_string())
            )));
        }
        if adds {
            self.set = Some(now);
        }
        let mut failed = None;
        for step in &steps {
            let done = match step {
                Step::Set(address) => addr::replace(&mut netlink, address),
                Step::Remove(address) => addr::remove(&mut netlink, address),
            };
            failed = done.err().or(failed);
        }
        let is_there = |network: &Network| {
            let mut all = present.iter();
            all.any(|other| other.ip == network.0 && other.prefix == network.1)
        };
        let removed = wanted.is_empty();
        self.own.retain(|network| !removed && is_there(network));
        for address in wanted {
            if let IpAddr::V6(ip) = address.ip
                && !self.own.contains(&(ip, address.prefix))
            {
                self.own.push((ip, address.prefix));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Writes the record, if it is another than before.
    fn keep(
        &mut self,
        claim: Option<Claim>,
        subnets: &[Subnet],
        wanted: &[Address],
        now: Instant,
    ) -> Result<(), Failure> {
        let (Some(claim), false) = (claim, wanted.is_empty()) else {
            if self.record.take().is_some() {
                self.station.problem("its prefix is gone".to_owned());
                lease::remove(&self.station.link.name, KIND)?;
            }
            return Ok(());
        };
        let is_wanted = |network: &&Network| wanted.iter().any(|address| address.ip == network.0);
        let current: Vec<_> = wanted
            .iter()
            .map(|a| format!("{}/{}", a.ip, a.prefix))
            .collect();
        let old = self.own.iter().filter(|network| !is_wanted(network));
        let old: Vec<_> = old.map(|&network| show(network)).collect();
        let networks: Vec<_> = subnets.iter().map(|subnet| show(subnet.network)).collect();
        let delegated: Vec<_> = subnets
            .iter()
            .map(|subnet| show(subnet.of.network))
            .collect();
        let mut record = Record::default();
        record.set_list("ip6", &current);
        record.set_list("prefix6", &networks);
        record.set("subnet", claim.number);
        record.set("from", claim.wan);
        record.set_list("delegated", &delegated);
        record.set_list("old6", &old);
        let before = self.record.as_ref();
        let same = before.is_some_and(|before| {
            record
                .iter()
                .all(|(key, value)| before.get(key) == Some(value))
        }) && before
            .is_some_and(|before| old.is_empty() == before.get("old6").is_none());
        if same {
            return Ok(());
        }
        let first = before
            .and_then(|before| before.get("bound"))
            .map(str::to_owned);
        record.set(
            "bound",
            first.unwrap_or_else(|| now.since_boot().as_secs().to_string()),
        );
        record.set("renewed", now.since_boot().as_millis());
        record.set("took", now.since(self.began).as_millis());
        lease::save(&self.station.link.name, KIND, &record)?;
        self.station.note(Note::Bound(summary(&record)));
        self.record = Some(record);
        Ok(())
    }

    /// Leaves a record of why there is no address, for whoever waits for one, and says it once.
    fn tell(&mut self, trouble: String) {
        // That there is no prefix yet is for whoever asks.
        if self.record.is_some() && !trouble.is_empty() && trouble != self.station.trouble() {
            self.station.problem(trouble.clone());
        }
        self.station.report(trouble);
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
        self.record.is_some()
    }

    fn why(&self) -> String {
        self.station.trouble().to_owned()
    }
}

impl Session for Client {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let sources = [self.station.as_fd(), self.leases.as_fd()];
        fds.extend(sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn wake(&mut self, now: Instant) {
        let seen = self.station.seen();
        let link = seen.link != Change::Nothing || seen.addresses != Addresses::Same;
        if link {
            let before = self.station.link.carrier_changes;
            match self.station.look_again(false) {
                Ok(Seen::Gone) => return,
                Ok(_) => {}
                Err(failure) => self.station.problem(failure.to_string()),
            }
            if seen.link == Change::Down || self.station.link.carrier_changes != before {
                // That has taken the address away, and no other machine.
                self.set = None;
            }
        }
        let is_due = self.due.is_some_and(|due| due <= now);
        // Most of what is written there is not about prefixes.
        let leases = self.leases.changed() && delegation::wans(now) != self.wans;
        if link || is_due || leases {
            self.look(now);
        }
    }
}

/// Removes what the client of a link has set, and gives its subnet back; whether it had anything.
///
/// Errors: the kernel refuses; a file cannot be written.
pub fn release(name: &str) -> Result<bool, Failure> {
    if let Some(record) = lease::load(name, KIND) {
        let mut netlink = Netlink::open()?;
        let link = link::by_name(&mut netlink, name)?;
        let own = addresses_of(&record);
        let present = addr::list(&mut netlink, Some(link.index))?;
        for step in assign::plan(&[], &present, &own) {
            if let Step::Remove(address) = step {
                addr::remove(&mut netlink, &address)?;
            }
        }
        lease::remove(name, KIND)?;
    }
    let _ = lease::remove(name, &PROTOCOL.state());
    store::free(&User::Link(name.to_owned()))
}

/// The addresses that a record says were set, current and old ones.
fn addresses_of(record: &Record) -> Vec<Network> {
    let words = ["ip6", "old6"].map(|key| record.get(key).unwrap_or_default());
    words.into_iter().flat_map(networks).collect()
}

fn host(options: &Options, link: &Link) -> Result<Ipv6Addr, Failure> {
    if let Some(host) = options.host {
        return Ok(host);
    }
    // RFC 4291, appendix A.
    match link.mac.as_slice() {
        &[a, b, c, d, e, f] if options.length.is_none_or(|length| length <= 64) => {
            Ok([0, 0, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f].into())
        }
        _ => Err(Failure::usage(format!(
            "--token eui64: {} has no Ethernet address that fits a /64",
            link.name
        ))),
    }
}

/// The link, if it can have a subnet. Errors: no such link; the loopback.
pub fn usable(netlink: &mut Netlink, name: &str) -> Result<Link, Failure> {
    let link = link::by_name(netlink, name)?;
    if link.hardware == libc::ARPHRD_LOOPBACK || !lease::is_interface_name(name) {
        return Err(Failure::new(format!("{name} is no link to other machines")));
    }
    link_local::kernel_has_ipv6().map(|()| link)
}

/// `2001:db8:1:5::1/64, subnet 5 of 2001:db8:1::/56 from wan`
pub fn summary(record: &Record) -> String {
    let get = |key: &str| record.get(key).unwrap_or("?");
    format!(
        "{}, subnet {} of {} from {}",
        get("ip6"),
        get("subnet"),
        get("delegated"),
        get("from")
    )
}
