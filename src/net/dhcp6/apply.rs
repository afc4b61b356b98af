//! A lease → the kernel's configuration. Invariant: what an earlier lease had set and the new one does not
//! is removed; what others have set is left alone; what both have is never taken out in between; and
//! addresses end by themselves when nobody renews them.

use std::net::Ipv6Addr;

use nix::errno::Errno;

use super::lease::{DelegatedPrefix, Lease, LeasedAddress, Lifetimes};
use crate::failure::Failure;
use crate::net::link_local::Dad;
use crate::net::netlink::addr::{self, Address, NO_PREFIX_ROUTE, OPTIMISTIC};
use crate::net::netlink::link::Link;
use crate::net::netlink::route::{self, Kind, Route};
use crate::net::netlink::socket::Socket;

/// RTPROT_DHCP of linux/rtnetlink.h.
const PROTOCOL_DHCP: u8 = 16;
/// Behind whatever somebody routes of a prefix.
const METRIC: u32 = 4096;

/// What of a lease is used.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Install no unreachable routes for delegated prefixes.
    pub no_routes: bool,
    /// Write `resolv.conf`.
    pub dns: bool,
    /// Metric of the routes, and the place of its servers in `resolv.conf`; `None`: 4096, and
    /// 1000 + interface index.
    pub metric: Option<u32>,
    /// When addresses may be used.
    pub dad: Dad,
    /// The client is one that `slaac --follow` has started.
    pub followed: bool,
}

impl Policy {
    fn metric(&self) -> u32 {
        self.metric.unwrap_or(METRIC)
    }

    /// The place of an interface's servers in `resolv.conf`: beside those that DHCPv4 gets there.
    pub fn dns_metric(&self, index: u32) -> u32 {
        self.metric.unwrap_or(index.saturating_add(1000))
    }
}

/// Configures what the lease grants in place of what `old` had. Its lifetimes began `elapsed` seconds ago.
/// Returns what failed.
pub fn configure(
    socket: &mut Socket,
    link: &Link,
    policy: &Policy,
    lease: &Lease,
    elapsed: u32,
    old: Option<&Lease>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let had = |ip: Ipv6Addr| old.is_some_and(|old| has_address(old, ip));
    for leased in &lease.addresses {
        let left = remaining(leased.times, elapsed);
        if left.valid > 0 {
            let address = address(link.index, leased.ip, left);
            failures.extend(put(socket, address, policy.dad, had(leased.ip)).err());
        }
    }
    for route in routes(policy, lease, elapsed) {
        failures.extend(route::replace(socket, &route).err());
    }
    if let Some(old) = old {
        remove(socket, link, policy, old, Some((lease, elapsed)));
    }
    failures
}

/// Removes what the lease has configured; whatever is gone already is not missed.
pub fn deconfigure(socket: &mut Socket, link: &Link, policy: &Policy, lease: &Lease) {
    remove(socket, link, policy, lease, None);
}

/// Removes what `old` has and the other lease does not have (any more).
pub fn remove(
    socket: &mut Socket,
    link: &Link,
    policy: &Policy,
    old: &Lease,
    kept: Option<(&Lease, u32)>,
) {
    for LeasedAddress { ip, times } in &old.addresses {
        let is_kept = kept.is_some_and(|(lease, elapsed)| {
            let mut same = lease.addresses.iter().filter(|other| other.ip == *ip);
            same.any(|other| remaining(other.times, elapsed).valid > 0)
        });
        if !is_kept {
            let _ = addr::remove(socket, &address(link.index, *ip, *times));
        }
    }
    let wanted = kept.map(|(lease, elapsed)| routes(policy, lease, elapsed));
    for stale in routes(policy, old, 0) {
        let same =
            |route: &Route| (route.destination, route.prefix) == (stale.destination, stale.prefix);
        if !wanted.iter().flatten().any(same) {
            let _ = route::remove(socket, &stale);
        }
    }
}

fn has_address(lease: &Lease, ip: Ipv6Addr) -> bool {
    lease.addresses.iter().any(|leased| leased.ip == ip)
}

/// An address that is there keeps the state of its duplicate address detection.
fn put(socket: &mut Socket, address: Address, dad: Dad, known: bool) -> Result<(), Failure> {
    if !known {
        let optimistic = if dad == Dad::Optimistic {
            OPTIMISTIC
        } else {
            0
        };
        let flags = address.flags | optimistic;
        let fresh = Address {
            flags,
            ..address.clone()
        };
        match addr::add(socket, &fresh) {
            Err(failure) if failure.cause() == Some(Errno::EEXIST) => {}
            added => return added,
        }
    }
    addr::replace(socket, &address)
}

/// Of length 128 and without a route: what is on the link, a router says (RFC 5942 §4).
fn address(index: u32, ip: Ipv6Addr, left: Lifetimes) -> Address {
    let limited = |seconds| (seconds != u32::MAX).then_some(seconds);
    Address {
        index,
        ip: ip.into(),
        prefix: 128,
        broadcast: None,
        valid: limited(left.valid),
        preferred: limited(left.preferred),
        flags: NO_PREFIX_ROUTE,
    }
}

/// What is left of lifetimes after some seconds.
pub fn remaining(times: Lifetimes, elapsed: u32) -> Lifetimes {
    let left = |seconds: u32| match seconds {
        u32::MAX => u32::MAX,
        seconds => seconds.saturating_sub(elapsed),
    };
    Lifetimes {
        preferred: left(times.preferred),
        valid: left(times.valid),
    }
}

/// RFC 8415 §19.1.1 by way of RFC 7084 WPD-5: what is delegated and not in use must not go back to where
/// it came from. Whatever of it is assigned to a link is more specific or has a better metric.
///
/// The kernel forgets when such a route is to end (`ip6_route_info_create` drops RTF_EXPIRES of reject
/// routes, seen with 6.18): it ends with its client, or when the next one begins.
fn routes(policy: &Policy, lease: &Lease, elapsed: u32) -> Vec<Route> {
    let prefixes = lease.prefixes.iter().filter(|_| !policy.no_routes);
    let lasting = prefixes.filter(|delegated| remaining(delegated.times, elapsed).valid > 0);
    let route = |delegated: &DelegatedPrefix| {
        let left = remaining(delegated.times, elapsed).valid;
        Route {
            metric: Some(policy.metric()),
            kind: Kind::Unreachable,
            expires: Some(left).filter(|&left| left != u32::MAX),
            ..Route::to(delegated.prefix.into(), delegated.length, PROTOCOL_DHCP)
        }
    };
    lasting.map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_run_out_unless_they_are_for_ever() {
        let times = Lifetimes {
            preferred: 100,
            valid: u32::MAX,
        };
        assert_eq!(remaining(times, 30).preferred, 70);
        assert_eq!(remaining(times, 300).preferred, 0);
        assert_eq!(remaining(times, u32::MAX).valid, u32::MAX);
        let address = address(2, Ipv6Addr::LOCALHOST, remaining(times, 30));
        assert_eq!((address.preferred, address.valid), (Some(70), None));
    }

    #[test]
    fn an_unreachable_route_for_each_prefix_that_is_still_valid() {
        let delegated = |valid| DelegatedPrefix {
            iaid: 1,
            prefix: Ipv6Addr::new(0x2001, 0xdb8, valid as u16, 0, 0, 0, 0, 0),
            length: 56,
            times: Lifetimes {
                preferred: 0,
                valid,
            },
            excluded: None,
        };
        let lease = Lease {
            prefixes: vec![delegated(10), delegated(20), delegated(u32::MAX)],
            ..Lease::default()
        };
        let shown = |policy: &Policy| {
            let routes = routes(policy, &lease, 10);
            let each = routes
                .iter()
                .map(|route| (route.expires, route.metric, route.kind));
            each.collect::<Vec<_>>()
        };
        let expected = [
            (Some(10), Some(METRIC), Kind::Unreachable),
            (None, Some(METRIC), Kind::Unreachable),
        ];
        assert_eq!(shown(&Policy::default()), expected);
        let without = Policy {
            no_routes: true,
            ..Policy::default()
        };
        assert!(shown(&without).is_empty());
    }
}
