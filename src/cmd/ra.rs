//! `ra`: advertise this machine as the router of a link.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::clients::{BACKGROUND, Clients, FOREGROUND, ONCE, RELEASE, TIMEOUT, VERBOSE};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::address::{network, parse_prefixed};
use crate::net::lease;
use crate::net::nd::wire::Preference;
use crate::net::ra::content::Network;
use crate::net::ra::driver::{Client, Dns, KIND, Options, PROTOCOL};
use crate::net::resolv::domain_name;

pub(super) const COMMAND: Command = Command {
    name: "ra",
    group: Group::Network,
    summary: "be the IPv6 router of links: advertise prefixes and DNS",
    usage: "[OPTION…] IF…",
    details: "\
Hosts on the link give themselves addresses, a default route and name servers (RFC 4861, 4191,
8106). What is advertised follows the machine: the prefixes of IF's global addresses with the rest
of their lifetimes ('pd assign IF' gives it some), the machine as a default router while it has a
default route of its own (RFC 7084), a route to all of what was delegated, the name servers that
its own clients have learned. What goes is told to be over for as long as hosts may have it.

Where initsh is PID 1, the service ra.IF does this until it is stopped, which hosts are told, too.
The machine becomes a router (see 'help pd'). Lists are separated by commas.",
    options: &[
        Opt::value("prefix", "LIST", "advertise these, not those of the addresses"),
        Opt::value("lifetime", "S", "router lifetime whatever the routes are; 0: no default router"),
        Opt::value("interval", "S", "advertise at least so often (4-1800, default 600)"),
        Opt::value("mtu", "N", "tell hosts this MTU"),
        Opt::value("dns", "LIST|none|self", "name servers (default: those that are known)"),
        Opt::value("search", "LIST|none", "domains to search (default: those that are known)"),
        Opt::value("route", "LIST|none", "routes through here (default: what was delegated)"),
        Opt::value("preference", "P", "low, medium (default) or high"),
        Opt::flag("managed", "addresses come by DHCPv6 (M flag)"),
        Opt::flag("other", "other configuration comes by DHCPv6 (O flag)"),
        Opt::flag("no-forwarding", "leave the kernel's forwarding and accept_ra alone"),
        TIMEOUT,
        ONCE,
        FOREGROUND,
        BACKGROUND,
        RELEASE,
        VERBOSE,
    ],
    see: &["pd", "addr", "services"],
    terms: &["radvd", "router", "advertisement", "slaac", "ipv6", "rdnss", "gateway", "network"],
    examples: &[
        ("ra lan0", "whatever lan0 has, to the hosts on it"),
        ("ra --dns self --search vm.example tap0", "the machine is their name server"),
        ("ra --prefix fd00:1::/64 --lifetime 0 lan0", "addresses, but no way out"),
        ("stop ra.lan0", "and tell the hosts"),
    ],
    operands: Operand::Interface,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let options = options(call)?;
    Clients {
        protocol: &PROTOCOL,
        timeout: Duration::from_secs(10),
        start: &|name, _| Ok(Box::new(Client::start(name, options.clone())?)),
        release: &|name| {
            let had = lease::load(name, KIND).is_some();
            lease::remove(name, KIND).map(|()| had)
        },
    }
    .run(call)
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let given = &call.given;
    let interval = between(call, "interval", 4, 1800)?.unwrap_or(600);
    let prefixes = list(call, "prefix", &networks_of)?;
    // §6.2.1: a router is none between two advertisements, or for long after the last.
    let lifetime = between(call, "lifetime", 0, 9000)?;
    if lifetime.is_some_and(|seconds| seconds > 0 && seconds < interval) {
        return Err(Failure::usage(format!(
            "--lifetime: must be 0, or at least the interval of {interval} seconds"
        )));
    }
    let dns = match given.text("dns")? {
        None => Dns::Known,
        Some("self") => Dns::Own,
        Some(_) => Dns::These(list(call, "dns", &|word| word.parse().ok().filter(is_server))?.unwrap_or_default()),
    };
    Ok(Options {
        prefixes,
        lifetime: lifetime.map(|seconds| seconds as u16),
        interval: interval as u16,
        mtu: between(call, "mtu", 1280, 65535)?,
        dns,
        search: list(call, "search", &|word| domain_name(word.as_bytes()))?,
        managed: given.flag("managed"),
        other: given.flag("other"),
        preference: match given.text("preference")? {
            None | Some("medium") => Preference::Medium,
            Some("low") => Preference::Low,
            Some("high") => Preference::High,
            Some(other) => {
                return Err(Failure::usage(format!(
                    "--preference '{other}': expected low, medium or high"
                )));
            }
        },
        routes: list(call, "route", &networks_of)?,
        forwarding: !given.flag("no-forwarding"),
    })
}

fn between(call: &Call<'_>, key: &str, least: u32, most: u32) -> Result<Option<u32>, Failure> {
    let what = format!("a number from {least} to {most}");
    match call.given.number(key, &what)? {
        Some(number) if !(least..=most).contains(&number) => {
            Err(Failure::usage(format!("--{key} {number}: expected {what}")))
        }
        number => Ok(number),
    }
}

/// Every word of an option, which may be given several times; `none` stands for an empty list.
fn list<T>(
    call: &Call<'_>,
    key: &str,
    read: &dyn Fn(&str) -> Option<T>,
) -> Result<Option<Vec<T>>, Failure> {
    let mut found = None;
    for value in call.given.all(key) {
        let items: &mut Vec<T> = found.get_or_insert_default();
        for word in call.text(value)?.split(',').filter(|word| *word != "none") {
            let bad = || Failure::usage(format!("--{key}: '{word}' is not what is expected there"));
            items.push(read(word).ok_or_else(bad)?);
        }
    }
    Ok(found)
}

/// A network without host bits.
fn networks_of(word: &str) -> Option<Network> {
    match parse_prefixed(word) {
        Ok((IpAddr::V6(ip), Some(length))) if network(ip.into(), length) == ip => Some((ip, length)),
        _ => None,
    }
}

fn is_server(ip: &Ipv6Addr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback())
}
