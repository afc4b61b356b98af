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
    Ok(match call.loop_levels()? {
        0 => Flow::OK,
        levels => Flow::Continue(levels),
    })
}
