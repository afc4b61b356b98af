//! `ps`: list processes.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "ps",
    group: Group::Services,
    summary: "list processes",
    usage: "",
    examples: &[("ps", "list processes")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
