//! The settings `net.IF.KEY`: what the kernel says about an interface, then what its lease says, then
//! its first IPv4 address where there is no lease. Invariant: looked up anew each time.

use std::net::IpAddr;

use super::address::{netmask, show_mac};
use super::dhcp4::driver::KIND;
use super::lease::{self, Record};
use super::netlink::link::{self, Link};
use super::netlink::{addr, socket::Socket};
use crate::script::settings::Branch;
use crate::sort;

/// `${net.eth0.ip4}`, `${net.eth0.mac}` …
pub const SETTINGS: Branch = Branch {
    name: "net",
    summary: "interfaces and their leases: net.IF.KEY (ip4, gateway, dns, mac, mtu, state …)",
    get,
    list,
};

fn get(name: &str) -> Option<Vec<u8>> {
    // From the right: an interface's name may hold dots (eth0.100), a key does not.
    let (interface, key) = name.rsplit_once('.')?;
    let found = Socket::open().and_then(|mut socket| {
        let link = link::by_name(&mut socket, interface)?;
        Ok(record(&mut socket, &link))
    });
    let record = found.ok()?;
    record.get(key).map(|value| value.as_bytes().to_vec())
}

fn list() -> Vec<(String, Vec<u8>)> {
    let found = Socket::open().and_then(|mut socket| {
        let links = link::list(&mut socket)?;
        let records = links
            .iter()
            .map(|link| (link.name.clone(), record(&mut socket, link)));
        Ok(records.collect::<Vec<_>>())
    });
    let mut settings = Vec::new();
    for (interface, record) in found.unwrap_or_default() {
        for (key, value) in record.iter() {
            settings.push((format!("{interface}.{key}"), value.as_bytes().to_vec()));
        }
    }
    sort::sort(&mut settings);
    settings
}

fn record(socket: &mut Socket, link: &Link) -> Record {
    let mut record = lease::load(&link.name, KIND).unwrap_or_default();
    if record.get("ip4").is_none() {
        add_address(&mut record, socket, link.index);
    }
    record.set("index", link.index);
    if !link.mac.is_empty() {
        record.set("mac", show_mac(&link.mac));
    }
    // The interface's own, not the lease's wish.
    record.set("mtu", link.mtu);
    record.set("state", if link.up { "up" } else { "down" });
    record.set("carrier", if link.carrier { "yes" } else { "no" });
    record
}

fn add_address(record: &mut Record, socket: &mut Socket, index: u32) {
    let addresses = addr::list(socket, Some(index)).unwrap_or_default();
    let first = addresses.iter().find_map(|address| match address.ip {
        IpAddr::V4(ip) => Some((ip, address.prefix)),
        IpAddr::V6(_) => None,
    });
    if let Some((ip, prefix)) = first {
        record.set("ip4", ip);
        record.set("prefix", prefix);
        record.set("mask", netmask(prefix));
    }
}
