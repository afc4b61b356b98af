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
    let status = match call.optional_number("STATUS")? {
        // What the kernel keeps of it.
        Some(status) => (status & 0xff) as u8,
        None => call.shell.last_status(),
    };
    Ok(Flow::Exit(status))
}
