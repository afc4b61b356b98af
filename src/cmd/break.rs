//! `break`: leave a loop.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "break",
    group: Group::Language,
    summary: "leave a loop",
    usage: "[LEVELS]",
    parse: Parse::Raw,
    see: &["continue"],
    examples: &[("break 2", "leaves the inner and the outer loop")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    Ok(match call.loop_levels()? {
        0 => Flow::OK,
        levels => Flow::Break(levels),
    })
}
