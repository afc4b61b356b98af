//! `dhcp4`: configure interfaces by DHCP for IPv4.

use std::ffi::OsStr;
use std::time::Duration;

use super::clients::{self, Clients, exclusive};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::dhcp4::apply::Policy;
use crate::net::dhcp4::driver::{Client, Options, PROTOCOL, release};
use crate::net::dhcp4::event::Wants;
use crate::net::dhcp4::lease::record::bytes;
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
service is stopped it leaves the address configured for the rest of the lease, and the next
client takes it up; --release gives it back. An address that somebody else has is declined.
--inform adds what it is told to the lease that a client has left; one that stays refuses it.",
    options: &[
        clients::TIMEOUT,
        clients::ONCE,
        clients::FOREGROUND,
        clients::BACKGROUND,
        clients::RELEASE,
        Opt::flag("inform", "ask for settings only; the interface has its address"),
        Opt::flag("no-routes", "install no routes but that to the address's own network"),
        clients::NO_DNS,
        clients::DNS,
        Opt::value("metric", "N", "metric of the routes (default 1000 + interface index)"),
        Opt::value("client-id", "HEX|mac", "client identifier, type byte first (default mac)"),
        Opt::value("hostname", "NAME", "tell the server this name"),
        Opt::value("request", "N", "ask for this option, too; may be given again"),
        Opt::value("option", "N", "ask for it and keep its bytes as ${net.IF.optionN}; again"),
        Opt::flag("no-classless", "use the router of option 3 whatever option 121 says"),
        Opt::flag("ipv4", "use IPv4 although the network prefers IPv6 alone (option 108)"),
        Opt::flag("fast", "repeat within 60-120 ms at first, then as the RFC says (default)"),
        Opt::flag("rfc", "repeat as RFC 2131 says: after 4, 8, 16 … s"),
        clients::VERBOSE,
    ],
    see: &["slaac", "dhcp6", "lease", "services", "get", "waitfor", "on"],
    terms: &["udhcpc", "dhclient", "dhcpcd", "dhcp", "lease", "network", "ip", "dns"],
    examples: &[
        ("dhcp4 eth0", "get a lease and keep it"),
        ("dhcp4 --timeout 5 eth0 eth1", "two cards at once, five seconds at most"),
        ("dhcp4 --once --dns eth0", "on a machine with another init"),
        ("echo ${net.eth0.ip4}", "what the lease says"),
        ("stop dhcp4.eth0", "renew it no more"),
        ("dhcp4 --release eth0", "give the address back"),
        ("dhcp4 --inform --dns eth0", "DNS servers for an address set by hand"),
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
        release: &release,
    };
    clients.run(call)
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let given = &call.given;
    exclusive(call, &[&["fast", "rfc"], &["inform", "foreground", "background", "release"]])?;
    let client_id = match given.text("client-id")? {
        None | Some("mac") => None,
        Some(text) => Some(client_id(text)?),
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
        inform: given.flag("inform"),
        client_id,
        wants: Wants {
            hostname: hostname.transpose()?,
            request: codes(call, "request")?,
            raw: codes(call, "option")?,
            classless: !given.flag("no-classless"),
            yield_to_ipv6: !given.flag("ipv4"),
        },
        timing: match given.flag("rfc") {
            true => Timing::Rfc,
            false => Timing::Fast,
        },
    })
}

/// Codes of options, 1–254, each time it is given.
fn codes(call: &Call<'_>, key: &str) -> Result<Vec<u8>, Failure> {
    let code = |word: &OsStr| {
        let code = word.to_str().and_then(|word| word.parse().ok());
        code.filter(|code| (1..255).contains(code)).ok_or_else(|| {
            let word = word.to_string_lossy();
            Failure::usage(format!("--{key} '{word}': expected the number of an option, 1 to 254"))
        })
    };
    call.given.all(key).map(code).collect()
}

/// 2–255 bytes (RFC 2132 §9.14).
fn client_id(text: &str) -> Result<Vec<u8>, Failure> {
    let id = bytes(text).filter(|id| (2..=255).contains(&id.len()));
    id.ok_or_else(|| {
        let expected = "expected 'mac' or 2 to 255 bytes in hexadecimal";
        Failure::usage(format!("--client-id '{text}': {expected}"))
    })
}
