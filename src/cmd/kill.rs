//! `kill`: send a signal to processes.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "kill",
    group: Group::Services,
    summary: "send a signal to processes",
    usage: "",
    examples: &[("kill -TERM 42", "send a signal to processes")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
