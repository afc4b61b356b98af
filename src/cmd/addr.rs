//! `addr`: show, add and delete addresses.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "addr",
    group: Group::Network,
    summary: "show, add and delete addresses",
    usage: "",
    examples: &[("addr add 192.168.1.1/24 dev eth0", "show, add and delete addresses")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
