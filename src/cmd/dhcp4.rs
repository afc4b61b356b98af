//! `dhcp4`: configure an interface by DHCP for IPv4.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "dhcp4",
    group: Group::Network,
    summary: "configure an interface by DHCP for IPv4",
    usage: "",
    examples: &[("dhcp4 eth0", "configure an interface by DHCP for IPv4")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
