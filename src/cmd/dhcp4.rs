//! `dhcp4`: configure interfaces by DHCP for IPv4.

use std::ffi::OsString;
use std::time::Duration;

use super::call::write_all;
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::client::{Client, Note};
use crate::net::dhcp4::apply::Policy;
use crate::net::dhcp4::driver::{Client as Dhcp4, Options, PROTOCOL};
use crate::net::dhcp4::timing::Timing;
use crate::net::run::{self, Outcome};
use crate::net::service::{self, Request};
use crate::net::resolv::domain_name;
use crate::supervise::client::Client as Pid1;

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
        Opt::value("timeout", "S", "wait for S seconds in all (default 10)").short('t'),
        Opt::flag("once", "configure once, without a service that renews the lease"),
        Opt::flag("foreground", "be the client: keep the lease until SIGTERM"),
        Opt::flag("no-routes", "install no routes but that to the address's own network"),
        Opt::flag("no-dns", "leave resolv.conf alone"),
        Opt::flag("dns", "write resolv.conf even without a PID 1"),
        Opt::value("metric", "N", "metric of the routes (default 1000 + interface index)"),
        Opt::value("client-id", "HEX|mac", "client identifier, type byte first (default mac)"),
        Opt::value("hostname", "NAME", "tell the server this name"),
        Opt::flag("fast", "repeat within 60-120 ms at first, then as the RFC says (default)"),
        Opt::flag("rfc", "repeat as RFC 2131 says: after 4, 8, 16 … s"),
        Opt::flag("verbose", "print all of the lease").short('v'),
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
    let names = interfaces(call)?;
    let mut options = options(call)?;
    let timeout = call.given.duration("timeout")?.unwrap_or(TIMEOUT);
    if call.given.flag("foreground") {
        return keep(call, &names, &options);
    }
    let mut pid1 = Pid1::connect()?;
    let outcomes = match pid1.as_mut().filter(|_| !call.given.flag("once")) {
        Some(pid1) => {
            let request = Request {
                protocol: PROTOCOL,
                names: &names,
                options: &passed_on(call),
                env: call.shell.environment(),
                timeout,
            };
            service::request(pid1, &request)?
        }
        None => {
            options.policy.dns |= pid1.is_some() && !call.given.flag("no-dns");
            run::acquire(&PROTOCOL, &names, &mut |name| start(name, &options), timeout)?
        }
    };
    let bound = report(call, &outcomes)?;
    if bound && pid1.is_none() && !call.given.flag("once") {
        call.warn("nobody renews this lease: no initsh is PID 1 here");
    }
    failed(&outcomes)
}

/// Prints what was achieved; whether anything was.
fn report(call: &mut Call<'_>, outcomes: &[Outcome]) -> Result<bool, Failure> {
    let mut bound = false;
    for outcome in outcomes {
        let Ok(lease) = &outcome.lease else { continue };
        bound = true;
        call.print(format_args!("{}\n", outcome.line(&PROTOCOL)));
        if call.given.flag("verbose") {
            for (key, value) in lease.iter() {
                call.print(format_args!("  net.{}.{key}={value}\n", outcome.name));
            }
        }
    }
    call.flush().map(|()| bound)
}

fn failed(outcomes: &[Outcome]) -> Result<Flow, Failure> {
    let failed = outcomes.iter().filter(|outcome| outcome.lease.is_err());
    let lines: Vec<_> = failed.map(|outcome| outcome.line(&PROTOCOL)).collect();
    match lines.is_empty() {
        true => Ok(Flow::OK),
        false => Err(Failure::new(lines.join("\n  "))),
    }
}

fn start(name: &str, options: &Options) -> Result<Box<dyn Client>, Failure> {
    Ok(Box::new(Dhcp4::start(name, options.clone())?))
}

fn keep(call: &mut Call<'_>, names: &[String], options: &Options) -> Result<Flow, Failure> {
    let verbose = call.given.flag("verbose");
    call.flush()?;
    run::keep(names, &mut |name| start(name, options), &mut |name, note| {
        let text = match note {
            Note::Bound(_) if !verbose => return,
            Note::Bound(text) | Note::Problem(text) => text,
        };
        // Nobody to tell where standard error is gone.
        let _ = write_all(&std::io::stderr(), format!("dhcp4: {name}: {text}\n").as_bytes());
    })?;
    Ok(Flow::OK)
}

fn interfaces(call: &Call<'_>) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for word in &call.args {
        let name = call.text(word)?;
        if names.iter().any(|known| known == name) {
            return Err(Failure::usage(format!("{name} is given twice")));
        }
        names.push(name.to_owned());
    }
    match names.is_empty() {
        true => Err(Failure::usage("missing interface")),
        false => Ok(names),
    }
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let given = &call.given;
    for (one, other) in [("fast", "rfc"), ("dns", "no-dns"), ("once", "foreground")] {
        if given.flag(one) && given.flag(other) {
            return Err(Failure::usage(format!("--{one} and --{other} exclude each other")));
        }
    }
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
            dns: given.flag("dns"),
            metric: given.number("metric", "a number")?,
        },
        client_id,
        hostname: hostname.transpose()?,
        timing: match given.flag("rfc") {
            true => Timing::Rfc,
            false => Timing::Fast,
        },
    })
}

/// What the service is told; it always writes resolv.conf unless that is refused here.
fn passed_on(call: &Call<'_>) -> Vec<OsString> {
    let given = &call.given;
    let mut words = Vec::new();
    if !given.flag("no-dns") {
        words.push("--dns".into());
    }
    for flag in ["no-routes", "rfc", "verbose"] {
        if given.flag(flag) {
            words.push(format!("--{flag}").into());
        }
    }
    for option in ["metric", "client-id", "hostname"] {
        if let Some(value) = given.value(option) {
            words.push(format!("--{option}").into());
            words.push(value.to_owned());
        }
    }
    words
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
