//! `retry`: run a command until it succeeds.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "retry",
    group: Group::Language,
    summary: "run a command until it succeeds",
    usage: "",
    examples: &[("retry -n 5 mount 9p", "run a command until it succeeds")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
