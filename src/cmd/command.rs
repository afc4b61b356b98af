//! `command`: run a command past functions, or tell what a name is.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "command",
    group: Group::Language,
    summary: "run a command past functions, or tell what a name is",
    usage: "",
    examples: &[("command -v mount", "run a command past functions, or tell what a name is")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
