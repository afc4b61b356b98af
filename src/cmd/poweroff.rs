//! `poweroff`: stop all services and power off.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "poweroff",
    group: Group::Services,
    summary: "stop all services and power off",
    usage: "",
    examples: &[("poweroff --status 7", "stop all services and power off")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
