//! `export`: give variables to programs.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::script::vars::{declarations, split_assignment};

pub(super) const COMMAND: Command = Command {
    name: "export",
    group: Group::Language,
    summary: "give variables to programs",
    usage: "[-p] [NAME[=VALUE]…]",
    parse: Parse::Posix,
    options: &[Opt::letter('p', "list them (the default without operands)")],
    see: &["set", "unset"],
    terms: &["env", "variable"],
    examples: &[("export TERM=vt102", "sets it, for programs too")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        let listed = call.shell.vars.iter().filter(|(_, v)| v.exported);
        call.out.bytes(&declarations("export", listed));
        return Ok(Flow::OK);
    }
    for word in std::mem::take(&mut call.args) {
        let (name, value) = split_assignment(&word)?;
        if let Some(value) = value {
            call.shell.assign(&name, value)?;
        }
        call.shell.vars.export(&name, true)?;
    }
    Ok(Flow::OK)
}
