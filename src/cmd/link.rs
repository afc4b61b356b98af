//! `link`: network links, in the spelling of ip-link(8).

use super::table::Table;
use super::words::{Words, unexpected};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::address::{parse_mac, show_mac};
use crate::net::netlink::link::{self, Change, Kind, Link, Which};
use crate::net::netlink::socket::Socket;
use crate::net::tun;

pub(super) const COMMAND: Command = Command {
    name: "link",
    group: Group::Network,
    summary: "show, change, add and delete network links",
    usage: "[--json] [list | show IF | set IF CHANGE… | add NAME type KIND | del NAME]",
    details: "\
changes, any number at once:
  up, down               administratively
  mtu BYTES              largest packet
  address MAC            hardware address
  name NEW               another name (the link must be down before Linux 6.2)
  master IF, nomaster    become a port of a bridge, or leave it
kinds, after 'add NAME type'; 'mtu', 'address', 'master' and 'up' may follow:
  dummy, bridge, tun, tap
  veth peer NAME         a cable; the other end has that name
  vlan link IF id N      the frames on IF that have the tag N
  macvlan link IF        another hardware address on IF
A tun or tap link needs the module 'tun' and stays when the command has ended.",
    options: &[
        Opt::flag("json", "print as JSON: one array of objects"),
        Opt::flag("names", "print the names only, one a line"),
        Opt::value(
            "type",
            "KIND",
            "only those of this kind: ethernet (cards, no software links), bridge, veth, tun, …",
        ),
    ],
    see: &["addr", "route", "ifconfig", "tap", "dhcp4", "modprobe"],
    terms: &["ip", "nic", "interface", "mac", "mtu", "bridge", "vlan", "brctl", "network", "ifup", "ifdown"],
    examples: &[
        ("link", "every link with its state, MAC and MTU"),
        ("link set eth0 up mtu 1400", "bring a link up with a smaller MTU"),
        ("link add br0 type bridge", "a bridge"),
        ("link set eth0 master br0", "make eth0 a port of it"),
        ("link add eth0.5 type vlan link eth0 id 5", "VLAN 5 of eth0"),
        (
            "for IF in $(link --names --type ethernet); do link set $IF up; done",
            "every Ethernet card up",
        ),
    ],
    operands: Operand::InterfaceAfter(&["list", "show", "set", "add", "del"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = Words::new(std::mem::take(&mut call.args));
    let verb = words.take()?;
    match verb.as_deref() {
        None | Some("list" | "show") => list(call, words.take()?, &mut words),
        Some("set") => set(&mut words),
        Some("add") => add(&mut words),
        Some("del" | "delete") => {
            let name = device(&mut words, "the link's name")?;
            words.end()?;
            link::remove(&mut Socket::open()?, &name)
        }
        Some(name) => list(call, Some(name.to_owned()), &mut words),
    }?;
    Ok(Flow::OK)
}

fn list(call: &mut Call<'_>, name: Option<String>, words: &mut Words) -> Result<(), Failure> {
    let name = match name.as_deref() {
        Some("dev") => Some(words.need("the link's name")?),
        _ => name,
    };
    words.end()?;
    let mut socket = Socket::open()?;
    let all = link::list(&mut socket)?;
    let kind = call.given.text("type")?;
    let wanted = |link: &&Link| {
        name.as_ref().is_none_or(|name| *name == link.name)
            && kind.is_none_or(|kind| link.kind_name() == kind)
    };
    let links: Vec<&Link> = all.iter().filter(wanted).collect();
    if let (Some(name), true) = (&name, links.is_empty()) {
        // Says ENODEV in the kernel's words; a link of another type is an empty list.
        link::by_name(&mut socket, name)?;
    }
    if call.given.flag("json") {
        call.out.print(format_args!("{}", json(&links, &all).as_str()));
    } else if call.given.flag("names") {
        for link in links {
            call.out.print(format_args!("{}\n", link.name));
        }
    } else {
        table(&links, &all).print(&mut call.out);
    }
    Ok(())
}

/// The name of the link with that index among these.
fn name_in(all: &[Link], index: u32) -> Option<&str> {
    let found = all.iter().find(|link| link.index == index);
    found.map(|link| link.name.as_str())
}

fn table(links: &[&Link], all: &[Link]) -> Table {
    let mut table = Table::new(&["NAME", "STATE", "KIND", "MTU", "MAC", "WITH"]);
    for link in links {
        let mut with = String::new();
        if let Some(master) = link.master {
            with = format!("port of {} ", name_in(all, master).unwrap_or("?"));
        }
        if let Some(parent) = link.parent.and_then(|index| name_in(all, index)) {
            let joint = if link.kind_name() == "veth" { "peer" } else { "on" };
            with.push_str(&format!("{joint} {parent}"));
        }
        table.row(vec![
            link.name.clone(),
            link.state().to_owned(),
            link.kind_name().to_owned(),
            link.mtu.to_string(),
            show_mac(&link.mac),
            with,
        ]);
    }
    table
}

fn json(links: &[&Link], all: &[Link]) -> Json {
    let mut json = Json::default();
    json.array();
    for link in links {
        json.object();
        json.key("index").number(link.index);
        json.key("name").text(&link.name);
        json.key("kind").text(link.kind_name());
        json.key("state").text(link.state());
        json.key("up").boolean(link.up);
        json.key("carrier").boolean(link.carrier);
        json.key("mtu").number(link.mtu);
        json.key("mac").text(&show_mac(&link.mac));
        for (key, index) in [("master", link.master), ("parent", link.parent)] {
            match index.and_then(|index| name_in(all, index)) {
                Some(name) => json.key(key).text(name),
                None => json.key(key).null(),
            };
        }
        json.end_object();
    }
    json.end_array().line();
    json
}

/// `IF`, or `dev IF`.
fn device(words: &mut Words, what: &str) -> Result<String, Failure> {
    let word = words.need(what)?;
    if word == "dev" { words.need(what) } else { Ok(word) }
}

fn set(words: &mut Words) -> Result<(), Failure> {
    let name = device(words, "the link's name")?;
    let mut socket = Socket::open()?;
    let mut change = Change::default();
    let mut any = false;
    while let Some(word) = words.take()? {
        any = true;
        if word == "name" {
            change.name = Some(words.value("name", "NEW")?);
        } else if !take_change(&mut socket, &mut change, &word, words)? {
            return Err(unexpected(&word));
        }
    }
    if !any {
        return Err(Failure::usage(format!(
            "what to change of {name}: up, down, mtu, address, name, master?"
        )));
    }
    // A request with a new name has no room for the old one.
    let which = match change.name {
        Some(_) => Which::Index(link::by_name(&mut socket, &name)?.index),
        None => Which::Name(&name),
    };
    link::change(&mut socket, which, &change)
}

/// Reads one change that both `set` and `add` take; whether `word` begins one.
fn take_change(
    socket: &mut Socket,
    change: &mut Change,
    word: &str,
    words: &mut Words,
) -> Result<bool, Failure> {
    match word {
        "up" => change.up = Some(true),
        "down" => change.up = Some(false),
        "mtu" => change.mtu = Some(words.number("mtu", u32::MAX)?),
        "address" => change.mac = Some(words.read("address", "MAC", parse_mac)?),
        "master" => {
            let name = words.value("master", "BRIDGE")?;
            change.master = Some(link::by_name(socket, &name)?.index);
        }
        "nomaster" => change.master = Some(0),
        _ => return Ok(false),
    }
    Ok(true)
}

/// What `add` is told in any order.
#[derive(Default)]
struct Plan {
    name: Option<String>,
    kind: Option<String>,
    peer: Option<String>,
    parent: Option<u32>,
    id: Option<u16>,
    change: Change,
}

fn add(words: &mut Words) -> Result<(), Failure> {
    let mut socket = Socket::open()?;
    let mut plan = Plan::default();
    while let Some(word) = words.take()? {
        match word.as_str() {
            "dev" | "name" => plan.name = Some(words.value(&word, "NAME")?),
            "type" => plan.kind = Some(words.value("type", "KIND")?),
            "peer" => {
                let name = words.value("peer", "NAME")?;
                let name = if name == "name" { words.value("peer name", "NAME")? } else { name };
                plan.peer = Some(name);
            }
            "link" => {
                let name = words.value("link", "IF")?;
                plan.parent = Some(link::by_name(&mut socket, &name)?.index);
            }
            // 4095 is reserved (IEEE 802.1Q).
            "id" => plan.id = Some(words.number("id", 4094)? as u16),
            _ if take_change(&mut socket, &mut plan.change, &word, words)? => {}
            _ if plan.name.is_none() => plan.name = Some(word),
            _ if plan.kind.is_none() => {
                let hint = format!("if that is its kind: type {word}");
                return Err(unexpected(&word).with_hint(hint));
            }
            _ => return Err(unexpected(&word)),
        }
    }
    make(&mut socket, plan)
}

fn make(socket: &mut Socket, plan: Plan) -> Result<(), Failure> {
    let missing = |what| Failure::usage(format!("missing {what}"));
    let name = plan.name.ok_or_else(|| missing("the new link's name"))?;
    let kind = plan.kind.ok_or_else(|| missing("'type KIND'"))?;
    let parent = plan.parent.ok_or_else(|| missing("'link IF': the link below"));
    let kind = match kind.as_str() {
        "dummy" => Kind::Dummy,
        "bridge" => Kind::Bridge,
        "veth" => Kind::Veth(plan.peer.ok_or_else(|| missing("'peer NAME'"))?),
        "vlan" => Kind::Vlan {
            parent: parent?,
            id: plan.id.ok_or_else(|| missing("'id N': the VLAN's tag"))?,
        },
        "macvlan" => Kind::Macvlan(parent?),
        "tun" | "tap" => {
            let mode = if kind == "tun" { tun::Mode::Tun } else { tun::Mode::Tap };
            tun::create(&name, mode)?;
            if plan.change == Change::default() {
                return Ok(());
            }
            return link::change(socket, Which::Name(&name), &plan.change);
        }
        _ => {
            return Err(Failure::usage(format!("unknown kind of link '{kind}'"))
                .with_hint("kinds: dummy, bridge, veth, vlan, macvlan, tun, tap"));
        }
    };
    link::add(socket, &name, &kind, &plan.change)
}
