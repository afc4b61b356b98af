//! What routers have told, as checked values with the moments at which they end; and the record that a
//! client which is started again reads. Invariant: every field can be handed to the kernel or written to a
//! file as it is.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::net::address::network;
use crate::net::lease::Record;
use crate::net::nd::wire::Preference;
use crate::net::resolv::domain_name;
use crate::sort;
use crate::time::Instant;

/// The end of what never ends.
pub const FOR_EVER: Instant = Instant::from_boot(Duration::MAX);
/// Key of the record: the ends of all its values, for a client that is started again.
const TIMES: &str = "times6";
/// Key of the record: the preferences of its default routers and routes, in their order.
const PREFERENCES: &str = "preferences6";

/// Everything that is configured, of all routers together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Addresses made of prefixes.
    pub addresses: Vec<Assigned>,
    /// Default routers, best first.
    pub routers: Vec<Router>,
    /// Networks on the link.
    pub on_link: Vec<OnLink>,
    /// More specific routes (RFC 4191).
    pub routes: Vec<Specific>,
    /// Name servers and when they end.
    pub dns: Vec<(Ipv6Addr, Instant)>,
    /// Domains to search and when they end.
    pub search: Vec<(String, Instant)>,
    /// Bytes: 1280 up to what the link takes.
    pub mtu: Option<u32>,
    /// Hop limit of packets.
    pub hop_limit: Option<u8>,
    /// Milliseconds for which a neighbor counts as reachable.
    pub reachable: Option<u32>,
    /// Milliseconds between neighbor solicitations.
    pub retransmit: Option<u32>,
    /// Addresses come by DHCPv6.
    pub managed: bool,
    /// Other configuration comes by DHCPv6.
    pub other: bool,
}

/// An address in a /64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The address.
    pub ip: Ipv6Addr,
    /// Until when new connections should use it.
    pub preferred: Instant,
    /// Until when it may be used.
    pub valid: Instant,
    /// `preferred` has passed.
    pub deprecated: bool,
    /// How many addresses of its prefix others had already (RFC 7217 §5, DAD_Counter).
    pub counter: u32,
    /// Who advertises its prefix.
    pub routers: Vec<Ipv6Addr>,
}

/// A default router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// Its link-local address.
    pub ip: Ipv6Addr,
    /// Against other routers.
    pub preference: Preference,
    /// Until when it is one.
    pub until: Instant,
    /// Its link-layer address.
    pub mac: Option<[u8; 6]>,
    /// Its flag M.
    pub managed: bool,
    /// Its flag O.
    pub other: bool,
}

/// A network on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnLink {
    /// Network address.
    pub prefix: Ipv6Addr,
    /// 1–128.
    pub length: u8,
    /// Until when.
    pub until: Instant,
}

/// A route by a router that need not be a default router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specific {
    /// Destination network.
    pub prefix: Ipv6Addr,
    /// 1–128.
    pub length: u8,
    /// The router.
    pub router: Ipv6Addr,
    /// Against others for the same network.
    pub preference: Preference,
    /// Until when.
    pub until: Instant,
}

impl Settings {
    /// Whether nothing has been learned or all has ended.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.routers.is_empty()
            && self.dns.is_empty()
            && self.on_link.is_empty()
            && self.routes.is_empty()
            && self.search.is_empty()
    }

    /// Hands out every moment at which something ends.
    pub fn ends(&mut self, each: &mut dyn FnMut(&mut Instant)) {
        for address in &mut self.addresses {
            each(&mut address.valid);
            each(&mut address.preferred);
        }
        self.routers
            .iter_mut()
            .for_each(|item| each(&mut item.until));
        self.on_link
            .iter_mut()
            .for_each(|item| each(&mut item.until));
        self.routes
            .iter_mut()
            .for_each(|item| each(&mut item.until));
        self.dns.iter_mut().for_each(|item| each(&mut item.1));
        self.search.iter_mut().for_each(|item| each(&mut item.1));
    }

    fn preferences(&mut self, each: &mut dyn FnMut(&mut Preference)) {
        let routers = self.routers.iter_mut();
        routers.for_each(|item| each(&mut item.preference));
        let routes = self.routes.iter_mut();
        routes.for_each(|item| each(&mut item.preference));
    }

    /// The same without its moments: what a person sees of it.
    pub fn shape(&self) -> Self {
        let mut shape = self.clone();
        shape.ends(&mut |end| *end = Instant::BOOT);
        shape
    }

    /// The record's keys (`docs/network.md`).
    pub fn record(&self) -> Record {
        let mut record = Record::default();
        let mut sorted = self.clone();
        sort::sort_by_key(&mut sorted.addresses, |item| item.deprecated);
        let addresses: Vec<_> = sorted
            .addresses
            .iter()
            .map(|item| format!("{}/64", item.ip))
            .collect();
        let gateways: Vec<_> = self.routers.iter().map(|item| item.ip).collect();
        let on_link = self
            .on_link
            .iter()
            .map(|item| format!("{}/{}", item.prefix, item.length));
        let routes = self.routes.iter();
        let routes = routes.map(|item| format!("{}/{},{}", item.prefix, item.length, item.router));
        let dns: Vec<_> = self.dns.iter().map(|item| item.0).collect();
        let search: Vec<_> = self.search.iter().map(|item| &item.0).collect();
        record.set_list("ip6", &addresses);
        record.set_list("gateway6", &gateways);
        record.set_list("prefixes6", &on_link.collect::<Vec<_>>());
        record.set_list("routes6", &routes.collect::<Vec<_>>());
        record.set_list("dns6", &dns);
        record.set_list("search6", &search);
        record.set_some("mtu6", self.mtu);
        record.set_some("hoplimit", self.hop_limit);
        let word = |flag| if flag { "yes" } else { "no" };
        record.set("managed", word(self.managed));
        record.set("other", word(self.other));
        let mut times = Vec::new();
        sorted.ends(&mut |end| {
            times.push(match *end {
                FOR_EVER => "-".to_owned(),
                end => end.since_boot().as_secs().to_string(),
            });
        });
        record.set_list(TIMES, &times);
        let mut words = Vec::new();
        sorted.preferences(&mut |preference| {
            words.push(match preference {
                Preference::Low => "low",
                Preference::Medium => "medium",
                Preference::High => "high",
            });
        });
        record.set_list(PREFERENCES, &words);
        record
    }

    /// What an earlier client of this boot has configured. A value whose end is not known is taken to end
    /// at once.
    pub fn read(record: &Record) -> Self {
        let words = |key| {
            record
                .get(key)
                .unwrap_or("")
                .split(' ')
                .filter(|word| !word.is_empty())
        };
        let end = Instant::BOOT;
        let mut found = Self {
            addresses: words("ip6")
                .filter_map(prefixed)
                .map(|(ip, _)| assigned(ip))
                .collect(),
            routers: words("gateway6").filter_map(router).collect(),
            dns: words("dns6")
                .filter_map(|word| Some((word.parse().ok()?, end)))
                .collect(),
            mtu: record.get("mtu6").and_then(|word| word.parse().ok()),
            hop_limit: record.get("hoplimit").and_then(|word| word.parse().ok()),
            managed: record.get("managed") == Some("yes"),
            other: record.get("other") == Some("yes"),
            ..Self::default()
        };
        for (prefix, length) in words("prefixes6").filter_map(prefixed) {
            found.on_link.push(OnLink {
                prefix,
                length,
                until: end,
            });
        }
        found.routes = words("routes6").filter_map(specific).collect();
        let names = words("search6").filter_map(|word| domain_name(word.as_bytes()));
        found.search = names.map(|name| (name, end)).collect();
        let mut times = words(TIMES).map(|word| match word.parse() {
            Ok(seconds) => Instant::from_boot(Duration::from_secs(seconds)),
            Err(_) if word == "-" => FOR_EVER,
            Err(_) => Instant::BOOT,
        });
        found.ends(&mut |end| *end = times.next().unwrap_or(Instant::BOOT));
        let mut preferences = words(PREFERENCES);
        found.preferences(&mut |preference| {
            *preference = match preferences.next() {
                Some("low") => Preference::Low,
                Some("high") => Preference::High,
                _ => Preference::Medium,
            };
        });
        found
    }
}

fn prefixed(word: &str) -> Option<(Ipv6Addr, u8)> {
    let (ip, length) = word.split_once('/')?;
    let length = length
        .parse()
        .ok()
        .filter(|length| (1..=128).contains(length))?;
    Some((ip.parse().ok()?, length))
}

fn assigned(ip: Ipv6Addr) -> Assigned {
    Assigned {
        ip,
        preferred: Instant::BOOT,
        valid: Instant::BOOT,
        deprecated: false,
        counter: 0,
        routers: Vec::new(),
    }
}

fn router(word: &str) -> Option<Router> {
    Some(Router {
        ip: word.parse().ok()?,
        preference: Preference::Medium,
        until: Instant::BOOT,
        mac: None,
        managed: false,
        other: false,
    })
}

fn specific(word: &str) -> Option<Specific> {
    let (network, router) = word.split_once(',')?;
    let (prefix, length) = prefixed(network)?;
    Some(Specific {
        prefix,
        length,
        router: router.parse().ok()?,
        preference: Preference::Medium,
        until: Instant::BOOT,
    })
}

/// The /64 that an address is in.
pub fn prefix_of(ip: Ipv6Addr) -> Ipv6Addr {
    match network(IpAddr::V6(ip), 64) {
        IpAddr::V6(prefix) => prefix,
        IpAddr::V4(_) => ip,
    }
}

/// Best first; of equal preference, the one that was there first.
pub fn sort_routers(routers: &mut [Router]) {
    sort::sort_by(routers, |a, b| b.preference.cmp(&a.preference));
}

/// `2001:db8::5/64 via fe80::1, dns 2001:db8::53`
pub fn summary(record: &Record) -> String {
    let without = match record.get("managed") {
        Some("yes") => "address by DHCPv6",
        _ => "no address",
    };
    let mut text = record.get("ip6").unwrap_or(without).to_owned();
    for (word, key) in [
        (" via ", "gateway6"),
        (", dns ", "dns6"),
        (", mtu ", "mtu6"),
    ] {
        if let Some(value) = record.get(key) {
            text.push_str(word);
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn a_record_comes_back() {
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        let settings = Settings {
            addresses: vec![
                Assigned {
                    preferred: at(100),
                    valid: at(200),
                    ..assigned(ip("2001:db8::5"))
                },
                Assigned {
                    preferred: FOR_EVER,
                    valid: FOR_EVER,
                    ..assigned(ip("fd00::5"))
                },
            ],
            routers: vec![Router {
                until: at(1800),
                preference: Preference::High,
                ..router("fe80::1").unwrap()
            }],
            on_link: vec![OnLink {
                prefix: ip("2001:db8::"),
                length: 64,
                until: at(200),
            }],
            routes: vec![Specific {
                until: FOR_EVER,
                ..specific("fd01::/48,fe80::2").unwrap()
            }],
            dns: vec![(ip("2001:db8::53"), at(300))],
            search: vec![("example.org".to_owned(), FOR_EVER)],
            mtu: Some(1400),
            hop_limit: Some(63),
            managed: true,
            ..Settings::default()
        };
        let record = settings.record();
        assert_eq!(Settings::read(&Record::parse(&record.text())), settings);
        assert_eq!(
            summary(&record),
            "2001:db8::5/64 fd00::5/64 via fe80::1, dns 2001:db8::53, mtu 1400"
        );
        assert_eq!(settings.shape(), Settings::read(&record).shape());
    }

    #[test]
    fn a_record_that_is_damaged_ends_at_once_and_does_no_harm() {
        for text in [
            "ip6=x y/64 ::1/0 2001:db8::1/129 2001:db8::2/64\nroutes6=a,b ::/0,fe80::1 fd00::/8\ntimes6=1",
            "search6=$(id) a'b\ndns6=1.2.3.4\ntimes6=99999999999999999999 - - -",
            "gateway6=fe80::1 \ntimes6=x",
        ] {
            let mut found = Settings::read(&Record::parse(text));
            assert!(found.addresses.len() <= 1 && found.routes.is_empty());
            assert!(found.dns.is_empty() && found.search.is_empty());
            found.ends(&mut |end| assert!(*end <= at(1)));
        }
    }
}
