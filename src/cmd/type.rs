//! `type`: tell what a name stands for.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::script::program::Meaning;

pub(super) const COMMAND: Command = Command {
    name: "type",
    group: Group::Language,
    summary: "tell what a name stands for",
    usage: "NAME…",
    parse: Parse::Posix,
    see: &["command"],
    terms: &["which", "whence"],
    examples: &[("type mount", "a built-in, a function, or a file?")],
    operands: Operand::Command,
    run: describe,
    ..Command::DEFAULT
};

/// Prints a line for each operand; status 127 where one stands for nothing.
pub(super) fn describe(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut status = 0;
    for name in std::mem::take(&mut call.args) {
        let meaning = call.shell.meaning(&name, None);
        call.out.bytes(name.as_encoded_bytes());
        let text = match &meaning {
            Some(Meaning::Keyword) => " is a shell keyword",
            Some(Meaning::Special) => " is a special shell builtin",
            Some(Meaning::BuiltIn) => " is a shell builtin",
            Some(Meaning::Function) => " is a shell function",
            Some(Meaning::File(_)) => " is ",
            None => ": not found",
        };
        call.out.bytes(text.as_bytes());
        match meaning {
            Some(Meaning::File(path)) => call.out.bytes(&path),
            Some(_) => {}
            None => status = 127,
        }
        call.out.bytes(b"\n");
    }
    Ok(Flow::Status(status))
}
