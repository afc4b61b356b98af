//! `fg`: bring a job to the foreground.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "fg",
    group: Group::Language,
    summary: "bring a job to the foreground",
    usage: "[%N]",
    see: &["bg", "jobs"],
    examples: &[("fg", "the last job gets the terminal back")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let name = call.optional("%N")?.unwrap_or_default().to_owned();
    call.shell.resume(&name, true)
}
