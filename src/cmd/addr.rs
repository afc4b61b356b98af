//! `addr`: addresses of links, in the spelling of ip-address(8).

use std::net::{IpAddr, Ipv4Addr};

use nix::errno::Errno;

use super::table::Table;
use super::words::{Words, unexpected};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::address::{broadcast, longest_prefix, parse_prefixed};
use crate::net::netlink::addr::{self, Address, Entry};
use crate::net::netlink::link;
use crate::net::netlink::socket::Socket;
use crate::sort;

pub(super) const COMMAND: Command = Command {
    name: "addr",
    group: Group::Network,
    summary: "show, add and delete addresses",
    usage: "[-4|-6] [--json] [list [IF] | add IP/LEN [dev] IF … | del IP[/LEN] [dev] IF | flush IF]",
    details: "\
'add' fails where the link has the address already; 'replace' updates it. Both take besides:
  broadcast IP           IPv4 broadcast address; '+' for the network's last
  valid_lft SECONDS      how long the address is valid (default: for ever)
  preferred_lft SECONDS  how long new connections may use it
An address without /LEN stands alone (/32, /128).",
    options: &[
        Opt::flag("json", "print as JSON: one array of objects"),
        Opt::letter('4', "only IPv4"),
        Opt::letter('6', "only IPv6"),
    ],
    see: &["link", "route", "ifconfig", "dhcp4"],
    terms: &["ip", "address", "inet", "inet6", "ipv4", "ipv6", "network"],
    examples: &[
        ("addr", "every address"),
        ("addr add 192.168.1.1/24 dev eth0", "add one"),
        ("addr add 192.168.1.1/24 dev eth0 brd +", "the same with a broadcast address"),
        ("addr del 2001:db8::1/64 eth0", "delete one"),
        ("addr flush eth0", "delete all of a link"),
    ],
    operands: Operand::InterfaceAfter(&["list", "show", "add", "replace", "del", "flush"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = Words::new(std::mem::take(&mut call.args));
    let verb = words.take()?;
    match verb.as_deref() {
        None | Some("list" | "show") => {
            let name = words.take()?;
            list(call, name, &mut words)
        }
        Some("add") => change(&mut words, false, addr::add),
        Some("replace") => change(&mut words, false, addr::replace),
        Some("del" | "delete") => change(&mut words, true, addr::remove),
        Some("flush") => flush(call, &mut words),
        Some(name) => list(call, Some(name.to_owned()), &mut words),
    }?;
    Ok(Flow::OK)
}

/// Whether -4 or -6 leaves this address in.
fn wanted(call: &Call<'_>, ip: IpAddr) -> bool {
    let (only4, only6) = (call.given.flag("4"), call.given.flag("6"));
    if ip.is_ipv4() { only4 || !only6 } else { only6 || !only4 }
}

fn list(call: &mut Call<'_>, name: Option<String>, words: &mut Words) -> Result<(), Failure> {
    let name = match name.as_deref() {
        Some("dev") => Some(words.need("the link's name")?),
        _ => name,
    };
    words.end()?;
    let mut socket = Socket::open()?;
    let index = match &name {
        Some(name) => Some(link::by_name(&mut socket, name)?.index),
        None => None,
    };
    let links = link::list(&mut socket)?;
    let mut entries = addr::entries(&mut socket, index)?;
    entries.retain(|entry| wanted(call, entry.address.ip));
    // The kernel lists IPv4 first; people look for a link.
    sort::sort_by_key(&mut entries, |entry| entry.address.index);
    let name_of = |index| {
        let found = links.iter().find(|link| link.index == index);
        found.map_or("?", |link| &link.name)
    };
    if call.given.flag("json") {
        let json = json(&entries, &name_of);
        call.out.print(format_args!("{}", json.as_str()));
        return Ok(());
    }
    let mut table = Table::new(&["LINK", "ADDRESS", "SCOPE", "VALID", "STATE"]);
    for entry in &entries {
        let Address { index, ip, prefix, valid, .. } = entry.address;
        let mut state = state(entry).to_owned();
        if let Some(peer) = entry.peer {
            state.push_str(&format!(" peer {peer}"));
        }
        table.row(vec![
            name_of(index).to_owned(),
            format!("{ip}/{prefix}"),
            scope(entry).to_owned(),
            valid.map_or_else(|| "forever".to_owned(), |seconds| format!("{seconds}s")),
            state.trim_start().to_owned(),
        ]);
    }
    table.print(&mut call.out);
    Ok(())
}

/// What RT_SCOPE_* is called in rt_scopes.
fn scope(entry: &Entry) -> &'static str {
    match entry.scope {
        libc::RT_SCOPE_HOST => "host",
        libc::RT_SCOPE_LINK => "link",
        libc::RT_SCOPE_SITE => "site",
        _ => "global",
    }
}

/// What keeps the address from being used, if anything does.
fn state(entry: &Entry) -> &'static str {
    if entry.flags & addr::DUPLICATE != 0 {
        "duplicate"
    } else if entry.flags & addr::TENTATIVE != 0 {
        "tentative"
    } else {
        ""
    }
}

fn json<'a>(entries: &[Entry], name_of: &dyn Fn(u32) -> &'a str) -> Json {
    let mut json = Json::default();
    json.array();
    for entry in entries {
        let address = &entry.address;
        json.object();
        json.key("link").text(name_of(address.index));
        json.key("family").number(if address.ip.is_ipv4() { 4u32 } else { 6 });
        json.key("address").text(&address.ip.to_string());
        json.key("prefix").number(address.prefix);
        for (key, ip) in [("broadcast", address.broadcast.map(IpAddr::V4)), ("peer", entry.peer)] {
            match ip {
                Some(ip) => json.key(key).text(&ip.to_string()),
                None => json.key(key).null(),
            };
        }
        json.key("scope").text(scope(entry));
        for (key, seconds) in [("valid", address.valid), ("preferred", address.preferred)] {
            match seconds {
                Some(seconds) => json.key(key).number(seconds),
                None => json.key(key).null(),
            };
        }
        json.key("tentative").boolean(entry.flags & addr::TENTATIVE != 0);
        json.key("duplicate").boolean(entry.flags & addr::DUPLICATE != 0);
        json.end_object();
    }
    json.end_array().line();
    json
}

/// `add`, `replace` and `del`: reads what the address is, then does it.
fn change(
    words: &mut Words,
    removal: bool,
    act: fn(&mut Socket, &Address) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let text = words.need("the address")?;
    let (ip, prefix) = parse_prefixed(&text).map_err(Failure::usage)?;
    let mut address = Address {
        index: 0,
        ip,
        prefix: prefix.unwrap_or(longest_prefix(ip)),
        broadcast: None,
        valid: None,
        preferred: None,
        flags: 0,
    };
    let mut name = None;
    while let Some(word) = words.take()? {
        match word.as_str() {
            "dev" => name = Some(words.value("dev", "IF")?),
            "broadcast" | "brd" => address.broadcast = take_broadcast(words, &address)?,
            "valid_lft" => address.valid = lifetime(words, &word)?,
            "preferred_lft" => address.preferred = lifetime(words, &word)?,
            _ if name.is_none() => name = Some(word),
            _ => return Err(unexpected(&word)),
        }
    }
    let name = name.ok_or_else(|| Failure::usage("missing 'dev IF': the link"))?;
    let mut socket = Socket::open()?;
    address.index = link::by_name(&mut socket, &name)?.index;
    if removal && prefix.is_none() {
        // The prefix length that it has.
        let known = addr::list(&mut socket, Some(address.index))?;
        if let Some(known) = known.iter().find(|known| known.ip == ip) {
            address.prefix = known.prefix;
        }
    }
    act(&mut socket, &address)
}

fn take_broadcast(words: &mut Words, address: &Address) -> Result<Option<Ipv4Addr>, Failure> {
    let text = words.value("broadcast", "IP or +")?;
    match (text.as_str(), address.ip) {
        ("+", IpAddr::V4(ip)) => Ok(broadcast(ip, address.prefix)),
        (_, IpAddr::V6(_)) => Err(Failure::usage("IPv6 addresses have no broadcast address")),
        _ => match text.parse() {
            Ok(ip) => Ok(Some(ip)),
            Err(_) => Err(Failure::usage(format!(
                "broadcast: '{text}' is not an IPv4 address"
            ))),
        },
    }
}

fn lifetime(words: &mut Words, keyword: &str) -> Result<Option<u32>, Failure> {
    words.read(keyword, "SECONDS or forever", |text| match text {
        "forever" => Ok(None),
        _ => match text.parse() {
            Ok(seconds) => Ok(Some(seconds)),
            Err(_) => Err(format!("'{text}' is neither seconds nor 'forever'")),
        },
    })
}

fn flush(call: &Call<'_>, words: &mut Words) -> Result<(), Failure> {
    let word = words.need("the link's name")?;
    let name = if word == "dev" { words.need("the link's name")? } else { word };
    words.end()?;
    let mut socket = Socket::open()?;
    let index = link::by_name(&mut socket, &name)?.index;
    for address in addr::list(&mut socket, Some(index))? {
        if !wanted(call, address.ip) {
            continue;
        }
        match addr::remove(&mut socket, &address) {
            // Secondary addresses go with their primary.
            Err(failure) if failure.cause() == Some(Errno::EADDRNOTAVAIL) => {}
            other => other?,
        }
    }
    Ok(())
}
