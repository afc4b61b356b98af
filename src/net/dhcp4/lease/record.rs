//! A lease as a record and back. Invariant: [`Lease::from_record`] of what [`Lease::record`] says is the
//! same lease, and what anybody else wrote into a record is checked as a server's options are.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::{Lease, Times};
use crate::net::address::{netmask, network};
use crate::net::dhcp4::options::{StaticRoute, is_host};
use crate::net::lease::Record;
use crate::net::resolv::domain_name;

/// `option66`: the bytes of an option in hexadecimal.
const RAW: &str = "option";
/// What [`Times::Infinite`] is in a record.
const INFINITE: &str = "infinite";

impl Lease {
    /// The lease as settings: what `${net.IF.KEY}` shows.
    pub fn record(&self) -> Record {
        let mut record = self.settings_record();
        match self.times {
            Times::Infinite => record.set("lease", INFINITE),
            Times::Limited {
                renew,
                rebind,
                expire,
            } => {
                record.set("lease", expire);
                record.set("t1", renew);
                record.set("t2", rebind);
            }
        }
        record
    }

    /// The same without the times: what was learned about an address that is not leased.
    pub fn settings_record(&self) -> Record {
        let mut record = Record::default();
        record.set("ip4", self.address);
        record.set("prefix", self.prefix);
        record.set("mask", netmask(self.prefix));
        record.set_some("broadcast", self.broadcast);
        record.set_some("gateway", self.gateway());
        record.set_list("dns", &self.dns);
        record.set_some("domain", self.domain.as_ref());
        record.set_list("search", &self.search);
        record.set_some("hostname", self.hostname.as_ref());
        record.set_list("ntp", &self.ntp);
        record.set_some("server", self.server);
        record.set_some("mtu", self.mtu);
        record.set_list("routes", &self.routes);
        for (code, value) in &self.raw {
            record.set(&format!("{RAW}{code}"), hexadecimal(value));
        }
        record
    }

    /// Reads a record; `None` where it is no lease, or not a whole one.
    pub fn from_record(record: &Record) -> Option<Self> {
        let number = |key: &str| record.get(key)?.parse::<u32>().ok();
        let times = match record.get("lease")? {
            INFINITE => Times::Infinite,
            _ => Times::new(Some(number("lease")?), number("t1"), number("t2")),
        };
        let raw = record.iter().filter_map(|(key, value)| {
            let code = key.strip_prefix(RAW)?.parse().ok()?;
            Some((code, bytes(value)?))
        });
        Some(Self {
            address: one(record, "ip4").filter(|&ip| is_host(ip))?,
            prefix: one(record, "prefix").filter(|prefix| (1..=32).contains(prefix))?,
            broadcast: one(record, "broadcast"),
            routes: list(record, "routes"),
            dns: list(record, "dns"),
            search: list(record, "search")
                .into_iter()
                .filter_map(name)
                .collect(),
            domain: one(record, "domain").and_then(name),
            hostname: one(record, "hostname").and_then(name),
            ntp: list(record, "ntp"),
            mtu: one(record, "mtu").filter(|&mtu| mtu >= 576),
            server: one(record, "server").filter(|&ip| is_host(ip)),
            times,
            raw: raw.collect(),
        })
    }
}

fn one<T: FromStr>(record: &Record, key: &str) -> Option<T> {
    record.get(key)?.parse().ok()
}

fn list<T: FromStr>(record: &Record, key: &str) -> Vec<T> {
    let words = record.get(key).unwrap_or("").split(' ');
    words.filter_map(|word| word.parse().ok()).collect()
}

fn name(text: String) -> Option<String> {
    domain_name(text.as_bytes())
}

/// Bytes as pairs of digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads pairs of hexadecimal digits, with or without colons.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|&c| c != ':')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

/// `192.0.2.0/24:10.0.2.2`, `192.0.2.0/24` where it is on the link.
impl std::fmt::Display for StaticRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.destination, self.prefix)?;
        if self.gateway.is_unspecified() {
            return Ok(());
        }
        write!(f, ":{}", self.gateway)
    }
}

impl FromStr for StaticRoute {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (net, gateway) = text.split_once(':').unwrap_or((text, "0.0.0.0"));
        let (destination, prefix) = net.split_once('/').ok_or(())?;
        let destination: Ipv4Addr = destination.parse().map_err(|_| ())?;
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= 32)
            .ok_or(())?;
        let gateway: Ipv4Addr = gateway.parse().map_err(|_| ())?;
        let whole = network(destination.into(), prefix) == IpAddr::from(destination);
        let usable = gateway.is_unspecified() || is_host(gateway);
        (whole && usable)
            .then_some(Self {
                destination,
                prefix,
                gateway,
            })
            .ok_or(())
    }
}
