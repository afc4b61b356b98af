//! `help`: list the commands, or explain one.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "help",
    group: Group::Language,
    summary: "list the commands, or explain one",
    usage: "",
    examples: &[("help mount", "list the commands, or explain one")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
