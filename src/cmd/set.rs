//! `set`: set options and positional parameters.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "set",
    group: Group::Language,
    summary: "set options and positional parameters",
    usage: "",
    examples: &[("set -e", "set options and positional parameters")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
