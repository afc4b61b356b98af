//! `unset`: remove variables or functions.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "unset",
    group: Group::Language,
    summary: "remove variables or functions",
    usage: "[-f|-v] NAME…",
    parse: Parse::Posix,
    options: &[
        Opt::letter('f', "functions"),
        Opt::letter('v', "variables (the default)"),
    ],
    see: &["set", "export"],
    examples: &[("unset http_proxy", "the variable is gone")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    for word in std::mem::take(&mut call.args) {
        let name = call.text(&word)?;
        if call.given.flag("f") {
            call.shell.functions.remove(name);
        } else {
            call.shell.vars.unset(name)?;
        }
    }
    Ok(Flow::OK)
}
