//! `unset`: remove variables or functions.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "unset",
    group: Group::Language,
    summary: "remove variables or functions",
    usage: "",
    examples: &[("unset name", "remove variables or functions")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
