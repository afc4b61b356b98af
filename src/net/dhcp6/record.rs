//! A lease ↔ its record. Invariant: what was written comes back as the same lease; a record that does not
//! make sense, whoever wrote it, is no lease.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::duid;
use super::identity::{hex, parse_hex};
use super::lease::{DelegatedPrefix, Lease, LeasedAddress, Lifetimes, Other};
use crate::net::lease::Record;
use crate::time::Instant;

/// For ever, in words.
const INFINITE: &str = "infinite";

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The client's DUID.
    pub duid: Vec<u8>,
    /// IAID of its IA_NA.
    pub iaid: Option<u32>,
}

/// The record of a lease whose times count from `since`.
pub fn of_lease(lease: &Lease, since: Instant, holder: &Holder) -> Record {
    let mut record = Record::default();
    let addresses: Vec<_> = lease.addresses.iter().map(|leased| leased.ip).collect();
    record.set_list("ip6", &addresses);
    let prefixes: Vec<_> = lease.prefixes.iter().map(prefix_of).collect();
    record.set_list("pd", &prefixes);
    put_other(&mut record, &lease.other);
    let times = lease.addresses.iter().map(|leased| leased.times);
    let times = times.chain(lease.prefixes.iter().map(|delegated| delegated.times));
    let shortest = times.map(|times| times.valid).min();
    record.set_some("lease6", shortest.map(show));
    record.set_some("t1", lease.renew);
    record.set_some("t2", lease.rebind);
    record.set("server6", hex(&lease.server));
    record.set("duid", hex(&holder.duid));
    record.set_some("iaid", holder.iaid);
    let words: Vec<_> = lease.addresses.iter().map(address_word).collect();
    record.set_list("addresses", &words);
    let words: Vec<_> = lease.prefixes.iter().map(DelegatedPrefix::word).collect();
    record.set_list("delegations", &words);
    record.set("renewed", since.since_boot().as_millis());
    record
}

/// The record of configuration without a lease.
pub fn of_other(other: &Other, now: Instant, holder: &Holder) -> Record {
    let mut record = Record::default();
    put_other(&mut record, other);
    record.set("duid", hex(&holder.duid));
    record.set("renewed", now.since_boot().as_millis());
    record
}

fn put_other(record: &mut Record, other: &Other) {
    record.set_list("dns6", &other.dns);
    record.set_list("search6", &other.search);
    record.set_list("ntp6", &other.ntp);
    record.set_some("refresh", other.refresh);
    for (code, value) in &other.options {
        record.set(&format!("option{code}"), hex(value));
    }
}

/// The lease of a record, with when it was granted and to whom; `None` where it is none.
pub fn read(record: &Record) -> Option<(Lease, Instant, Holder)> {
    let bytes = |key: &str| parse_hex(record.get(key)?).filter(|bytes| duid::is_valid(bytes));
    let number = |key: &str| record.get(key)?.parse().ok();
    let lease = Lease {
        server: bytes("server6")?,
        addresses: all(record, "addresses", read_address)?,
        prefixes: all(record, "delegations", DelegatedPrefix::read)?,
        renew: number("t1"),
        rebind: number("t2"),
        other: Other {
            dns: all(record, "dns6", |word| word.parse().ok())?,
            search: all(record, "search6", |word| Some(word.to_owned()))?,
            ntp: all(record, "ntp6", |word| word.parse().ok())?,
            refresh: number("refresh"),
            options: options(record),
        },
    };
    let since = Duration::from_millis(record.get("renewed")?.parse().ok()?);
    let holder = Holder {
        duid: bytes("duid")?,
        iaid: number("iaid"),
    };
    Some((lease, Instant::from_boot(since), holder))
}

/// What of a lease is still valid; `None` where nothing is.
pub fn still_valid(mut lease: Lease, since: Instant, now: Instant) -> Option<Lease> {
    let elapsed = now.since(since).as_secs();
    let lasts = |times: Lifetimes| times.valid == u32::MAX || u64::from(times.valid) > elapsed;
    lease.addresses.retain(|leased| lasts(leased.times));
    lease.prefixes.retain(|delegated| lasts(delegated.times));
    let is_empty = lease.addresses.is_empty() && lease.prefixes.is_empty();
    (!is_empty && since <= now).then_some(lease)
}

/// `2001:db8::15, prefix 2001:db8:1::/56, dns 2001:db8::1, lease 3600 s from 00030001525400123456`
pub fn summary(record: &Record) -> String {
    let mut text = String::new();
    for (word, key) in [
        ("", "ip6"),
        ("prefix ", "pd"),
        ("dns ", "dns6"),
        ("lease ", "lease6"),
    ] {
        let Some(value) = record.get(key) else {
            continue;
        };
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(word);
        text.push_str(value);
        if key == "lease6" && value != INFINITE {
            text.push_str(" s");
        }
    }
    match record.get("server6") {
        Some(server) => {
            text.push_str(" from ");
            text.push_str(server);
        }
        None if text.is_empty() => text.push_str("a server answers, but has nothing to tell"),
        None => {}
    }
    text
}

/// `2001:db8:1::/56`
pub fn prefix_of(delegated: &DelegatedPrefix) -> String {
    format!("{}/{}", delegated.prefix, delegated.length)
}

fn show(seconds: u32) -> String {
    match seconds {
        u32::MAX => INFINITE.to_owned(),
        seconds => seconds.to_string(),
    }
}

/// `2001:db8::15,PREFERRED,VALID`
fn address_word(leased: &LeasedAddress) -> String {
    let Lifetimes { preferred, valid } = leased.times;
    format!("{},{preferred},{valid}", leased.ip)
}

fn read_address(word: &str) -> Option<LeasedAddress> {
    let mut parts = word.split(',');
    let ip: Ipv6Addr = parts.next()?.parse().ok()?;
    let mut number = || parts.next()?.parse().ok();
    let (preferred, valid) = (number()?, number()?);
    parts.next().is_none().then_some(LeasedAddress {
        ip,
        times: Lifetimes { preferred, valid },
    })
}

/// The words of a key, each read; `None` where one cannot be.
fn all<T>(record: &Record, key: &str, read: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let words = record.get(key).unwrap_or_default().split_ascii_whitespace();
    words.map(read).collect()
}

fn options(record: &Record) -> Vec<(u16, Vec<u8>)> {
    let read = |(key, value): (&str, &str)| {
        let code = key.strip_prefix("option")?.parse().ok()?;
        Some((code, parse_hex(value)?))
    };
    record.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests;
