//! radvd: router advertisements as a test configures them.

use std::fs;

use super::{Server, command};
use crate::dhcp_server::Scratch;
use crate::support::Namespace;

/// radvd on an interface with a link-local address; `members` are those of its `interface` section.
/// The router is one that forwards, as radvd insists on.
pub fn start(namespace: &Namespace, scratch: &Scratch, interface: &str, members: &str) -> Server {
    let file = |kind: &str| scratch.path(&format!("radvd-{}.{kind}", namespace.name()));
    namespace.sysctl("net/ipv6/conf/all/forwarding", "1");
    let config = format!("interface {interface} {{ AdvSendAdvert on;\n{members}\n}};\n");
    fs::write(file("conf"), config).unwrap();
    let mut command = command(namespace, "radvd");
    command.args(["--nodaemon", "--debug=2", "--logmethod=stderr"]);
    command.arg("--config").arg(file("conf"));
    command.arg("--pidfile").arg(file("pid"));
    let router = Server::start(command, file("log"), "polling for");
    // It starts all the same where it will not advertise.
    assert_eq!(router.count("must be"), 0, "{}", router.log());
    router
}
