//! `dhcp4`: configure interfaces by DHCP for IPv4.

use std::time::Duration;

use super::clients::{self, Clients, exclusive};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::dhcp4::apply::Policy;
use crate::net::dhcp4::driver::{Client, Options, PROTOCOL};
use crate::net::dhcp4::timing::Timing;
use crate::net::resolv::domain_name;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const COMMAND: Command = Command {
    name: "dhcp4",
    group: Group::Network,
    summary: "configure interfaces by DHCP for IPv4",
    usage: "[--timeout S] [OPTION…] IF…",
    details: "\
Brings each interface up, gets a lease and configures address, routes, MTU and resolv.conf. All
interfaces are asked at the same time. Where initsh is PID 1, a service dhcp4.IF keeps the lease
and goes on trying when the time is over; otherwise the lease is configured once, and nobody
renews it. The lease is in ${net.IF.ip4}, .prefix, .gateway, .dns, .domain, .server, .lease …

Without a PID 1 to ask, resolv.conf is left alone unless --dns is given.
The client identifier is made from the MAC address, which clones of a VM do not share. When the
service is stopped it leaves the address configured for the rest of the lease.",
    options: &[
        clients::TIMEOUT,
        clients::ONCE,
        clients::FOREGROUND,
        clients::BACKGROUND,
        clients::RELEASE,
        Opt::flag("no-routes", "install no routes but that to the address's own network"),
        clients::NO_DNS,
        clients::DNS,
        Opt::value("metric", "N", "metric of the routes (default 1000 + interface index)"),
        Opt::value("client-id", "HEX|mac", "client identifier, type byte first (default mac)"),
        Opt::value("hostname", "NAME", "tell the server this name"),
        Opt::flag("fast", "repeat within 60-120 ms at first, then as the RFC says (default)"),
        Opt::flag("rfc", "repeat as RFC 2131 says: after 4, 8, 16 … s"),
        clients::VERBOSE,
    ],
    see: &["link", "addr", "route", "services", "get", "waitfor"],
    terms: &["udhcpc", "dhclient", "dhcpcd", "dhcp", "lease", "network", "ip", "dns"],
    examples: &[
        ("dhcp4 eth0", "get a lease and keep it"),
        ("dhcp4 --timeout 5 eth0 eth1", "two cards at once, five seconds at most"),
        ("dhcp4 --once --dns eth0", "on a machine with another init"),
        ("echo ${net.eth0.ip4}", "what the lease says"),
        ("stop dhcp4.eth0", "renew it no more"),
    ],
    operands: Operand::Interface,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let options = options(call)?;
    let clients = Clients {
        protocol: &PROTOCOL,
        timeout: TIMEOUT,
        start: &|name, mode| {
            let mut options = options.clone();
            options.policy.dns = mode.dns;
            options.once = mode.once;
            Ok(Box::new(Client::start(name, options)?))
        },
        release: &|_| Ok(false),
    };
    clients.run(call)
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let given = &call.given;
    exclusive(call, &[&["fast", "rfc"]])?;
    let client_id = match given.text("client-id")? {
        None | Some("mac") => None,
        Some(text) => Some(hexadecimal(text)?),
    };
    let hostname = given.text("hostname")?.map(|name| {
        domain_name(name.as_bytes())
            .ok_or_else(|| Failure::usage(format!("--hostname '{name}': not a host name")))
    });
    Ok(Options {
        policy: Policy {
            no_routes: given.flag("no-routes"),
            dns: false,
            metric: given.number("metric", "a number")?,
        },
        once: false,
        client_id,
        hostname: hostname.transpose()?,
        timing: match given.flag("rfc") {
            true => Timing::Rfc,
            false => Timing::Fast,
        },
    })
}

/// Bytes as pairs of hexadecimal digits, with or without colons: 2–255 of them (RFC 2132 §9.14).
fn hexadecimal(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.filter(|bytes| (2..=255).contains(&bytes.len())).ok_or_else(|| {
        Failure::usage(format!(
            "--client-id '{text}': expected 'mac' or 2 to 255 bytes in hexadecimal"
        ))
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
