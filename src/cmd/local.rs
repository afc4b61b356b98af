//! `local`: variables of a function's own.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::script::vars::{ScopeKind, split_assignment};

pub(super) const COMMAND: Command = Command {
    name: "local",
    group: Group::Language,
    summary: "variables of a function's own",
    usage: "NAME[=VALUE]…",
    details: "They have their former values again when the function ends. Without VALUE they keep the value\n\
              that they had, as in dash.",
    parse: Parse::Raw,
    examples: &[("local link=$1", "a variable that ends with the function")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    for word in std::mem::take(&mut call.args) {
        let (name, value) = split_assignment(&word)?;
        call.shell.vars.make_local(ScopeKind::Function, &name)?;
        if let Some(value) = value {
            call.shell.assign(&name, value)?;
        }
    }
    Ok(Flow::OK)
}
