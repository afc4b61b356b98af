//! `continue`: start the next turn of a loop.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "continue",
    group: Group::Language,
    summary: "start the next turn of a loop",
    usage: "[LEVELS]",
    parse: Parse::Raw,
    see: &["break"],
    examples: &[("continue", "skips the rest of the body")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let levels = call.optional_number("LEVELS")?.unwrap_or(1);
    if levels == 0 {
        return Err(Failure::usage("LEVELS must be 1 or more"));
    }
    Ok(match levels.min(call.shell.loops) {
        0 => Flow::OK,
        levels => Flow::Continue(levels),
    })
}
