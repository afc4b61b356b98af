//! `continue`: start the next turn of the enclosing loop.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "continue",
    group: Group::Language,
    summary: "start the next turn of the enclosing loop",
    usage: "",
    examples: &[("continue", "start the next turn of the enclosing loop")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
