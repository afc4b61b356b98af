//! What hosts are to know, gathered from what the router was asked to tell, the kernel and the records.
//! Invariant: it has an end, and is the same as long as nothing has changed.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::{Client, Dns};
use crate::failure::Failure;
use crate::net::address::network;
use crate::net::lease;
use crate::net::netlink::addr::{self, Address};
use crate::net::netlink::route;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::pd::delegation::networks;
use crate::net::pd::driver::KIND as PD;
use crate::net::ra::content::{Content, Network, Prefix};
use crate::net::resolv;
use crate::net::status::is_default;
use crate::sort;
use crate::time::Instant;

/// Prefixes, routes, servers and domains that are taken of what there is, of each: hosts have their limits, too.
const MOST: usize = 32;

impl Client {
    /// Asks all of them anew. Errors: the kernel does not say.
    pub(super) fn content(
        &mut self,
        netlink: &mut Netlink,
        now: Instant,
    ) -> Result<Content, Failure> {
        let options = &self.options;
        let addresses = addr::list(netlink, Some(self.station.link.index))?;
        let mut prefixes = match &options.prefixes {
            Some(given) => given.iter().map(|&network| for_ever(network)).collect(),
            None => prefixes(&addresses, now),
        };
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
        let (mut dns, domains) = match &options.dns {
            Dns::Known => resolv::known6(),
            Dns::Own => (self.own(&addresses), Vec::new()),
            Dns::These(servers) => (servers.clone(), Vec::new()),
        };
        let mut search = options.search.clone().unwrap_or(domains);
        prefixes.truncate(self.at_most("prefixes", prefixes.len()));
        routes.truncate(self.at_most("routes", routes.len()));
        dns.truncate(self.at_most("name servers", dns.len()));
        search.truncate(self.at_most("domains", search.len()));
        let options = &self.options;
        Ok(Content {
            lifetime,
            preference: options.preference,
            managed: options.managed,
            other: options.other,
            source: self.station.link.mac.as_slice().try_into().ok(),
            mtu: options.mtu,
            prefixes,
            routes,
            dns,
            search,
        })
    }

    /// [`MOST`], and says once what there is more of.
    fn at_most(&mut self, what: &'static str, count: usize) -> usize {
        if count > MOST && !self.left_out.contains(&what) {
            self.left_out.push(what);
            let text = format!("hosts are told the first {MOST} {what} of {count}");
            self.station.problem(text);
        }
        MOST
    }

    /// Whether packets for anywhere can be sent on (RFC 7084 G-4, G-5).
    fn has_way_out(&self, netlink: &mut Netlink) -> Result<bool, Failure> {
        let routes = route::list(netlink)?;
        let elsewhere = |index: Option<u32>| index != Some(self.station.link.index);
        let mut all = routes.iter().filter(|route| route.destination.is_ipv6());
        Ok(all.any(|route| is_default(route) && elsewhere(route.index)))
    }

    /// What the link's subnets are parts of (RFC 7084 L-3).
    fn delegated(&self) -> Vec<Network> {
        let record = lease::load(&self.station.link.name, PD).unwrap_or_default();
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
