//! `get`: print settings.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::script::settings;

pub(super) const COMMAND: Command = Command {
    name: "get",
    group: Group::Language,
    summary: "print settings",
    usage: "[NAME]",
    details: "A setting is a read-only value with a dotted name: ${cmdline.root}, ${net.eth0.ip4}. 'get NAME'\n\
              prints its value as it is; without a name, or with one that others begin with, all of these\n\
              are listed, quoted for the shell. Status 1 where there is no such setting.",
    see: &["set"],
    terms: &["setting", "cmdline", "config"],
    examples: &[
        ("get", "every setting"),
        ("get cmdline", "the kernel command line"),
        ("get net.eth0.ip4", "one value"),
    ],
    operands: Operand::Setting,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        return Ok(list(call, ""));
    }
    let name = call.one("setting")?;
    let name = call.text(name)?.to_owned();
    if let Some(value) = settings::get(&name) {
        call.out.bytes(&value);
        call.out.bytes(b"\n");
        return Ok(Flow::OK);
    }
    match list(call, &format!("{name}.")) {
        Flow::Status(0) => Ok(Flow::OK),
        _ => Err(Failure::new(format!("no setting '{name}'")).with_hint("'get' lists all of them")),
    }
}

/// Prints every setting that begins so; status 1 where none does.
fn list(call: &mut Call<'_>, beginning: &str) -> Flow {
    let mut status = u8::from(!beginning.is_empty());
    for (name, value) in settings::list() {
        if !name.starts_with(beginning) {
            continue;
        }
        status = 0;
        let value = String::from_utf8_lossy(&value);
        call.print(format_args!("{name}={}\n", shell_words::quote(&value)));
    }
    Flow::Status(status)
}
