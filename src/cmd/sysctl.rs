//! `sysctl`: print or set kernel parameters.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "sysctl",
    group: Group::System,
    summary: "print or set kernel parameters",
    usage: "",
    examples: &[("sysctl net.ipv4.ip_forward=1", "print or set kernel parameters")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
