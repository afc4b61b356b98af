//! ISC dhcrelay: carries what clients say to a server on another link.

use super::{Server, command};
use crate::dhcp_server::Scratch;
use crate::support::Namespace;

/// Relays DHCPv4 from the link `below`, where it has an address, to the server behind `above`.
pub fn dhcp4(
    namespace: &Namespace,
    scratch: &Scratch,
    below: &str,
    above: &str,
    server: &str,
) -> Server {
    let mut command = command(namespace, "dhcrelay");
    command.args(["-4", "-d", "--no-pid", "-id", below, "-iu", above, server]);
    let log = scratch.path(&format!("relay4-{}.log", namespace.name()));
    Server::start(command, log, "Socket/fallback")
}

/// Relays DHCPv6 from the link `below` to `server`, an address on the link `above`.
pub fn dhcp6(
    namespace: &Namespace,
    scratch: &Scratch,
    below: &str,
    above: &str,
    server: &str,
) -> Server {
    let mut command = command(namespace, "dhcrelay");
    let above = format!("{server}%{above}");
    command.args(["-6", "-d", "--no-pid", "-l", below, "-u", &above]);
    let log = scratch.path(&format!("relay6-{}.log", namespace.name()));
    let relay = Server::start(command, log, "Bound to *:547");
    relay.wait_for("Sending on", 2);
    relay
}
