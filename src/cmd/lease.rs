//! `lease`: what the network clients have been given.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::lease::times::{Left, Times};
use crate::net::lease::{self, Found, escape, shown};
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "lease",
    group: Group::Network,
    summary: "show the leases of all protocols",
    usage: "[--json] [IF…]",
    details: "\
Every record that a network client keeps in $INITSH_RUN/leases: dhcp4, slaac, dhcp6, pd (what a
downstream link has of a delegated prefix) and ra, with its age and how long it lasts; what ends
alone (addresses and prefixes, and all that routers have told) has its own time behind it. A client
without a lease says why.

The values are the settings ${net.IF.KEY}. Where several protocols have a key, dhcp4 comes before
slaac, dhcp6 and pd; ip6, dns6, search6 and ntp6 are the lists of all of them.

Control characters are shown as \\xNN. Status 1 where an interface is named that has no lease.

--json: interface, kind, values (as they are), reason (why there is no lease, or null), and in
seconds, or null: bound, confirmed (ago), renew, left (from now).",
    options: &[Opt::flag("json", "print as JSON: one array of objects")],
    see: &["net", "get", "dhcp4", "on"],
    terms: &["dhcp", "dhclient", "address", "prefix", "expiry", "renew"],
    examples: &[
        ("lease", "all leases"),
        ("lease eth0", "those of one interface"),
        ("echo ${net.eth0.ip4}", "one value"),
    ],
    operands: Operand::Interface,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let args = std::mem::take(&mut call.args);
    let names: Vec<&str> = args.iter().map(|name| call.text(name)).collect::<Result<_, _>>()?;
    let wanted = |found: &Found| names.is_empty() || names.contains(&found.interface.as_str());
    let (mut leases, mut states) = (lease::all(""), lease::all(lease::STATE));
    leases.retain(wanted);
    states.retain(wanted);
    match call.given.flag("json") {
        true => call.print(format_args!("{}", json(&leases, &states).as_str())),
        false => text(call, &leases, &states),
    }
    let bound = |name: &&&str| leases.iter().any(|found| found.interface == **name);
    let missing: Vec<_> = names.iter().filter(|name| !bound(name)).copied().collect();
    match missing.is_empty() {
        true => Ok(Flow::OK),
        false => Err(Failure::new(format!("{}: no lease", missing.join(", ")))),
    }
}

fn text(call: &mut Call<'_>, leases: &[Found], states: &[Found]) {
    let now = Instant::now();
    for Found { interface, kind, record } in leases {
        call.print(format_args!("{interface} {kind}: {}\n", Times::of(record, now)));
        for (key, value) in shown::lines(kind, record, now) {
            call.print(format_args!("  {key:<11} {value}\n"));
        }
    }
    for Found { interface, kind, record } in states {
        let reason = escape(record.get("reason").unwrap_or_default());
        call.print(format_args!("{interface} {kind}: no lease: {reason}\n"));
    }
}

fn json(leases: &[Found], states: &[Found]) -> Json {
    let now = Instant::now();
    let mut json = Json::default();
    json.array();
    for (found, lost) in leases.iter().map(|f| (f, false)).chain(states.iter().map(|f| (f, true))) {
        let record = &found.record;
        json.object();
        json.key("interface").text(&found.interface);
        json.key("kind").text(found.kind);
        json.key("values").object();
        for (key, value) in record.iter().filter(|_| !lost) {
            json.key(key).text(value);
        }
        json.end_object().key("reason");
        match record.get("reason").filter(|_| lost) {
            Some(reason) => json.text(reason),
            None => json.null(),
        };
        let times = if lost { Times::default() } else { Times::of(record, now) };
        let seconds = [
            ("bound", times.bound),
            ("confirmed", times.renewed),
            ("renew", times.renew),
            ("left", Left::seconds(times.left)),
        ];
        for (key, value) in seconds {
            json.key(key);
            match value {
                Some(seconds) => json.number(seconds),
                None => json.null(),
            };
        }
        json.end_object();
    }
    json.end_array().line();
    json
}
