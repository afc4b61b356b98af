//! `route`: routes of the main table, in the spelling of ip-route(8).

use std::net::IpAddr;

use super::table::Table;
use super::words::{Words, unexpected};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::address::{longest_prefix, parse_ip, parse_prefixed};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::route::{self, Kind, Route, show_destination};
use crate::net::netlink::socket::Socket;

pub(super) const COMMAND: Command = Command {
    name: "route",
    group: Group::Network,
    summary: "show, add and delete routes",
    usage: "[-4|-6] [--json] [list | add DEST … | replace DEST … | del DEST …]",
    details: "\
DEST is a network (10.0.0.0/8, 2001:db8::/32), an address, or 'default'. It is followed by:
  via GATEWAY            the router to send to
  dev IF                 the link to send on
  metric N               priority; the smallest wins
  src IP                 the address that this machine uses as its own
  onlink                 the gateway is on the link even where no address says so
'add' fails where there is such a route already; 'replace' replaces it.",
    options: &[
        Opt::flag("json", "print as JSON: one array of objects"),
        Opt::letter('4', "only IPv4"),
        Opt::letter('6', "only IPv6; 'default' means that of IPv6"),
    ],
    see: &["addr", "link", "dhcp4"],
    terms: &["ip", "gateway", "default", "router", "netstat", "network"],
    examples: &[
        ("route", "every route"),
        ("route add default via 10.0.2.2", "the default route"),
        ("route add 10.1.0.0/16 via 10.0.2.9 metric 50", "a network behind a router"),
        ("route add default via 169.254.0.1 dev eth0 onlink", "a gateway outside the own network"),
        ("route -6 del default", "delete the IPv6 default route"),
    ],
    operands: Operand::InterfaceAfter(&["list", "show", "add", "replace", "del", "default", "via"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = Words::new(std::mem::take(&mut call.args));
    let verb = words.take()?;
    match verb.as_deref() {
        None | Some("list" | "show") => {
            words.end()?;
            list(call)
        }
        Some("add") => change(call, &mut words, route::BOOT, route::add),
        Some("replace") => change(call, &mut words, route::BOOT, route::replace),
        Some("del" | "delete") => change(call, &mut words, route::ANY, route::remove),
        Some(other) => return Err(unexpected(other).with_hint("route list, add, replace or del?")),
    }?;
    Ok(Flow::OK)
}

fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    let (only4, only6) = (call.given.flag("4"), call.given.flag("6"));
    let mut socket = Socket::open()?;
    let mut routes = route::list(&mut socket)?;
    if only4 != only6 {
        routes.retain(|route| route.destination.is_ipv4() == only4);
    }
    let links = link::list(&mut socket)?;
    if call.given.flag("json") {
        let json = json(&routes, &links);
        call.out.print(format_args!("{}", json.as_str()));
        return Ok(());
    }
    let mut table = Table::new(&["DESTINATION", "VIA", "LINK", "METRIC", "SOURCE", "FROM"]);
    for route in &routes {
        let shown = |ip: Option<IpAddr>| ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        let mut from = protocol(route.protocol);
        if route.onlink {
            from.push_str(", onlink");
        }
        if route.kind == Kind::Unreachable {
            from.push_str(", unreachable");
        }
        table.row(vec![
            show_destination(route),
            shown(route.gateway),
            link_name(route, &links).unwrap_or("-").to_owned(),
            route.metric.unwrap_or(0).to_string(),
            shown(route.source),
            from,
        ]);
    }
    table.print(&mut call.out);
    Ok(())
}

fn link_name<'a>(route: &Route, links: &'a [Link]) -> Option<&'a str> {
    let found = links.iter().find(|link| Some(link.index) == route.index);
    found.map(|link| link.name.as_str())
}

/// What RTPROT_* is called in rt_protos.
fn protocol(number: u8) -> String {
    let name = match number {
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        9 => "ra",
        16 => "dhcp",
        other => return other.to_string(),
    };
    name.to_owned()
}

fn json(routes: &[Route], links: &[Link]) -> Json {
    let mut json = Json::default();
    json.array();
    for route in routes {
        json.object();
        json.key("family");
        json.number(if route.destination.is_ipv4() { 4u32 } else { 6 });
        json.key("destination").text(&show_destination(route));
        for (key, ip) in [("gateway", route.gateway), ("source", route.source)] {
            match ip {
                Some(ip) => json.key(key).text(&ip.to_string()),
                None => json.key(key).null(),
            };
        }
        match link_name(route, links) {
            Some(name) => json.key("link").text(name),
            None => json.key("link").null(),
        };
        json.key("metric").number(route.metric.unwrap_or(0));
        json.key("onlink").boolean(route.onlink);
        json.key("unreachable").boolean(route.kind == Kind::Unreachable);
        json.key("protocol").text(&protocol(route.protocol));
        json.end_object();
    }
    json.end_array().line();
    json
}

/// `add`, `replace` and `del`: reads what the route is, then does it.
fn change(
    call: &Call<'_>,
    words: &mut Words,
    protocol: u8,
    act: fn(&mut Socket, &Route) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let destination = words.need("the destination: a network, an address or 'default'")?;
    let mut socket = Socket::open()?;
    let mut route = Route::to(IpAddr::from([0; 4]), 0, protocol);
    while let Some(word) = words.take()? {
        match word.as_str() {
            "via" | "gw" => route.gateway = Some(words.read("via", "GATEWAY", parse_ip)?),
            "dev" => {
                let name = words.value("dev", "IF")?;
                route.index = Some(link::by_name(&mut socket, &name)?.index);
            }
            "metric" => route.metric = Some(words.number("metric", u32::MAX)?),
            "src" => route.source = Some(words.read("src", "IP", parse_ip)?),
            "onlink" => route.onlink = true,
            _ => return Err(unexpected(&word)),
        }
    }
    if destination == "default" {
        if call.given.flag("6") || route.gateway.is_some_and(|ip| ip.is_ipv6()) {
            route.destination = IpAddr::from([0; 16]);
        }
    } else {
        let (ip, prefix) = parse_prefixed(&destination).map_err(Failure::usage)?;
        route.destination = ip;
        route.prefix = prefix.unwrap_or(longest_prefix(ip));
    }
    act(&mut socket, &route)
}
