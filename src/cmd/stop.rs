//! `stop`: stop a service.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "stop",
    group: Group::Services,
    summary: "stop a service",
    usage: "",
    examples: &[("stop web", "stop a service")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
