//! `false`: fails.

use super::{Command, Flow, Group, Operand, Parse};

pub(super) const COMMAND: Command = Command {
    name: "false",
    group: Group::Language,
    summary: "fail",
    usage: "",
    details: "Status 1, whatever its words are.",
    parse: Parse::Verbatim,
    operands: Operand::None,
    see: &["true"],
    terms: &["failure", "error"],
    examples: &[("until false; do sleep 1; done", "for ever")],
    run: |_| Ok(Flow::Status(1)),
    ..Command::DEFAULT
};
