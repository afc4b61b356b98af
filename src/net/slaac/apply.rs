//! What is known → the kernel's configuration. Invariant: everything has the lifetime that the router gave
//! it, so that it ends by itself when nobody is there; what was set before and is not known any more is
//! removed; what others have set is left alone.

use std::net::{IpAddr, Ipv6Addr};

use nix::errno::Errno;

use super::kernel::Parameters;
use super::lease::{Assigned, FOR_EVER, Router, Settings, prefix_of};
use crate::failure::Failure;
use crate::net::nd::wire::Preference;
use crate::net::netlink::addr::{self, Address, NO_DAD, NO_PREFIX_ROUTE, OPTIMISTIC};
use crate::net::netlink::link::Link;
use crate::net::netlink::neigh;
use crate::net::netlink::route::{self, Route};
use crate::net::netlink::socket::Socket;
use crate::sort;
use crate::time::Instant;

/// RTPROT_RA of linux/rtnetlink.h.
const PROTOCOL_RA: u8 = 9;
/// The kernel's own for networks on a link.
const ON_LINK_METRIC: u32 = 256;
/// The kernel's own for routes by routers.
const METRIC: u32 = 1024;
/// Metrics that an interface has for itself: one for each router ([`super::learn::MOST_ROUTERS`]).
const EACH: u32 = 8;
/// Added for a router of low preference: behind those of every other interface.
const LAST_RESORT: u32 = 0x1_0000;

/// How addresses are checked for duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// Used at once, and checked (RFC 4429).
    #[default]
    Optimistic,
    /// Used once they are checked.
    Before,
    /// Not at all.
    Never,
}

/// What of the settings is used.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Install no routes but those to networks on the link.
    pub no_routes: bool,
    /// Write `resolv.conf`.
    pub dns: bool,
    /// Metric of the routes by the best router; `None`: 1024 + 8 × interface index.
    pub metric: Option<u32>,
    /// When addresses are used.
    pub check: Check,
}

impl Policy {
    /// Metric of the best router's routes. Two routes of the same metric would share the packets, whatever
    /// their interfaces are.
    fn metric(&self, index: u32) -> u32 {
        let own = || METRIC.saturating_add(index.saturating_mul(EACH));
        self.metric.unwrap_or_else(own)
    }

    /// The place of an interface's servers in `resolv.conf`: beside those that DHCPv4 gets there.
    pub fn dns_metric(&self, index: u32) -> u32 {
        self.metric.unwrap_or(index.saturating_add(1000))
    }
}

/// What a configuration is made on.
pub struct Target<'a> {
    /// The kernel.
    pub socket: &'a mut Socket,
    /// The interface.
    pub link: &'a Link,
    /// What of the settings is used.
    pub policy: &'a Policy,
    /// Now.
    pub now: Instant,
}

impl Target<'_> {
    /// Has the kernel as `new` says, in place of `old`. Returns what failed.
    pub fn configure(
        &mut self,
        parameters: &mut Parameters,
        new: &Settings,
        old: &Settings,
    ) -> Vec<Failure> {
        let mut failures = Vec::new();
        for item in &new.addresses {
            let known = old.addresses.iter().any(|other| other.ip == item.ip);
            failures.extend(self.put(item, known).err());
        }
        let known = |router: &Router| old.routers.iter().any(|other| other == router);
        for router in new.routers.iter().filter(|router| !known(router)) {
            if let Some(mac) = router.mac {
                let index = self.link.index;
                failures
                    .extend(neigh::seed_router(self.socket, index, router.ip.into(), &mac).err());
            }
        }
        self.route(new, old, &mut failures);
        for stale in &old.addresses {
            if !new.addresses.iter().any(|item| item.ip == stale.ip) {
                // Gone already where its time is over.
                let _ = addr::remove(self.socket, &self.address(stale, 0));
            }
        }
        failures.extend(self.set_parameters(parameters, new, old));
        failures
    }

    /// Removes all of it: every route by these routers through the interface, whatever its metric is.
    pub fn remove(&mut self, old: &Settings) {
        let ours =
            |route: &Route| route.protocol == PROTOCOL_RA && route.index == Some(self.link.index);
        for route in route::list(self.socket).unwrap_or_default() {
            if ours(&route) {
                let _ = route::remove(self.socket, &route);
            }
        }
        for stale in &old.addresses {
            let _ = addr::remove(self.socket, &self.address(stale, 0));
        }
    }

    fn route(&mut self, new: &Settings, old: &Settings, failures: &mut Vec<Failure>) {
        let wanted = routes(self.link.index, self.policy, new, self.now);
        let had = routes(self.link.index, self.policy, old, self.now);
        for route in &wanted {
            // The kernel changes neither the preference of a route nor whether it ends at all.
            if had.iter().any(|old| same(old, route) && !alike(old, route)) {
                let _ = route::remove(self.socket, route);
            }
            match route::refresh(self.socket, route) {
                // A kernel without CONFIG_IPV6_SUBTREES: every packet goes to the best router.
                Err(failure) if route.from.is_some() && failure.cause() == Some(Errno::EINVAL) => {}
                refreshed => failures.extend(refreshed.err()),
            }
        }
        for stale in had {
            if !wanted.iter().any(|route| same(route, &stale)) {
                let _ = route::remove(self.socket, &stale);
            }
        }
    }

    fn set_parameters(
        &self,
        parameters: &mut Parameters,
        new: &Settings,
        old: &Settings,
    ) -> Vec<Failure> {
        let steps = [
            new.mtu
                .filter(|_| new.mtu != old.mtu)
                .map(|mtu| parameters.set_mtu(mtu)),
            new.hop_limit
                .filter(|_| new.hop_limit != old.hop_limit)
                .map(|hops| parameters.set_hop_limit(hops)),
            new.reachable
                .filter(|_| new.reachable != old.reachable)
                .map(|time| parameters.set_reachable(time)),
            new.retransmit
                .filter(|_| new.retransmit != old.retransmit)
                .map(|time| parameters.set_retransmit(time)),
        ];
        steps.into_iter().flatten().flatten().collect()
    }

    /// An address that is there keeps the state of its check.
    fn put(&mut self, item: &Assigned, known: bool) -> Result<(), Failure> {
        if !known {
            let flags = match self.policy.check {
                Check::Optimistic => OPTIMISTIC,
                Check::Before => 0,
                Check::Never => NO_DAD,
            };
            let fresh = self.address(item, flags);
            match addr::add(self.socket, &fresh) {
                Err(failure) if failure.cause() == Some(Errno::EEXIST) => {}
                added => return added,
            }
        }
        let address = self.address(item, 0);
        addr::replace(self.socket, &address)
    }

    fn address(&self, item: &Assigned, flags: u32) -> Address {
        Address {
            index: self.link.index,
            ip: item.ip.into(),
            prefix: 64,
            broadcast: None,
            valid: left(item.valid, self.now),
            preferred: match item.deprecated {
                true => Some(0),
                false => left(item.preferred, self.now),
            },
            // What is on the link is another matter (RFC 5942 §4).
            flags: flags | NO_PREFIX_ROUTE,
        }
    }
}

/// Seconds until a moment, 1 at least, as 0 would be none; `None`: for ever.
fn left(end: Instant, now: Instant) -> Option<u32> {
    let seconds = end.since(now).as_millis().div_ceil(1000).max(1);
    (end != FOR_EVER).then(|| u32::try_from(seconds).unwrap_or(u32::MAX - 1))
}

/// Whether they are one route for the kernel.
fn same(a: &Route, b: &Route) -> bool {
    let key = |route: &Route| {
        (
            route.destination,
            route.prefix,
            route.gateway,
            route.metric,
            route.from,
        )
    };
    key(a) == key(b)
}

fn alike(a: &Route, b: &Route) -> bool {
    (a.preference, a.expires.is_some()) == (b.preference, b.expires.is_some())
}

/// Every route, networks on the link first, as gateways are there.
fn routes(index: u32, policy: &Policy, known: &Settings, now: Instant) -> Vec<Route> {
    let build = |prefix: Ipv6Addr, length, until| Route {
        index: Some(index),
        metric: Some(ON_LINK_METRIC),
        expires: left(until, now),
        ..Route::to(prefix.into(), length, PROTOCOL_RA)
    };
    let on_link = known.on_link.iter();
    let mut routes: Vec<_> = on_link
        .map(|item| build(item.prefix, item.length, item.until))
        .collect();
    if policy.no_routes {
        return routes;
    }
    let via = |route: Route, router: Ipv6Addr, preference, rank: usize| {
        let last = if preference == Preference::Low {
            LAST_RESORT
        } else {
            0
        };
        let metric = policy.metric(index).saturating_add(last);
        Route {
            gateway: Some(IpAddr::V6(router)),
            metric: Some(metric.saturating_add(rank as u32)),
            preference: Some(preference),
            ..route
        }
    };
    for (rank, router) in known.routers.iter().enumerate() {
        let default = build(Ipv6Addr::UNSPECIFIED, 0, router.until);
        let default = via(default, router.ip, router.preference, rank);
        // RFC 8028 §3.2: packets from a prefix go to a router that advertises it.
        for address in known
            .addresses
            .iter()
            .filter(|item| is_partial(item, known))
        {
            let from = Some((prefix_of(address.ip).into(), 64));
            if address.routers.contains(&router.ip) {
                routes.push(Route {
                    from,
                    ..default.clone()
                });
            }
        }
        routes.push(default);
    }
    let mut specific: Vec<_> = known.routes.iter().collect();
    sort::sort_by(&mut specific, |a, b| b.preference.cmp(&a.preference));
    for (at, item) in specific.iter().enumerate() {
        let rivals = specific[..at].iter();
        let rivals =
            rivals.filter(|other| (other.prefix, other.length) == (item.prefix, item.length));
        let route = build(item.prefix, item.length, item.until);
        routes.push(via(route, item.router, item.preference, rivals.count()));
    }
    routes
}

/// Whether some default router, but not every one, advertises the prefix of an address.
fn is_partial(item: &Assigned, known: &Settings) -> bool {
    let advertises = |router: &Router| item.routers.contains(&router.ip);
    known.routers.iter().any(advertises) && !known.routers.iter().all(advertises)
}
