//! `slaac`: configure interfaces by what IPv6 routers advertise.

use std::time::Duration;

use super::clients::{self, Clients, exclusive};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::slaac::apply::{Check, Policy};
use crate::net::slaac::driver::{Client, Options, PROTOCOL, release};
use crate::net::slaac::timing::Timing;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const COMMAND: Command = Command {
    name: "slaac",
    group: Group::Network,
    summary: "configure interfaces by what IPv6 routers advertise",
    usage: "[--timeout S] [--follow] [OPTION…] IF…",
    details: "\
Brings each interface up, asks for routers and configures addresses, routes, name servers, MTU and
hop limit as they say, each for as long as they say. Where initsh is PID 1, a service slaac.IF
listens on and goes on asking when the time is over; otherwise it is configured once, and ends by
itself when its lifetimes do. What was learned is in ${net.IF.ip6}, .gateway6, .prefixes6,
.routes6, .dns6, .search6, .mtu6, .hoplimit, .managed, .other.

Routers say by two flags that addresses (managed) or only name servers and the like (other) come by
DHCPv6: with --follow a client for that runs in the same process, until 'dhcp6 IF' takes its place;
--release gives back what it has, too. --dad optimistic uses addresses while they are checked for
duplicates, wait uses them only afterwards (56 ms; with --rfc a second), none does not check.
Addresses are made of the MAC address, so that whoever made the VM knows them; --address stable
makes opaque ones of a secret that is kept in /var/lib/initsh where that directory exists on a disk:
elsewhere they are others after every boot.

The kernel's own handling of advertisements is turned off on the interface. Without a PID 1 to
ask, resolv.conf is left alone unless --dns is given.",
    options: &[
        clients::TIMEOUT,
        clients::ONCE,
        clients::FOREGROUND,
        clients::BACKGROUND,
        clients::RELEASE,
        Opt::flag("follow", "run a DHCPv6 client where routers ask for one"),
        Opt::value("dad", "optimistic|wait|none", "when addresses are used (default optimistic)"),
        Opt::value("address", "eui64|stable", "how addresses are made (default eui64)"),
        Opt::flag("no-routes", "install no routes but those to networks on the link"),
        clients::NO_DNS,
        clients::DNS,
        Opt::value("metric", "N", "metric by the best router (default 1024 + 8 × interface index)"),
        Opt::flag("fast", "ask again within 60-120 ms at first, then as the RFC says (default)"),
        Opt::flag("rfc", "wait and repeat as RFC 4861 and 7559 say; --dad wait"),
        clients::VERBOSE,
    ],
    see: &["dhcp6", "dhcp4", "lease", "services", "get", "waitfor"],
    terms: &["ipv6", "router", "advertisement", "ra", "radvd", "rdisc6", "autoconfiguration", "eui64"],
    examples: &[
        ("slaac eth0", "addresses and routes by routers, kept up"),
        ("slaac --follow eth0", "and DHCPv6 where the network wants it"),
        ("slaac --timeout 3 --dad wait eth0", "only addresses that nobody else has"),
        ("slaac --address stable eth0", "addresses that do not tell the MAC address"),
        ("echo ${net.eth0.ip6}", "what it has"),
        ("slaac --release eth0", "remove all of it"),
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
    exclusive(call, &[&["fast", "rfc"]])?;
    let rfc = given.flag("rfc");
    let check = match given.text("dad")? {
        None if rfc => Check::Before,
        None | Some("optimistic") => Check::Optimistic,
        Some("wait") => Check::Before,
        Some("none") => Check::Never,
        Some(other) => {
            let what = format!("--dad '{other}': expected optimistic, wait or none");
            return Err(Failure::usage(what));
        }
    };
    let stable = match given.text("address")? {
        None | Some("eui64") => false,
        Some("stable") => true,
        Some(other) => {
            let what = format!("--address '{other}': expected eui64 or stable");
            return Err(Failure::usage(what));
        }
    };
    Ok(Options {
        policy: Policy {
            no_routes: given.flag("no-routes"),
            dns: false,
            metric: given.number("metric", "a number")?,
            check,
        },
        timing: if rfc { Timing::Rfc } else { Timing::Fast },
        stable,
        follow: given.flag("follow"),
        once: false,
    })
}
