//! `ifconfig`: show or configure interfaces, in the old spelling.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "ifconfig",
    group: Group::Network,
    summary: "show or configure interfaces, in the old spelling",
    usage: "",
    examples: &[("ifconfig eth0 up", "show or configure interfaces, in the old spelling")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
