//! `test`: test a condition.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "test",
    aliases: &["["],
    group: Group::Language,
    summary: "test a condition",
    usage: "",
    examples: &[("test -e /dev/vda", "test a condition")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
