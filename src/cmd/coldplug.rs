//! `coldplug`: load the modules that the hardware asks for.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "coldplug",
    group: Group::System,
    summary: "load the modules that the hardware asks for",
    usage: "",
    examples: &[("coldplug", "load the modules that the hardware asks for")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
