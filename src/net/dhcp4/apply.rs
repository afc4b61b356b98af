//! A lease → the kernel's configuration. Invariant: what an earlier lease had set and the new one does
//! not is removed; what others have set is left alone.

use std::net::{IpAddr, Ipv4Addr};

use super::lease::Lease;
use crate::failure::Failure;
use crate::net::netlink::addr::{self, Address};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::route::{self, Route};
use crate::net::netlink::socket::Socket;

/// RTPROT_DHCP of linux/rtnetlink.h.
const PROTOCOL_DHCP: u8 = 16;
/// Added to the interface's index where no metric is given, so that the default routes of two
/// interfaces do not replace each other and the first interface's wins.
const METRIC: u32 = 1000;

/// What of a lease is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Install no routes but the address's own network.
    pub no_routes: bool,
    /// Write `resolv.conf`.
    pub dns: bool,
    /// Metric of the routes; `None`: 1000 + interface index.
    pub metric: Option<u32>,
}

/// Configures the interface in place of what `old` had configured. Returns what failed without making
/// the address useless (MTU, single routes).
///
/// Errors: the address cannot be set.
pub fn configure(
    socket: &mut Socket,
    link: &Link,
    policy: &Policy,
    lease: &Lease,
    old: Option<(&Lease, &Policy)>,
) -> Result<Vec<Failure>, Failure> {
    let mut failures = Vec::new();
    // Some drivers reset the link for a new MTU: only where it differs, and once for each lease.
    let mtu = lease
        .mtu
        .filter(|_| old.is_none_or(|(old, _)| old.mtu != lease.mtu));
    if let Some(mtu) = mtu.filter(|&mtu| u32::from(mtu) != link.mtu) {
        failures.extend(link::set_mtu(socket, link.index, mtu.into()).err());
    }
    // Removed first: the kernel would remove a second address of the same network with the first.
    let moved = |old: &Lease| (old.address, old.prefix) != (lease.address, lease.prefix);
    if let Some((old, _)) = old.filter(|(old, _)| moved(old)) {
        let _ = addr::remove(socket, &address(link.index, old));
    }
    addr::replace(socket, &address(link.index, lease))?;
    let wanted = routes(link.index, policy, lease);
    let stale = old.map(|(old, policy)| routes(link.index, policy, old));
    for stale in stale.unwrap_or_default() {
        if !wanted.contains(&stale) {
            // Gone already where it hung on an address that is gone.
            let _ = route::remove(socket, &stale);
        }
    }
    failures.extend(set_routes(socket, link, policy, lease));
    Ok(failures)
}

/// Sets the address and the routes of a lease again that began `elapsed` seconds ago; what failed.
pub fn put_back(
    socket: &mut Socket,
    link: &Link,
    policy: &Policy,
    lease: &Lease,
    elapsed: u32,
) -> Vec<Failure> {
    let left = lease.times.expire().map(|all| all.saturating_sub(elapsed));
    let address = Address {
        valid: left,
        preferred: left,
        ..address(link.index, lease)
    };
    match addr::replace(socket, &address) {
        Ok(()) => set_routes(socket, link, policy, lease),
        Err(failure) => vec![failure],
    }
}

/// Sets a lease's routes; what failed.
pub fn set_routes(
    socket: &mut Socket,
    link: &Link,
    policy: &Policy,
    lease: &Lease,
) -> Vec<Failure> {
    let wanted = routes(link.index, policy, lease);
    let set = |route| route::replace(socket, route).err();
    wanted.iter().filter_map(set).collect()
}

/// Removes what the lease has configured; whatever is gone already is not missed. The MTU stays.
pub fn deconfigure(socket: &mut Socket, link: &Link, policy: &Policy, lease: &Lease) {
    for route in routes(link.index, policy, lease) {
        let _ = route::remove(socket, &route);
    }
    let _ = addr::remove(socket, &address(link.index, lease));
}

/// The lifetime is the kernel's to watch, too: an address whose client died does not outlive its lease.
fn address(index: u32, lease: &Lease) -> Address {
    Address {
        index,
        ip: lease.address.into(),
        prefix: lease.prefix,
        broadcast: lease.broadcast,
        valid: lease.times.expire(),
        preferred: lease.times.expire(),
        flags: 0,
    }
}

/// Routes in the order in which they must be added: gateways outside the lease's own network (a /32 on
/// GCP, Hetzner, Firecracker) first get a route to themselves.
fn routes(index: u32, policy: &Policy, lease: &Lease) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    if policy.no_routes {
        return routes;
    }
    for wanted in &lease.routes {
        let gateway = Some(wanted.gateway).filter(|gateway| !gateway.is_unspecified());
        let off_link = gateway.filter(|&gateway| !lease.on_link(gateway));
        let to_gateway = off_link.map(|gateway| build(index, policy, lease, gateway, 32, None));
        let route = build(
            index,
            policy,
            lease,
            wanted.destination,
            wanted.prefix,
            gateway,
        );
        let route = Route {
            onlink: off_link.is_some(),
            ..route
        };
        for route in to_gateway.into_iter().chain([route]) {
            if !routes.contains(&route) {
                routes.push(route);
            }
        }
    }
    routes
}

/// The metric of an interface's routes.
pub fn metric(index: u32, policy: &Policy) -> u32 {
    policy.metric.unwrap_or(METRIC.saturating_add(index))
}

fn build(
    index: u32,
    policy: &Policy,
    lease: &Lease,
    destination: Ipv4Addr,
    prefix: u8,
    gateway: Option<Ipv4Addr>,
) -> Route {
    Route {
        gateway: gateway.map(IpAddr::from),
        index: Some(index),
        metric: Some(metric(index, policy)),
        source: Some(lease.address.into()),
        ..Route::to(destination.into(), prefix, PROTOCOL_DHCP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::dhcp4::lease::Times;
    use crate::net::dhcp4::options::StaticRoute;

    fn lease(prefix: u8, routes: &[([u8; 4], u8, [u8; 4])]) -> Lease {
        let routes = routes
            .iter()
            .map(|&(destination, prefix, gateway)| StaticRoute {
                destination: destination.into(),
                prefix,
                gateway: gateway.into(),
            });
        Lease {
            address: Ipv4Addr::new(10, 0, 2, 15),
            prefix,
            broadcast: None,
            routes: routes.collect(),
            dns: vec![],
            search: vec![],
            domain: None,
            hostname: None,
            ntp: vec![],
            mtu: None,
            server: None,
            times: Times::Infinite,
            raw: vec![],
        }
    }

    fn shown(lease: &Lease) -> Vec<String> {
        let show = |route: Route| {
            let via = route
                .gateway
                .map(|ip| format!(" via {ip}"))
                .unwrap_or_default();
            let onlink = if route.onlink { " onlink" } else { "" };
            let metric = route.metric.unwrap();
            format!(
                "{}/{}{via}{onlink} metric {metric}",
                route.destination, route.prefix
            )
        };
        routes(2, &Policy::default(), lease)
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn a_gateway_on_the_link_needs_no_help() {
        let lease = lease(24, &[([0; 4], 0, [10, 0, 2, 2])]);
        assert_eq!(shown(&lease), ["0.0.0.0/0 via 10.0.2.2 metric 1002"]);
    }

    #[test]
    fn gateways_off_the_link_are_made_reachable_once() {
        let gateway = [169, 254, 0, 1];
        let lease = lease(32, &[([10, 9, 0, 0], 16, gateway), ([0; 4], 0, gateway)]);
        let expected = [
            "169.254.0.1/32 metric 1002",
            "10.9.0.0/16 via 169.254.0.1 onlink metric 1002",
            "0.0.0.0/0 via 169.254.0.1 onlink metric 1002",
        ];
        assert_eq!(shown(&lease), expected);
    }

    #[test]
    fn a_route_without_gateway_is_on_the_link() {
        let lease = lease(24, &[([192, 168, 7, 0], 24, [0; 4])]);
        assert_eq!(shown(&lease), ["192.168.7.0/24 metric 1002"]);
    }
}
