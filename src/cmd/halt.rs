//! `halt`: stop all services and halt the machine.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "halt",
    group: Group::Services,
    summary: "stop all services and halt the machine",
    usage: "",
    examples: &[("halt", "stop all services and halt the machine")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
