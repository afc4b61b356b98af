//! `exec`: replace this shell by a program, or keep redirections.

use std::os::unix::ffi::OsStringExt;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "exec",
    group: Group::Language,
    summary: "replace this shell by a program, or keep redirections",
    usage: "[CMD [ARG…]]",
    details: "Without a command its redirections stay for the rest of the script. A built-in is run, and the\n\
              shell then ends with its status.",
    parse: Parse::Posix,
    examples: &[
        ("exec /sbin/init", "the program gets this process"),
        ("exec 2> /run/boot.log", "errors go to a file from here on"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let Some(name) = call.args.first() else {
        call.shell.keep_redirects = true;
        return Ok(Flow::OK);
    };
    if super::find(name).is_some() {
        let words = std::mem::take(&mut call.args);
        let flow = call.shell.run_past_functions(words, false)?;
        return Ok(Flow::Exit(flow.status()));
    }
    let words: Vec<_> = std::mem::take(&mut call.args);
    let words: Vec<_> = words.into_iter().map(OsStringExt::into_vec).collect();
    let shown = String::from_utf8_lossy(&words[0]).into_owned();
    let file = call.shell.find_program(&words[0]);
    let file = file.map_err(|failure| failure.about(&shown))?;
    call.flush()?;
    call.shell.exec_in_place(&file, &words)
}
