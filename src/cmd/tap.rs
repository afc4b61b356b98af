//! `tap`: persistent tap links.

use super::words::{Words, unexpected};
use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::net::netlink::link;
use crate::net::netlink::socket::Socket;
use crate::net::tun;

pub(super) const COMMAND: Command = Command {
    name: "tap",
    group: Group::Network,
    summary: "make or delete a persistent tap link",
    usage: "[list] | add NAME | del NAME",
    details: "\
The link stays when the command has ended; a program opens it by name through /dev/net/tun.
Without arguments, tap and tun links are listed. Needs the module 'tun' and the node
/dev/net/tun, which devtmpfs makes when the module is loaded.",
    see: &["link", "ifconfig", "modprobe", "mknod"],
    terms: &["tun", "tunctl", "virtual", "interface", "network"],
    examples: &[
        ("tap add tap0", "make a tap link"),
        ("tap del tap0", "delete it"),
    ],
    operands: Operand::InterfaceAfter(&["list", "add", "del"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = Words::new(std::mem::take(&mut call.args));
    let verb = words.take()?;
    match verb.as_deref() {
        None | Some("list") => {
            words.end()?;
            let links = link::list(&mut Socket::open()?)?;
            for link in links.iter().filter(|link| link.kind_name() == "tun") {
                call.out.print(format_args!("{}\n", link.name));
            }
        }
        Some("add") => {
            let name = words.need("the new link's name")?;
            words.end()?;
            tun::create(&name, tun::Mode::Tap)?;
        }
        Some("del" | "delete") => {
            let name = words.need("the link's name")?;
            words.end()?;
            remove(&name)?;
        }
        Some(other) => return Err(unexpected(other).with_hint("tap add NAME, or tap del NAME?")),
    }
    Ok(Flow::OK)
}

fn remove(name: &str) -> Result<(), Failure> {
    let mut socket = Socket::open()?;
    let link = link::by_name(&mut socket, name)?;
    // Both are of the kind 'tun'; a tap carries Ethernet frames.
    if link.kind_name() != "tun" || link.hardware != libc::ARPHRD_ETHER {
        return Err(Failure::new(format!(
            "delete the tap link {name}: it is not a tap link but {}",
            link.kind_name()
        ))
        .with_hint(format!("'link del {name}' deletes any kind")));
    }
    link::remove(&mut socket, name)
}
