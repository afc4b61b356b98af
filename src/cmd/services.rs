//! `services`: list the services and their states.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "services",
    group: Group::Services,
    summary: "list the services and their states",
    usage: "",
    examples: &[("services", "list the services and their states")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
