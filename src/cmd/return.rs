//! `return`: leave a function or sourced file.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "return",
    group: Group::Language,
    summary: "leave a function or sourced file",
    usage: "",
    examples: &[("return 0", "leave a function or sourced file")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
