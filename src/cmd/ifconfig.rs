//! `ifconfig`: interfaces, in the spelling of ifconfig(8).

use std::net::IpAddr;

use super::words::{Words, unexpected};
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::address::{
    classful_prefix, netmask, parse_mac, parse_netmask, parse_prefixed, show_mac,
};
use crate::net::ifconfig::{Settings, apply};
use crate::net::netlink::addr::{self, Entry};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket;

pub(super) const COMMAND: Command = Command {
    name: "ifconfig",
    group: Group::Network,
    summary: "show or configure interfaces, in the old spelling",
    usage: "[-a] [IF [IP[/LEN]] [netmask MASK] [broadcast IP] [mtu N] [hw ether MAC] [up|down] …]",
    details: "\
Without arguments it shows the interfaces that are up, with -a all, with IF alone that one.
An IPv4 address takes the place of the interface's first one; an IPv6 address is added. Either
brings the interface up. 'add IP/LEN' and 'del IP/LEN' add and delete further addresses;
0.0.0.0 deletes the IPv4 address. Without LEN or netmask the old classes decide (10.0.0.1: /8).",
    options: &[Opt::letter('a', "show interfaces that are down, too")],
    see: &["link", "addr", "route", "dhcp4"],
    terms: &["ip", "nic", "netmask", "network"],
    examples: &[
        ("ifconfig", "every interface that is up"),
        ("ifconfig eth0 192.168.1.1 netmask 255.255.255.0", "set an address, bring it up"),
        ("ifconfig eth0 2001:db8::1/64", "add an IPv6 address"),
        ("ifconfig eth0 down", "take it down"),
    ],
    operands: Operand::Interface,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = Words::new(std::mem::take(&mut call.args));
    let Some(name) = words.take()? else {
        let all = call.given.flag("a");
        show(call, &|link| all || link.up)?;
        return Ok(Flow::OK);
    };
    let settings = read(&mut words)?;
    if settings == Settings::default() {
        if !show(call, &|link| link.name == name)? {
            // Says ENODEV in the kernel's words.
            link::by_name(&mut Socket::open()?, &name)?;
        }
    } else {
        apply(&mut Socket::open()?, &name, &settings)?;
    }
    Ok(Flow::OK)
}

fn read(words: &mut Words) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    while let Some(word) = words.take()? {
        match word.as_str() {
            "up" => settings.change.up = Some(true),
            "down" => settings.change.up = Some(false),
            "mtu" => settings.change.mtu = Some(words.number("mtu", u32::MAX)?),
            "netmask" => settings.prefix4 = Some(words.read("netmask", "MASK", parse_netmask)?),
            "broadcast" => {
                let parse = |text: &str| text.parse().map_err(|_| format!("'{text}' is not an IPv4 address"));
                settings.broadcast = Some(words.read("broadcast", "IP", parse)?);
            }
            "hw" => match words.value("hw", "ether MAC")?.as_str() {
                "ether" => settings.change.mac = Some(words.read("ether", "MAC", parse_mac)?),
                other => return Err(unexpected(other).with_hint("hw ether MAC")),
            },
            // The family is plain from the address.
            "inet" | "inet6" => {}
            "add" => settings.add.push(prefixed(&words.value("add", "IP/LEN")?)?),
            "del" => settings.remove.push(prefixed(&words.value("del", "IP/LEN")?)?),
            address => take_address(&mut settings, address)?,
        }
    }
    Ok(settings)
}

fn prefixed(text: &str) -> Result<(IpAddr, u8), Failure> {
    let (ip, prefix) = parse_prefixed(text).map_err(Failure::usage)?;
    Ok((ip, prefix.unwrap_or(classful_prefix(ip))))
}

fn take_address(settings: &mut Settings, text: &str) -> Result<(), Failure> {
    let (ip, prefix) = parse_prefixed(text).map_err(|why| {
        Failure::usage(why).with_hint("'help ifconfig' lists what may follow the interface")
    })?;
    match ip {
        IpAddr::V4(ip) => {
            settings.ip4 = Some(ip);
            settings.prefix4 = prefix.or(settings.prefix4);
        }
        IpAddr::V6(_) => settings.add.push((ip, prefix.unwrap_or(128))),
    }
    Ok(())
}

/// Prints the links that are `wanted`; whether there was any.
fn show(call: &mut Call<'_>, wanted: &dyn Fn(&Link) -> bool) -> Result<bool, Failure> {
    let mut socket = Socket::open()?;
    let mut links = link::list_with_counters(&mut socket)?;
    links.retain(wanted);
    let entries = addr::entries(&mut socket, None)?;
    for link in &links {
        let own = entries.iter().filter(|entry| entry.address.index == link.index);
        show_link(call, link, own);
    }
    Ok(!links.is_empty())
}

fn show_link<'a>(call: &mut Call<'_>, link: &Link, entries: impl Iterator<Item = &'a Entry>) {
    // The kernel's flags above 16 bits (IFF_LOWER_UP) never reached the ioctl.
    let flags = link.flags & 0xffff;
    let (name, mtu) = (&link.name, link.mtu);
    let words = flag_words(flags);
    call.print(format_args!("{name}: flags={flags}<{words}>  mtu {mtu}\n"));
    for entry in entries {
        call.print(format_args!("        {}\n", address_line(entry)));
    }
    let queue = link.queue;
    match link.hardware {
        libc::ARPHRD_LOOPBACK => {
            call.print(format_args!("        loop  txqueuelen {queue}  (Local Loopback)\n"));
        }
        libc::ARPHRD_ETHER => {
            let mac = show_mac(&link.mac);
            call.print(format_args!("        ether {mac}  txqueuelen {queue}  (Ethernet)\n"));
        }
        _ => call.print(format_args!("        unspec  txqueuelen {queue}\n")),
    }
    if let Some(counters) = link.counters {
        let (rx, tx) = (counters.rx, counters.tx);
        call.print(format_args!(
            "        RX packets {}  bytes {}\n        RX errors {}  dropped {}\n",
            rx.packets, rx.bytes, rx.errors, rx.dropped
        ));
        call.print(format_args!(
            "        TX packets {}  bytes {}\n        TX errors {}  dropped {}  collisions {}\n",
            tx.packets, tx.bytes, tx.errors, tx.dropped, counters.collisions
        ));
    }
    call.print(format_args!("\n"));
}

fn address_line(entry: &Entry) -> String {
    let address = &entry.address;
    match address.ip {
        IpAddr::V4(ip) => {
            let mut line = format!("inet {ip}  netmask {}", netmask(address.prefix));
            if let Some(broadcast) = address.broadcast {
                line.push_str(&format!("  broadcast {broadcast}"));
            }
            if let Some(peer) = entry.peer {
                line.push_str(&format!("  destination {peer}"));
            }
            line
        }
        IpAddr::V6(ip) => {
            // The scope ids of net-tools: IPV6_ADDR_* (include/net/ipv6.h).
            let scope = match entry.scope {
                libc::RT_SCOPE_HOST => "0x10<host>",
                libc::RT_SCOPE_LINK => "0x20<link>",
                libc::RT_SCOPE_SITE => "0x40<site>",
                _ => "0x0<global>",
            };
            format!("inet6 {ip}  prefixlen {}  scopeid {scope}", address.prefix)
        }
    }
}

/// The flags that are set, in ifconfig's words and order.
fn flag_words(flags: u32) -> String {
    const WORDS: &[(i32, &str)] = &[
        (libc::IFF_UP, "UP"),
        (libc::IFF_BROADCAST, "BROADCAST"),
        (libc::IFF_DEBUG, "DEBUG"),
        (libc::IFF_LOOPBACK, "LOOPBACK"),
        (libc::IFF_POINTOPOINT, "POINTOPOINT"),
        (libc::IFF_RUNNING, "RUNNING"),
        (libc::IFF_NOARP, "NOARP"),
        (libc::IFF_PROMISC, "PROMISC"),
        (libc::IFF_ALLMULTI, "ALLMULTI"),
        (libc::IFF_SLAVE, "SLAVE"),
        (libc::IFF_MASTER, "MASTER"),
        (libc::IFF_MULTICAST, "MULTICAST"),
    ];
    let set = WORDS.iter().filter(|(bit, _)| flags & bit.cast_unsigned() != 0);
    let words: Vec<&str> = set.map(|(_, word)| *word).collect();
    words.join(",")
}
