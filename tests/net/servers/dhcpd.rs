//! ISC dhcpd for one family. Its configuration is the test's; its files are set here.

use std::fs::{self, OpenOptions};

use super::{Server, command};
use crate::dhcp_server::Scratch;
use crate::support::Namespace;

/// `dhcpd -4` on an interface that has an address of one of the subnets of `config`.
pub fn dhcp4(namespace: &Namespace, scratch: &Scratch, interface: &str, config: &str) -> Server {
    start(namespace, scratch, interface, config, '4')
}

/// `dhcpd -6`, likewise.
pub fn dhcp6(namespace: &Namespace, scratch: &Scratch, interface: &str, config: &str) -> Server {
    start(namespace, scratch, interface, config, '6')
}

fn start(
    namespace: &Namespace,
    scratch: &Scratch,
    interface: &str,
    config: &str,
    family: char,
) -> Server {
    let file = |kind: &str| scratch.path(&format!("dhcpd{family}-{}.{kind}", namespace.name()));
    fs::write(file("conf"), config).unwrap();
    // It wants its lease file to exist, and keeps what is in it.
    let mut leases = OpenOptions::new();
    leases
        .create(true)
        .append(true)
        .open(file("leases"))
        .unwrap();
    let mut command = command(namespace, "dhcpd");
    command.args(["-f", "-d", &format!("-{family}"), "--no-pid"]);
    command.arg("-cf").arg(file("conf"));
    command.arg("-lf").arg(file("leases")).arg(interface);
    Server::start(command, file("log"), "Server starting service.")
}
