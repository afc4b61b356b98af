//! The delegated prefixes of every WAN, as the records of its DHCPv6 client have them. Invariant: only what
//! is valid at the moment is here.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::net::address::parse_prefixed;
use crate::net::dhcp6::lease::DelegatedPrefix;
use crate::net::lease::{self, Record};
use crate::paths;
use crate::sort;
use crate::time::Instant;

/// The records that have them.
const KIND: &str = "dhcp6";

/// A network: address, host bits zero, and length.
pub type Network = (Ipv6Addr, u8);

/// An interface that has delegated prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wan {
    /// The interface that they were delegated through.
    pub name: String,
    /// The prefixes, in the order of their IAs; not empty.
    pub delegations: Vec<Delegation>,
}

/// One delegated prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegation {
    /// The IA_PD that it belongs to: what stays the same when the prefix changes.
    pub iaid: u32,
    /// The prefix.
    pub network: Network,
    /// What of it is not ours (RFC 6603).
    pub excluded: Option<Network>,
    /// Until when it is preferred; `None`: for ever.
    pub preferred: Option<Instant>,
    /// Until when it is valid; `None`: for ever.
    pub valid: Option<Instant>,
}

impl Delegation {
    /// Whether new connections may use it.
    pub fn is_preferred(&self, now: Instant) -> bool {
        self.preferred.is_none_or(|until| until > now)
    }
}

/// `2001:db8::/56`
pub fn show((ip, length): Network) -> String {
    format!("{ip}/{length}")
}

/// The networks of such words; what is none is left out.
pub fn networks(words: &str) -> Vec<Network> {
    let read = words
        .split(' ')
        .filter_map(|word| match parse_prefixed(word) {
            Ok((IpAddr::V6(ip), Some(length))) => Some((ip, length)),
            _ => None,
        });
    read.collect()
}

/// Every WAN that has a valid prefix, by name.
pub fn wans(now: Instant) -> Vec<Wan> {
    let mut wans = Vec::new();
    let entries = std::fs::read_dir(paths::run_dir().join("leases"));
    for entry in entries.into_iter().flatten().flatten() {
        let file = entry.file_name();
        let name = file.to_str().and_then(|name| name.strip_suffix(KIND));
        let Some(name) = name.and_then(|name| name.strip_suffix('.')) else {
            continue;
        };
        let record = lease::load(name, KIND).unwrap_or_default();
        let delegations = read(&record, now);
        if !delegations.is_empty() {
            let name = name.to_owned();
            wans.push(Wan { name, delegations });
        }
    }
    sort::sort_by(&mut wans, |a, b| a.name.cmp(&b.name));
    wans
}

/// The valid prefixes of a record; a word that is not one is passed over.
fn read(record: &Record, now: Instant) -> Vec<Delegation> {
    let renewed = record.get("renewed").and_then(|text| text.parse().ok());
    let renewed = Instant::from_boot(Duration::from_millis(renewed.unwrap_or(0)));
    let words = record.get("delegations").unwrap_or_default().split(' ');
    let all = words.filter_map(|word| {
        let prefix = DelegatedPrefix::read(word)?;
        let until = |seconds: u32| {
            let time = Duration::from_secs(seconds.into());
            (seconds != u32::MAX).then(|| renewed + time)
        };
        Some(Delegation {
            iaid: prefix.iaid,
            network: (prefix.prefix, prefix.length),
            excluded: prefix.excluded,
            preferred: until(prefix.times.preferred.min(prefix.times.valid)),
            valid: until(prefix.times.valid),
        })
    });
    let is_valid = |delegation: &Delegation| delegation.valid.is_none_or(|until| until > now);
    all.filter(is_valid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_with_its_times() {
        let mut record = Record::default();
        record.set("renewed", 10_000);
        record.set(
            "delegations",
            "2001:db8:1::/56,1,60,120 junk 2001:db8:2::/60,2,4294967295,4294967295,2001:db8:2:f::/64 \
             2001:db8:3::/56,1,900,20",
        );
        let at = |seconds| Instant::from_boot(Duration::from_secs(seconds));
        let first = read(&record, at(20));
        assert_eq!(first.len(), 3);
        assert_eq!(first[0].preferred, Some(at(70)));
        assert_eq!(first[0].valid, Some(at(130)));
        assert!(first[0].is_preferred(at(69)) && !first[0].is_preferred(at(70)));
        assert_eq!((first[1].preferred, first[1].valid), (None, None));
        assert_eq!(first[1].excluded.map(show).unwrap(), "2001:db8:2:f::/64");
        assert_eq!(first[2].preferred, Some(at(30)), "not longer than valid");
        assert_eq!(read(&record, at(30)).len(), 2);
        assert_eq!(read(&record, at(9999)).len(), 1);
        assert!(read(&Record::default(), at(0)).is_empty());
    }
}
