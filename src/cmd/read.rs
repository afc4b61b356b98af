//! `read`: read a line into variables.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "read",
    group: Group::Language,
    summary: "read a line into variables",
    usage: "",
    examples: &[("read -r line", "read a line into variables")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
