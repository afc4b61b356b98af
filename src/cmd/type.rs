//! `type`: tell what a name is.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "type",
    group: Group::Language,
    summary: "tell what a name is",
    usage: "",
    examples: &[("type mount", "tell what a name is")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
