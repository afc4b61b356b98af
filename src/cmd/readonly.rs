//! `readonly`: make variables unchangeable.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::script::vars::{single_quoted, split_assignment};

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
        return Ok(list(call));
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

fn list(call: &mut Call<'_>) -> Flow {
    let mut text = Vec::new();
    for (name, variable) in call.shell.vars.iter().filter(|(_, v)| v.readonly) {
        text.extend_from_slice(b"readonly ");
        text.extend_from_slice(name.as_bytes());
        if let Some(value) = &variable.value {
            text.push(b'=');
            text.extend(single_quoted(value));
        }
        text.push(b'\n');
    }
    call.out.bytes(&text);
    Flow::OK
}
