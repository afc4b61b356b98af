//! The settings `net.IF.KEY`: what the kernel says about an interface, then what its leases say in the
//! order of [`lease::KINDS`], then its first addresses where no lease has one. Invariant: looked up anew
//! each time.

use std::net::IpAddr;

use super::address::{netmask, show_mac};
use super::lease::{self, Record};
use super::netlink::addr::{self, LINK_SCOPE};
use super::netlink::link::{self, Link};
use super::netlink::socket::Socket;
use crate::script::settings::Branch;
use crate::sort;

/// Keys whose values are lists to which every protocol adds its own.
const JOINED: [&str; 4] = ["ip6", "dns6", "search6", "ntp6"];

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
    let kinds = lease::KINDS.iter();
    let records = kinds.filter_map(|kind| lease::load(&link.name, kind));
    let mut record = merged(records);
    add_addresses(&mut record, socket, link.index);
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

/// One record of those of all protocols: the first that has a key wins, lists are joined.
fn merged(records: impl Iterator<Item = Record>) -> Record {
    let mut all = Record::default();
    for record in records {
        for (key, value) in record.iter() {
            match all.get(key) {
                None => all.set(key, value),
                Some(known) if JOINED.contains(&key) => {
                    let mut words: Vec<_> = known.split(' ').collect();
                    for word in value.split(' ') {
                        if !words.contains(&word) {
                            words.push(word);
                        }
                    }
                    let joined = words.join(" ");
                    all.set(key, joined);
                }
                Some(_) => {}
            }
        }
    }
    all
}

/// The first address of each family that no lease names.
fn add_addresses(record: &mut Record, socket: &mut Socket, index: u32) {
    if record.get("ip4").is_some() && record.get("ip6").is_some() {
        return;
    }
    for entry in addr::entries(socket, Some(index)).unwrap_or_default() {
        let prefix = entry.address.prefix;
        match entry.address.ip {
            IpAddr::V4(ip) if record.get("ip4").is_none() => {
                record.set("ip4", ip);
                record.set("prefix", prefix);
                record.set("mask", netmask(prefix));
            }
            IpAddr::V6(ip) if record.get("ip6").is_none() && entry.scope < LINK_SCOPE => {
                record.set("ip6", format_args!("{ip}/{prefix}"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_protocol_wins_and_lists_are_joined() {
        let records = [
            "ip4=10.0.0.5\nserver=10.0.0.1\nt1=5\nbound=7\n",
            "ip6=fd00::5/64\ndns6=fd00::1 fd00::2\nserver=x\n",
            "ip6=fd00::99/128\ndns6=fd00::2 fd00::3\nt1=9\npd=fd01::/56\n",
        ];
        let all = merged(records.iter().map(|text| Record::parse(text)));
        assert_eq!(
            all.text(),
            "ip4=10.0.0.5\nserver=10.0.0.1\nt1=5\nbound=7\nip6=fd00::5/64 fd00::99/128\n\
             dns6=fd00::1 fd00::2 fd00::3\npd=fd01::/56\n"
        );
    }
}
