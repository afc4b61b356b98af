//! `net`: how the network stands, and what the clients have counted.

use super::table::Table;
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::lease::{self, Found, KINDS, Record};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket;
use crate::net::netlink::{addr, route};
use crate::net::status::{self, Item, Seen, Source};
use crate::supervise::client::Client;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "net",
    group: Group::Network,
    summary: "show the state of the network in one table",
    usage: "[--json] [status [IF…] | stats [IF…]]",
    details: "\
net status (or net alone): for each interface its state, and for each client that works on it the
addresses, the default router, how long they last, and the name servers; or in parentheses why there
is no lease. 'static' is what no client has set. Loopback is left out unless it is named.

  (tentative)       duplicate address detection has not ended
  (duplicate)       another machine has this address
  (deprecated)      still valid, but not for new connections
  (not configured)  a lease names it, but the kernel does not have it

net stats: what each client has sent, received and dropped, and why.

--json: of status one object for each interface: name, state, clients (kind, addresses, prefixes,
gateway, dns, why); of stats one object for each client: interface, kind, counters.",
    options: &[Opt::flag("json", "print as JSON: one array of objects")],
    see: &["lease", "link", "addr", "route", "dhcp4", "waitfor", "on"],
    terms: &["network", "ip", "address", "gateway", "dns", "statistics", "counters", "nmcli", "networkctl"],
    examples: &[
        ("net", "everything at one look"),
        ("net status eth0", "one interface"),
        ("net stats", "how many packets were dropped, by reason"),
    ],
    operands: Operand::InterfaceAfter(&["status", "stats"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let args = std::mem::take(&mut call.args);
    let words: Vec<&str> = args.iter().map(|word| call.text(word)).collect::<Result<_, _>>()?;
    match words.split_first() {
        None => show_status(call, &[]),
        Some((&"status", names)) => show_status(call, names),
        Some((&"stats", names)) => show_stats(call, names),
        Some((other, _)) => Err(Failure::usage(format!("'{other}': expected status or stats"))),
    }
}

fn show_status(call: &mut Call<'_>, names: &[&str]) -> Result<Flow, Failure> {
    let mut socket = Socket::open()?;
    let mut links = link::list(&mut socket)?;
    for name in names {
        // Says ENODEV in the kernel's words.
        link::by_name(&mut socket, name)?;
    }
    links.retain(|link| match names {
        [] => link.kind_name() != "loopback",
        names => names.contains(&link.name.as_str()),
    });
    let seen = Seen {
        addresses: &addr::entries(&mut socket, None)?,
        routes: &route::list(&mut socket)?,
        leases: &lease::all(""),
        states: &states(),
        now: Instant::now(),
    };
    if call.given.flag("json") {
        call.print(format_args!("{}", status_json(&links, &seen).as_str()));
        return Ok(Flow::OK);
    }
    let mut table = Table::new(&["NAME", "STATE", "FROM", "ADDRESS", "VIA", "LEFT", "DNS"]);
    for link in &links {
        add_rows(&mut table, link, &status::of(link, &seen));
    }
    table.print(&mut call.out);
    Ok(Flow::OK)
}

/// Why clients have no lease; a client of PID 1's that has not said anything yet is at work.
fn states() -> Vec<Found> {
    let mut states = lease::all(lease::STATE);
    let services = Client::connect().ok().flatten().and_then(|mut pid1| pid1.services().ok());
    for service in services.into_iter().flatten().filter(|service| !service.ready) {
        let Some((kind, interface)) = service.name.split_once('.') else { continue };
        let Some(kind) = KINDS.iter().find(|known| **known == kind) else { continue };
        let told = |found: &Found| found.kind == *kind && found.interface == interface;
        if !states.iter().any(told) && lease::load(interface, kind).is_none() {
            let mut record = Record::default();
            let reason = match service.reason.as_str() {
                "" => service.state.to_lowercase(),
                reason => reason.to_owned(),
            };
            record.set("reason", reason);
            states.push(Found { interface: interface.to_owned(), kind, record });
        }
    }
    states
}

/// One line for each address and prefix, and for each name server, of each source.
fn add_rows(table: &mut Table, link: &Link, sources: &[Source]) {
    let mut first = vec![link.name.clone(), link.state().to_owned()];
    for source in sources {
        let prefixes = source.prefixes.iter().map(|item| (format!("prefix {}", item.text), item));
        let addresses = source.addresses.iter().map(|item| (item.text.clone(), item));
        let mut cells: Vec<(String, String)> = addresses
            .chain(prefixes)
            .map(|(text, item)| (remarked(text, item.remark), item.left.to_string()))
            .collect();
        cells.extend(source.why.iter().map(|why| (format!("({})", lease::escape(why)), String::new())));
        let mut from = source.kind;
        let mut via = source.gateway.clone().unwrap_or_default();
        for line in 0..cells.len().max(source.dns.len()).max(1) {
            let (address, left) = cells.get(line).cloned().unwrap_or_default();
            let mut row = std::mem::replace(&mut first, vec![String::new(); 2]);
            let dns = source.dns.get(line).cloned().unwrap_or_default();
            row.extend([from.to_owned(), address, std::mem::take(&mut via), left, dns]);
            table.row(row);
            from = "";
        }
    }
    if !first[0].is_empty() {
        table.row(first);
    }
}

fn remarked(text: String, remark: &str) -> String {
    match remark {
        "" => text,
        remark => format!("{text} ({remark})"),
    }
}

fn status_json(links: &[Link], seen: &Seen<'_>) -> Json {
    let mut json = Json::default();
    json.array();
    for link in links {
        json.object();
        json.key("name").text(&link.name);
        json.key("state").text(link.state());
        json.key("clients").array();
        for source in status::of(link, seen) {
            json.object();
            json.key("kind").text(source.kind);
            items_json(&mut json, "addresses", &source.addresses);
            items_json(&mut json, "prefixes", &source.prefixes);
            json.key("dns").array();
            for server in &source.dns {
                json.text(server);
            }
            json.end_array();
            for (key, value) in [("gateway", &source.gateway), ("why", &source.why)] {
                json.key(key);
                match value {
                    Some(text) => json.text(text),
                    None => json.null(),
                };
            }
            json.end_object();
        }
        json.end_array().end_object();
    }
    json.end_array().line();
    json
}

fn items_json(json: &mut Json, key: &str, items: &[Item]) {
    json.key(key).array();
    for item in items {
        json.object();
        json.key("text").text(&item.text);
        json.key("remark").text(item.remark);
        json.key("left");
        match item.left.seconds() {
            Some(seconds) => json.number(seconds),
            None => json.null(),
        };
        json.end_object();
    }
    json.end_array();
}

fn show_stats(call: &mut Call<'_>, names: &[&str]) -> Result<Flow, Failure> {
    let mut all = lease::all(lease::STATS);
    all.retain(|found| names.is_empty() || names.contains(&found.interface.as_str()));
    if call.given.flag("json") {
        let mut json = Json::default();
        json.array();
        for Found { interface, kind, record } in &all {
            json.object().key("interface").text(interface).key("kind").text(kind);
            json.key("counters").object();
            for (what, count) in record.iter() {
                json.key(what).number(count.parse::<u64>().unwrap_or(0));
            }
            json.end_object().end_object();
        }
        json.end_array().line();
        call.print(format_args!("{}", json.as_str()));
        return Ok(Flow::OK);
    }
    let mut table = Table::new(&["NAME", "CLIENT", "COUNT", "WHAT"]);
    for Found { interface, kind, record } in &all {
        for (what, count) in record.iter() {
            let cells = [interface.as_str(), kind, count, what];
            table.row(cells.map(lease::escape).to_vec());
        }
    }
    table.print(&mut call.out);
    Ok(Flow::OK)
}
