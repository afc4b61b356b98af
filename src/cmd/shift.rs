//! `shift`: drop positional parameters.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "shift",
    group: Group::Language,
    summary: "drop positional parameters from the front",
    usage: "[N]",
    parse: Parse::Raw,
    see: &["set"],
    examples: &[("shift 2", "what was $3 is $1 now")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let count = call.optional_number("N")?.unwrap_or(1) as usize;
    let positional = &mut call.shell.vars.positional;
    if count > positional.len() {
        let have = positional.len();
        return Err(Failure::usage(format!("cannot drop {count} parameters of {have}")));
    }
    positional.drain(..count);
    Ok(Flow::OK)
}
