//! `uptime`: print how long the machine has run.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "uptime",
    group: Group::System,
    summary: "print how long the machine has run",
    usage: "",
    examples: &[("uptime", "print how long the machine has run")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
