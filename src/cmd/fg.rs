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
    let name = match call.args.first() {
        Some(word) => call.text(word)?.to_owned(),
        None => String::new(),
    };
    call.shell.resume(&name, true).map(Flow::Status)
}
