//! What hosts are to know, and the message that tells them. Pure. Invariant: a lifetime that is advertised is
//! never longer than what is left of the address that it is about.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::net::nd::wire::{
    Preference, PrefixInformation, RecursiveDns, RouteInformation, RouterAdvertisement, SearchList,
};
use crate::time::Instant;

/// ND_PREFERRED_LIMIT (RFC 9096 §3.2): for how long hosts believe what nobody repeats.
const PREFERRED_LIMIT: u32 = 2700;
/// By how much two readings of the same lifetime may differ.
const SLACK: Duration = Duration::from_secs(5);

/// A network: address, host bits zero, and length.
pub type Network = (Ipv6Addr, u8);

/// A prefix of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub network: Network,
    /// Until when it is preferred; `None`: for ever.
    pub preferred: Option<Instant>,
    /// Until when it is valid; `None`: for ever.
    pub valid: Option<Instant>,
}

/// What hosts are to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Seconds for which this is a default router; 0: it is none.
    pub lifetime: u16,
    /// Against other routers.
    pub preference: Preference,
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// The router's hardware address, where it has one of 6 bytes.
    pub source: Option<[u8; 6]>,
    /// The MTU of the link, where it is to be told.
    pub mtu: Option<u32>,
    /// The prefixes of the link.
    pub prefixes: Vec<Prefix>,
    /// What else can be reached through this router.
    pub routes: Vec<Network>,
    /// Name servers, best first.
    pub dns: Vec<Ipv6Addr>,
    /// Domains to search.
    pub search: Vec<String>,
}

/// How one content differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Not at all.
    None,
    /// In lifetimes that were renewed or shortened.
    Times,
    /// In what there is.
    Substance,
}

impl Content {
    /// How this differs from what was there before.
    pub fn differs(&self, before: &Self) -> Difference {
        let bare = |content: &Self| Self {
            prefixes: Vec::new(),
            ..content.clone()
        };
        let networks = |content: &Self| -> Vec<Network> {
            content
                .prefixes
                .iter()
                .map(|prefix| prefix.network)
                .collect()
        };
        if bare(self) != bare(before) || networks(self) != networks(before) {
            return Difference::Substance;
        }
        let mut pairs = self.prefixes.iter().zip(&before.prefixes);
        let same = |(one, other): (&Prefix, &Prefix)| {
            is_close(one.preferred, other.preferred) && is_close(one.valid, other.valid)
        };
        match pairs.all(same) {
            true => Difference::None,
            false => Difference::Times,
        }
    }

    /// The message as it is now. `interval`: MaxRtrAdvInterval, which what the kernel sets no limit to is told
    /// for a multiple of.
    pub fn message(&self, interval: Duration, now: Instant) -> RouterAdvertisement {
        let lifetime = lifetime(interval);
        let limit = lifetime.max(PREFERRED_LIMIT);
        let left = |until: Option<Instant>, most: u32| match until {
            Some(until) => u32::try_from(until.since(now).as_secs())
                .unwrap_or(most)
                .min(most),
            None => most,
        };
        let prefixes = self.prefixes.iter().map(|prefix| {
            let valid = left(prefix.valid, limit * 2);
            PrefixInformation {
                prefix: prefix.network.0,
                length: prefix.network.1,
                on_link: true,
                // RFC 4862 §5.5.3: interface identifiers have 64 bits.
                autonomous: prefix.network.1 == 64,
                valid,
                preferred: left(prefix.preferred, limit).min(valid),
            }
        });
        let routes = self
            .routes
            .iter()
            .map(|&route| information(route, lifetime));
        let mut message = RouterAdvertisement {
            // What hosts begin with anyway (RFC 1700).
            hop_limit: 64,
            managed: self.managed,
            other: self.other,
            preference: self.preference,
            lifetime: self.lifetime,
            source: self.source,
            mtu: self.mtu,
            prefixes: prefixes.collect(),
            routes: routes.collect(),
            ..RouterAdvertisement::default()
        };
        add_dns(&mut message, &self.dns, lifetime);
        add_search(&mut message, &self.search, lifetime);
        message
    }
}

/// Seconds for which hosts keep what is repeated every so often: three times (RFC 4861 §6.2.1, RFC 8106 §5).
pub fn lifetime(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs() * 3).unwrap_or(u32::MAX)
}

/// A route of medium preference.
pub(super) fn information((prefix, length): Network, lifetime: u32) -> RouteInformation {
    RouteInformation {
        prefix,
        length,
        preference: Preference::Medium,
        lifetime,
    }
}

/// Adds an option for name servers, if there are any.
pub(super) fn add_dns(message: &mut RouterAdvertisement, servers: &[Ipv6Addr], lifetime: u32) {
    if !servers.is_empty() {
        let servers = servers.to_vec();
        message.dns.push(RecursiveDns { lifetime, servers });
    }
}

/// Adds an option for domains, if there are any.
pub(super) fn add_search(message: &mut RouterAdvertisement, domains: &[String], lifetime: u32) {
    if !domains.is_empty() {
        let domains = domains.to_vec();
        message.search.push(SearchList { lifetime, domains });
    }
}

fn is_close(one: Option<Instant>, other: Option<Instant>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.since(other).max(other.since(one)) <= SLACK,
        (one, other) => one == other,
    }
}
