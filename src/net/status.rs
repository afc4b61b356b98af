//! What `net status` shows: every interface with what each client, and whoever else, has given it. Pure
//! but for [`view`]: links, addresses, routes and records in, values out. Invariant: an address that the kernel does not
//! have is never shown as one that it has.

use std::net::IpAddr;

use super::address::parse_prefixed;
use super::lease::times::{Left, Times, delegations};
use super::lease::{Found, KINDS, Record, escape};
use super::netlink::addr::{self, Entry, LINK_SCOPE};
use super::netlink::link::Link;
use super::netlink::route::{Kind, Route};
use crate::sort;
use crate::time::Instant;

pub mod view;

/// What the kernel and the clients say.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Every address.
    pub addresses: &'a [Entry],
    /// Every route.
    pub routes: &'a [Route],
    /// Every lease.
    pub leases: &'a [Found],
    /// Why there is none, for the clients that have none.
    pub states: &'a [Found],
    /// The present.
    pub now: Instant,
}

/// Who has configured something on an interface, or tries to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The protocol, or `static`.
    pub kind: &'static str,
    /// Addresses with their lengths.
    pub addresses: Vec<Item>,
    /// Delegated prefixes.
    pub prefixes: Vec<Item>,
    /// The best default router.
    pub gateway: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Why there is no lease.
    pub why: Option<String>,
}

/// An address or a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `10.0.2.15/24`
    pub text: String,
    /// How long it lasts.
    pub left: Left,
    /// What is wrong with it: `tentative`, `duplicate`, `deprecated`, `not configured`; else empty.
    pub remark: &'static str,
}

/// Everything that has to do with one interface.
pub fn of(link: &Link, seen: &Seen<'_>) -> Vec<Source> {
    let own = seen.addresses.iter();
    let own: Vec<&Entry> = own
        .filter(|entry| entry.address.index == link.index)
        .collect();
    let mut sources = Vec::new();
    for found in seen.leases.iter().filter(|f| f.interface == link.name) {
        sources.push(leased(found, &own, seen.now));
    }
    for found in seen.states.iter().filter(|f| f.interface == link.name) {
        let why = found.record.get("reason").unwrap_or("no lease").to_owned();
        match sources.iter_mut().find(|s| s.kind == found.kind) {
            Some(source) => source.why = Some(why),
            None => sources.push(Source {
                why: Some(why),
                ..empty(found.kind)
            }),
        }
    }
    sort::sort_by_key(&mut sources, |source| {
        KINDS.iter().position(|kind| *kind == source.kind)
    });
    sources.extend(others(link, &own, seen.routes, &sources));
    sources
}

fn empty(kind: &'static str) -> Source {
    Source {
        kind,
        addresses: Vec::new(),
        prefixes: Vec::new(),
        gateway: None,
        dns: Vec::new(),
        why: None,
    }
}

fn leased(found: &Found, own: &[&Entry], now: Instant) -> Source {
    let record = &found.record;
    let words = |key: &str| {
        let text = record.get(key).unwrap_or_default();
        text.split_ascii_whitespace().map(escape)
    };
    let mut addresses: Vec<String> = words("ip6").collect();
    if let (Some(ip), Some(prefix)) = (record.get("ip4"), record.get("prefix")) {
        addresses.insert(0, escape(&format!("{ip}/{prefix}")));
    }
    let fallback = Times::of(record, now).left;
    let addresses = addresses
        .into_iter()
        .map(|text| look_up(text, own, fallback));
    Source {
        addresses: addresses.collect(),
        prefixes: prefixes(found.kind, record, now),
        gateway: words("gateway").chain(words("gateway6")).next(),
        dns: words("dns").chain(words("dns6")).collect(),
        ..empty(found.kind)
    }
}

fn prefixes(kind: &str, record: &Record, now: Instant) -> Vec<Item> {
    let listed = match kind {
        "ra" => record.get("prefixes"),
        _ => record.get("pd"),
    };
    let timed = delegations(record, now);
    let items = listed
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|word| {
            let timed = timed.iter().find(|(prefix, _)| prefix == word);
            Item {
                text: escape(word),
                left: timed.map_or(Left::Unknown, |(_, left)| *left),
                remark: "",
            }
        });
    items.collect()
}

/// What the kernel says about an address that a record names.
fn look_up(text: String, own: &[&Entry], fallback: Left) -> Item {
    let ip = parse_prefixed(&text).map(|(ip, _)| ip);
    let entry = own.iter().find(|entry| ip == Ok(entry.address.ip));
    match entry {
        Some(entry) => item(text, entry),
        None => Item {
            text,
            left: fallback,
            remark: "not configured",
        },
    }
}

fn item(text: String, entry: &Entry) -> Item {
    let has = |flag: u32| entry.flags & flag != 0;
    let remark = match () {
        () if has(addr::DUPLICATE) => "duplicate",
        () if has(addr::TENTATIVE) && !has(addr::OPTIMISTIC) => "tentative",
        () if has(addr::DEPRECATED) => "deprecated",
        () => "",
    };
    let valid = entry.address.valid;
    Item {
        text,
        left: valid.map_or(Left::ForEver, |seconds| Left::Seconds(seconds.into())),
        remark,
    }
}

/// Addresses and default routes that no lease names; link-local ones are everywhere.
fn others(link: &Link, own: &[&Entry], routes: &[Route], sources: &[Source]) -> Option<Source> {
    // A record may name an address without its length.
    let named = |ip: IpAddr| {
        let mut items = sources.iter().flat_map(|source| &source.addresses);
        items.any(|item| parse_prefixed(&item.text).is_ok_and(|(known, _)| known == ip))
    };
    let global = own.iter().filter(|entry| entry.scope < LINK_SCOPE);
    let addresses = global.filter_map(|entry| {
        let text = format!("{}/{}", entry.address.ip, entry.address.prefix);
        (!named(entry.address.ip)).then(|| item(text, entry))
    });
    let mut source = Source {
        addresses: addresses.collect(),
        ..empty("static")
    };
    let gateway = routes.iter().find_map(|route| {
        let ours = is_default(route) && route.index == Some(link.index);
        let gateway = route.gateway.filter(|_| ours)?.to_string();
        let known = sources
            .iter()
            .any(|source| source.gateway.as_ref() == Some(&gateway));
        (!known).then_some(gateway)
    });
    // A route of a client's second router belongs to the client.
    if sources.iter().all(|source| source.gateway.is_none()) {
        source.gateway = gateway;
    }
    let nothing = source.addresses.is_empty() && source.gateway.is_none();
    (!nothing).then_some(source)
}

/// Whether it is a way to everywhere.
pub fn is_default(route: &Route) -> bool {
    route.prefix == 0 && route.kind == Kind::Unicast && route.destination.is_unspecified()
}

#[cfg(test)]
mod tests;
