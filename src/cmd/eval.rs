//! `eval`: run words as a command.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "eval",
    group: Group::Language,
    summary: "run words as a command",
    usage: "WORD…",
    details: "The words are joined with spaces and read again as script text. Never give it what comes from\n\
              outside: ${name} and settings work without it.",
    parse: Parse::Raw,
    examples: &[("eval \"$saved\"", "runs what a variable holds")],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let words = call.args.iter().map(|word| word.as_bytes());
    let words: Vec<_> = words.collect();
    let words = words.strip_prefix(&[b"--".as_slice()]).unwrap_or(&words);
    Ok(call.shell.run_nested("eval", &words.join(&b' ')))
}
