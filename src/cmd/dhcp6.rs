//! `dhcp6`: configure interfaces by DHCP for IPv6.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::clients::{self, Clients, exclusive};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::address::parse_prefixed;
use crate::net::dhcp6::apply::Policy;
use crate::net::dhcp6::driver::{Client, Hint, Options, PROTOCOL, release};
use crate::net::dhcp6::event::Timing;
use crate::net::dhcp6::held::check_iaid;
use crate::net::dhcp6::identity::Choice;
use crate::net::link_local::Dad;
use crate::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const COMMAND: Command = Command {
    name: "dhcp6",
    group: Group::Network,
    summary: "configure interfaces by DHCP for IPv6, with prefix delegation",
    usage: "[--timeout S] [--pd [--hint LEN|PREFIX]…] [OPTION…] IF…",
    details: "\
Brings each interface up, gets an address (and prefixes with --pd) and configures address, an
unreachable route for each prefix, and resolv.conf. It asks whatever router advertisements say,
and without any; default routes come from routers only: see slaac. Where initsh is PID 1, a
service dhcp6.IF keeps the lease and goes on trying when the time is over; otherwise the lease is
configured once, and nobody renews it. The lease is in ${net.IF.ip6}, .pd, .dns6, .search6,
.ntp6, .server6, .lease6 … Other options that were asked for are in ${net.IF.option59} and so
on, in hexadecimal.

Prefixes that the network delegates are for the links behind this machine: pd assigns them.
--pd and --hint may be given several times, for as many prefixes. When the service is stopped it
leaves everything configured for the rest of the lease; --release gives it back. An interface has
one client, which asks for everything: another --iaid than that of a lease that is there is refused.

The DUID that tells this client from others is kept in /var/lib/initsh/duid where that directory
exists on a disk, until no interface has its hardware address any more (the disk was cloned).
Elsewhere it is made from the hardware address. Without a PID 1 to ask, resolv.conf is left alone
unless --dns is given.",
    options: &[
        clients::TIMEOUT,
        clients::ONCE,
        clients::FOREGROUND,
        clients::BACKGROUND,
        clients::RELEASE,
        Opt::flag("pd", "ask for a delegated prefix; with --hint not needed"),
        Opt::value("hint", "LEN|PREFIX", "ask for a prefix of this length, or for 2001:db8::/56"),
        Opt::flag("no-address", "ask for no address"),
        Opt::flag("stateless", "ask for neither address nor prefix, only for DNS and the like"),
        Opt::value("request", "N", "ask for the option of this number, too"),
        clients::NO_DNS,
        clients::DNS,
        Opt::flag("no-routes", "install no unreachable routes for delegated prefixes"),
        Opt::value("metric", "N", "metric of these routes (default 4096), rank of its DNS servers"),
        Opt::value("duid", "TYPE|HEX", "ll, llt, uuid (of the firmware), en:NUMBER:HEX, or all of it"),
        Opt::value("iaid", "N", "number of the interface (default: from its hardware address)"),
        Opt::flag("reconfigure", "let the server say when to renew (authenticated)"),
        Opt::flag("rapid-commit", "two messages where the server can (default)"),
        Opt::flag("no-rapid-commit", "always four messages: where several servers would all commit"),
        Opt::flag("fast", "repeat within 100-400 ms at first, then as the RFC says (default)"),
        Opt::flag("rfc", "wait and repeat as RFC 8415 says; --dad wait"),
        Opt::value("dad", "wait|optimistic", "when addresses are used: once checked, or meanwhile"),
        clients::VERBOSE,
    ],
    see: &["slaac", "pd", "dhcp4", "lease", "services", "get"],
    terms: &["dhclient", "dhcpcd", "odhcp6c", "dhcpv6", "ipv6", "prefix", "delegation", "duid"],
    examples: &[
        ("dhcp6 eth0", "get an address and keep it"),
        ("dhcp6 --pd --hint 56 eth0", "an address, and a /56 for the links behind"),
        ("dhcp6 --no-address --hint 60 --hint 64 eth0", "two prefixes"),
        ("dhcp6 --stateless eth0", "only DNS servers, where addresses come from routers"),
        ("echo ${net.eth0.pd}", "what was delegated"),
        ("dhcp6 --release eth0", "give everything back"),
    ],
    operands: Operand::Interface,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let options = options(call)?;
    if let Some(iaid) = options.iaid
        && !call.given.flag("release")
    {
        for name in clients::interfaces(call)? {
            check_iaid(&name, iaid, Instant::now())?;
        }
    }
    let clients = Clients {
        protocol: &PROTOCOL,
        timeout: TIMEOUT,
        start: &|name, mode| {
            let mut options = options.clone();
            options.policy.dns = mode.dns;
            Ok(Box::new(Client::start(name, options)?))
        },
        release: &release,
    };
    clients.run(call)
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let given = &call.given;
    let together: [&[&str]; 5] = [
        &["fast", "rfc"],
        &["rapid-commit", "no-rapid-commit"],
        &["stateless", "pd"],
        &["stateless", "hint"],
        &["stateless", "no-address"],
    ];
    exclusive(call, &together)?;
    let hints: Result<Vec<_>, _> = given.all("hint").map(hint).collect();
    let mut prefixes = hints?;
    let count = given.all("pd").count().max(prefixes.len());
    prefixes.resize(count, Hint::ANY);
    if given.flag("no-address") && prefixes.is_empty() {
        return Err(Failure::usage("--no-address needs --pd, or say --stateless"));
    }
    let requested: Result<Vec<_>, _> = given.all("request").map(code).collect();
    let duid = given.text("duid")?.map(Choice::parse).transpose().map_err(Failure::usage)?;
    let rfc = given.flag("rfc");
    let dad = match given.text("dad")? {
        None if rfc => Dad::Wait,
        None | Some("optimistic") => Dad::Optimistic,
        Some("wait") => Dad::Wait,
        Some(other) => {
            let what = format!("--dad '{other}': expected wait or optimistic");
            return Err(Failure::usage(what));
        }
    };
    Ok(Options {
        policy: Policy {
            no_routes: given.flag("no-routes"),
            dns: false,
            metric: given.number("metric", "a number")?,
            dad,
            followed: false,
        },
        address: !given.flag("no-address") && !given.flag("stateless"),
        prefixes,
        timing: if rfc { Timing::Rfc } else { Timing::Fast },
        rapid_commit: !given.flag("no-rapid-commit"),
        reconfigure: given.flag("reconfigure"),
        requested: requested?,
        duid: duid.unwrap_or_default(),
        iaid: given.number("iaid", "a number below 2^32")?,
    })
}

/// `56`, `/56`, or `2001:db8::/56`.
fn hint(word: &OsStr) -> Result<Hint, Failure> {
    let text = word.to_string_lossy();
    let length = text.strip_prefix('/').unwrap_or(&text);
    let hint = match (length.parse(), parse_prefixed(&text)) {
        (Ok(length), _) => Some((Ipv6Addr::UNSPECIFIED, length)),
        (_, Ok((IpAddr::V6(prefix), Some(length)))) => Some((prefix, length)),
        _ => None,
    };
    let hint = hint.filter(|(_, length)| (1..=128).contains(length));
    let hint = hint.map(|(prefix, length)| Hint { prefix, length });
    hint.ok_or_else(|| {
        Failure::usage(format!(
            "--hint '{text}': expected a length from 1 to 128, or a prefix such as 2001:db8::/56"
        ))
    })
}

/// The number of an option; not of one that is part of the protocol itself (RFC 8415 §24).
fn code(word: &OsStr) -> Result<u16, Failure> {
    let text = word.to_string_lossy();
    let code = text.parse().ok().filter(|&code: &u16| code > 20 && !(25..27).contains(&code));
    code.ok_or_else(|| {
        Failure::usage(format!(
            "--request '{text}': expected the number of an option, 21 to 65535"
        ))
    })
}
