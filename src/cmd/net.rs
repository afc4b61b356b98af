//! `net`: how the network stands, and what the clients have counted.

use super::table::Table;
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::lease::{self, Found};
use crate::net::netlink::link::Link;
use crate::net::status::Source;
use crate::net::status::view::View;

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
    let view = View::take(names)?;
    if call.given.flag("json") {
        call.print(format_args!("{}", view.json().as_str()));
        return Ok(Flow::OK);
    }
    let mut table = Table::new(&["NAME", "STATE", "FROM", "ADDRESS", "VIA", "LEFT", "DNS"]);
    for (link, sources) in view.interfaces() {
        add_rows(&mut table, link, &sources);
    }
    table.print(&mut call.out);
    Ok(Flow::OK)
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
