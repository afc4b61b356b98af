//! `return`: leave a function or a sourced file.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "return",
    group: Group::Language,
    summary: "leave a function or a sourced file",
    usage: "[STATUS]",
    details: "Without an operand: the status of the last command.",
    parse: Parse::Raw,
    examples: &[("return 1", "the function ends with status 1")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.exit_status().map(Flow::Return)
}
