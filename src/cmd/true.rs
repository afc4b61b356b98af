//! `true`: does nothing, successfully.

use super::{Command, Flow, Group, Operand, Parse};

pub(super) const COMMAND: Command = Command {
    name: "true",
    aliases: &[":"],
    group: Group::Language,
    summary: "do nothing, successfully",
    usage: "[WORD…]",
    details: "Its words are expanded all the same: : \"${X:=value}\" gives a variable a default.",
    parse: Parse::Verbatim,
    operands: Operand::None,
    see: &["false"],
    terms: &["nothing", "success", "noop"],
    examples: &[
        ("while true; do sleep 1; done", "for ever"),
        (": \"${DELAY:=5}\"", "set DELAY unless it is set"),
    ],
    run: |_| Ok(Flow::OK),
    ..Command::DEFAULT
};
