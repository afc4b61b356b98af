//! What is shown for which records, addresses and routes.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::net::netlink::addr::Address;

fn link() -> Link {
    Link {
        index: 2,
        name: "eth0".to_owned(),
        ..Link::default()
    }
}

fn entry(text: &str, valid: Option<u32>, flags: u32) -> Entry {
    let (ip, prefix) = parse_prefixed(text).unwrap();
    let scope = match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => LINK_SCOPE,
        _ => 0,
    };
    Entry {
        address: Address {
            index: 2,
            ip,
            prefix: prefix.unwrap(),
            broadcast: None,
            valid,
            preferred: valid,
            flags: 0,
        },
        peer: None,
        flags,
        scope,
    }
}

fn found(kind: &'static str, text: &str) -> Found {
    Found {
        interface: "eth0".to_owned(),
        kind,
        record: Record::parse(text),
    }
}

fn default_via(gateway: &str) -> Route {
    let gateway: IpAddr = gateway.parse().unwrap();
    let everywhere: IpAddr = if gateway.is_ipv4() { "0.0.0.0" } else { "::" }
        .parse()
        .unwrap();
    Route {
        gateway: Some(gateway),
        index: Some(2),
        ..Route::to(everywhere, 0, 3)
    }
}

/// `kind address(remark) left|prefix left via gateway dns … why`, one line each.
fn shown(addresses: &[Entry], routes: &[Route], leases: &[Found], states: &[Found]) -> Vec<String> {
    let seen = Seen {
        addresses,
        routes,
        leases,
        states,
        now: Instant::from_boot(Duration::from_secs(100)),
    };
    let show = |source: Source| {
        let items = source.addresses.iter().chain(&source.prefixes);
        let items: Vec<_> = items
            .map(|item| format!("{}[{}]{}", item.text, item.remark, item.left))
            .collect();
        format!(
            "{} {} via {} dns {} why {}",
            source.kind,
            items.join(" "),
            source.gateway.unwrap_or_default(),
            source.dns.join(" "),
            source.why.unwrap_or_default()
        )
    };
    of(&link(), &seen).into_iter().map(show).collect()
}

#[test]
fn dual_stack_with_a_delegated_prefix() {
    let addresses = [
        entry("10.0.2.15/24", Some(86_000), 0),
        entry("fd00::5/64", Some(500), addr::TENTATIVE | addr::OPTIMISTIC),
        entry("fe80::5/64", None, 0),
    ];
    let leases = [
        found(
            "dhcp4",
            "ip4=10.0.2.15\nprefix=24\ngateway=10.0.2.2\ndns=10.0.2.3\nlease=86400\nbound=10\n",
        ),
        found(
            "slaac",
            "ip6=fd00::5/64\ngateway6=fe80::1 fe80::2\ndns6=fd00::3\n",
        ),
        found(
            "dhcp6",
            "pd=2001:db8::/56\ndelegations=2001:db8::/56,1,50,100\nrenewed=90000\n",
        ),
    ];
    let routes = [default_via("10.0.2.2"), default_via("fe80::2")];
    assert_eq!(
        shown(&addresses, &routes, &leases, &[]),
        [
            "dhcp4 10.0.2.15/24[]23h53m via 10.0.2.2 dns 10.0.2.3 why ",
            "slaac fd00::5/64[]8m20s via fe80::1 dns fd00::3 why ",
            "dhcp6 2001:db8::/56[]1m30s via  dns  why ",
        ]
    );
}

#[test]
fn what_is_wrong_is_said() {
    let addresses = [
        entry("fd00::5/64", None, addr::DUPLICATE | addr::TENTATIVE),
        entry("fd00::6/64", None, addr::TENTATIVE),
        entry("fd00::7/64", None, addr::DEPRECATED),
    ];
    let leases = [
        found("dhcp4", "ip4=10.0.2.15\nprefix=24\nlease=200\nbound=50\n"),
        found("slaac", "ip6=fd00::5/64 fd00::6/64 fd00::7/64\n"),
    ];
    let states = [found("dhcp6", "reason=no answer after 3 tries\n")];
    assert_eq!(
        shown(&addresses, &[], &leases, &states),
        [
            "dhcp4 10.0.2.15/24[not configured]2m30s via  dns  why ",
            "slaac fd00::5/64[duplicate]for ever fd00::6/64[tentative]for ever \
             fd00::7/64[deprecated]for ever via  dns  why ",
            "dhcp6  via  dns  why no answer after 3 tries",
        ]
    );
}

#[test]
fn what_no_client_has_set_is_static() {
    let addresses = [
        entry("192.0.2.7/24", None, 0),
        entry("fe80::5/64", None, 0),
        entry("2001:db8::7/128", None, 0),
    ];
    let routes = [default_via("192.0.2.1")];
    assert_eq!(
        shown(
            &addresses,
            &routes,
            &[found("dhcp6", "ip6=2001:db8::7\n")],
            &[]
        ),
        [
            "dhcp6 2001:db8::7[]for ever via  dns  why ",
            "static 192.0.2.7/24[]for ever via 192.0.2.1 dns  why "
        ]
    );
    assert!(shown(&[], &[], &[], &[]).is_empty());
}

#[test]
fn nothing_of_a_server_reaches_the_terminal_as_it_is() {
    let leases = [found(
        "slaac",
        "ip6=\\x1b[31m/64\ngateway6=\\x1b]0;x\\x07\ndns6=a\\x9bb\n",
    )];
    for line in shown(&[], &[], &leases, &[]) {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}
