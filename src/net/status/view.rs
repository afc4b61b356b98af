//! What [`super::Seen`] is made of: the kernel, the records, and PID 1's services asked once.

use super::{Source, of};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::lease::{self, Found, KINDS, Record};
use crate::net::netlink::addr::{self, Entry};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::route::{self, Route};
use crate::net::netlink::socket::Socket;
use crate::net::status::{Item, Seen};
use crate::supervise::client::Client;
use crate::time::Instant;

/// How the network stands.
pub struct View {
    links: Vec<Link>,
    addresses: Vec<Entry>,
    routes: Vec<Route>,
    leases: Vec<Found>,
    states: Vec<Found>,
    now: Instant,
}

impl View {
    /// Looks at these interfaces, or at all but loopback.
    ///
    /// Errors: no such interface; the kernel cannot be asked.
    pub fn take(names: &[&str]) -> Result<Self, Failure> {
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
        Ok(Self {
            links,
            addresses: addr::entries(&mut socket, None)?,
            routes: route::list(&mut socket)?,
            leases: lease::all(""),
            states: states(),
            now: Instant::now(),
        })
    }

    /// Every interface with what has been configured on it.
    pub fn interfaces(&self) -> impl Iterator<Item = (&Link, Vec<Source>)> {
        let seen = Seen {
            addresses: &self.addresses,
            routes: &self.routes,
            leases: &self.leases,
            states: &self.states,
            now: self.now,
        };
        self.links.iter().map(move |link| (link, of(link, &seen)))
    }

    /// All of it: one array of objects.
    pub fn json(&self) -> Json {
        let mut json = Json::default();
        json.array();
        for (link, sources) in self.interfaces() {
            json.object();
            json.key("name").text(&link.name);
            json.key("state").text(link.state());
            json.key("clients").array();
            for source in &sources {
                source_json(&mut json, source);
            }
            json.end_array().end_object();
        }
        json.end_array().line();
        json
    }
}

/// Why clients have no lease; a client of PID 1's that has not said anything yet is at work.
fn states() -> Vec<Found> {
    let mut states = lease::all(lease::STATE);
    let pid1 = Client::connect().ok().flatten();
    let services = pid1.and_then(|mut pid1| pid1.services().ok());
    for service in services.into_iter().flatten() {
        let Some((kind, interface)) = service.name.split_once('.') else {
            continue;
        };
        let Some(kind) = KINDS.iter().find(|known| **known == kind) else {
            continue;
        };
        let told = |found: &Found| found.kind == *kind && found.interface == interface;
        if service.ready || states.iter().any(told) || lease::load(interface, kind).is_some() {
            continue;
        }
        let mut record = Record::default();
        let reason = match service.state.as_str() {
            "Starting" => "asking",
            state if service.reason.is_empty() => state,
            _ => &service.reason,
        };
        record.set("reason", reason);
        states.push(Found {
            interface: interface.to_owned(),
            kind,
            record,
        });
    }
    states
}

fn source_json(json: &mut Json, source: &Source) {
    json.object();
    json.key("kind").text(source.kind);
    items_json(json, "addresses", &source.addresses);
    items_json(json, "prefixes", &source.prefixes);
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
