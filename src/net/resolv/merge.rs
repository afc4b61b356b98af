//! The parts of all sources → the text of `resolv.conf`, pure. Invariant: every source has its best server
//! in the file before any has its second, as resolvers ask three (MAXNS) and no more.

use std::fmt::{Display, Write};
use std::net::{IpAddr, Ipv6Addr};

use super::{Dns, domain_name};
use crate::sort;

/// glibc and musl read no more of them (MAXNS).
const MAX_SERVERS: usize = 3;
/// Older resolvers read no more of them: resolv.conf(5).
const MAX_SEARCH: usize = 6;

/// A source's part as its file keeps it.
pub(super) fn part(dns: &Dns) -> String {
    let mut text = format!("metric {}\n", dns.metric);
    lines(&mut text, &dns.servers, &dns.search);
    text
}

/// The merged text of parts with their sources' names (`eth0.dhcp4`), sorted by these. Sources take turns
/// in the order of their metrics, so that of two families and two interfaces none is left out before its
/// turn.
pub(super) fn merge(parts: &[(String, String)]) -> String {
    let mut sources: Vec<Source<'_>> = parts.iter().map(|(name, text)| read(name, text)).collect();
    // Stable: the names decide between equal metrics.
    sort::sort_by_key(&mut sources, |source| source.metric);
    let names: Vec<_> = sources.iter().map(|source| source.name).collect();
    let mut text = format!("# Written by initsh from: {}\n", names.join(" "));
    let servers = in_turn(&sources, |source| &source.servers, MAX_SERVERS);
    let search = in_turn(&sources, |source| &source.search, MAX_SEARCH);
    lines(&mut text, &servers, &search);
    text
}

/// What a part says, as text that can be written.
struct Source<'a> {
    name: &'a str,
    metric: u32,
    servers: Vec<String>,
    search: Vec<String>,
}

/// What is not an address or a name is left out.
fn read<'a>(name: &'a str, text: &str) -> Source<'a> {
    let interface = name
        .rsplit_once('.')
        .map_or(name, |(interface, _)| interface);
    let mut source = Source {
        name,
        metric: 0,
        servers: Vec::new(),
        search: Vec::new(),
    };
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("metric") => {
                source.metric = words.next().and_then(|n| n.parse().ok()).unwrap_or(0)
            }
            Some("nameserver") => {
                let servers = words.filter_map(|word| server(word.parse().ok()?, interface));
                source.servers.extend(servers);
            }
            Some("search") => {
                let names = words.filter_map(|word| domain_name(word.as_bytes()));
                source.search.extend(names);
            }
            _ => {}
        }
    }
    source
}

/// A server as resolvers take it: a link-local address needs the interface, which musl and glibc both read
/// after a `%`. `None` for what cannot be a server, and where the interface's name cannot be written.
fn server(ip: IpAddr, interface: &str) -> Option<String> {
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    match ip {
        IpAddr::V6(ip) if Ipv6Addr::is_unicast_link_local(&ip) => {
            let plain = interface.bytes().all(is_letter);
            plain.then(|| format!("{ip}%{interface}"))
        }
        ip => Some(ip.to_string()),
    }
}

/// The first of each source, then the second of each, without doubles.
fn in_turn<'a>(
    sources: &'a [Source<'_>],
    of: fn(&'a Source<'_>) -> &'a [String],
    most: usize,
) -> Vec<&'a str> {
    let mut taken: Vec<&str> = Vec::new();
    let longest = sources.iter().map(|source| of(source).len()).max();
    for round in 0..longest.unwrap_or(0) {
        for item in sources.iter().filter_map(|source| of(source).get(round)) {
            if taken.len() < most && !taken.contains(&item.as_str()) {
                taken.push(item);
            }
        }
    }
    taken
}

fn lines(text: &mut String, servers: &[impl Display], search: &[impl AsRef<str>]) {
    // Writing to a String cannot fail.
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !search.is_empty() {
        text.push_str("search");
        for name in search {
            text.push(' ');
            text.push_str(name.as_ref());
        }
        text.push('\n');
    }
}
