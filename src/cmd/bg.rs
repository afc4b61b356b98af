//! `bg`: let a stopped job go on in the background.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "bg",
    group: Group::Language,
    summary: "let a stopped job go on in the background",
    usage: "[%N]",
    see: &["fg", "jobs"],
    examples: &[("bg %1", "what Ctrl-Z stopped goes on, the prompt stays")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let name = call.optional("%N")?.unwrap_or_default().to_owned();
    call.shell.resume(&name, false)
}
