//! `exit`: leave the shell.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "exit",
    group: Group::Language,
    summary: "leave the shell",
    usage: "[STATUS]",
    details: "Without an operand: the status of the last command.",
    parse: Parse::Raw,
    examples: &[("exit 3", "ends the script with status 3")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.exit_status().map(Flow::Exit)
}
