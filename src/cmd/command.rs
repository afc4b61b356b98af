//! `command`: run a command past functions, or say what a name stands for.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::script::program::{DEFAULT_PATH, Meaning};

pub(super) const COMMAND: Command = Command {
    name: "command",
    group: Group::Language,
    summary: "run a command past functions, or tell what it is",
    usage: "[-p] [-v|-V] NAME [ARG…]",
    parse: Parse::Posix,
    options: &[
        Opt::letter('p', "look in the default PATH"),
        Opt::letter('v', "print what would run; status 127 where there is nothing"),
        Opt::letter('V', "the same in words"),
    ],
    see: &["type"],
    terms: &["which"],
    examples: &[
        ("command -v bash", "is there a bash?"),
        ("command mount proc", "the built-in, whatever 'mount()' does"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.given.flag("V") {
        return super::r#type::describe(call);
    }
    if call.given.flag("v") {
        return print(call);
    }
    let args = std::mem::take(&mut call.args);
    call.shell.run_past_functions(args, call.given.flag("p"))
}

fn print(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut status = 0;
    for name in std::mem::take(&mut call.args) {
        let path = call.given.flag("p").then_some(DEFAULT_PATH);
        let text = match call.shell.meaning(&name, path) {
            Some(Meaning::File(path)) => path,
            Some(_) => name.into_encoded_bytes(),
            None => {
                status = 127;
                continue;
            }
        };
        call.out.bytes(&text);
        call.out.bytes(b"\n");
    }
    Ok(Flow::Status(status))
}
