//! `local`: make variables local to a function.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "local",
    group: Group::Language,
    summary: "make variables local to a function",
    usage: "",
    examples: &[("local name=value", "make variables local to a function")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
