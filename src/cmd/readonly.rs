//! `readonly`: make variables unchangeable.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::script::vars::{declarations, split_assignment};

pub(super) const COMMAND: Command = Command {
    name: "readonly",
    group: Group::Language,
    summary: "make variables unchangeable",
    usage: "[-p] [NAME[=VALUE]…]",
    parse: Parse::Posix,
    options: &[Opt::letter('p', "list them (the default without operands)")],
    see: &["set", "unset"],
    terms: &["env", "variable"],
    examples: &[("readonly root=/dev/vda1", "nothing sets it again")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        let listed = call.shell.vars.iter().filter(|(_, v)| v.readonly);
        call.out.bytes(&declarations("readonly", listed));
        return Ok(Flow::OK);
    }
    for word in std::mem::take(&mut call.args) {
        let (name, value) = split_assignment(&word)?;
        if let Some(value) = value {
            call.shell.assign(&name, value)?;
        }
        call.shell.vars.freeze(&name)?;
    }
    Ok(Flow::OK)
}
