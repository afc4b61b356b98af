//! `eval`: run its arguments as a command line.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "eval",
    group: Group::Language,
    summary: "run its arguments as a command line",
    usage: "",
    examples: &[("eval \"$line\"", "run its arguments as a command line")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
