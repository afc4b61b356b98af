//! `echo`: prints its arguments.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Parse};
use crate::failure::Failure;
use crate::script::format::unescape;

pub(super) const COMMAND: Command = Command {
    name: "echo",
    group: Group::Files,
    summary: "print its arguments",
    usage: "[-n] [WORD…]",
    details: "Prints the words with a blank between them and a newline at the end.

  -n      no newline at the end (only as the first word)

Escapes are applied, as in dash: \\n newline, \\t tab, \\r \\a \\b \\f \\v \\e, \\\\ backslash,
\\0ooo the byte with that octal number, \\c end the output here.
For text that comes from elsewhere use printf '%s\\n', which changes nothing.",
    parse: Parse::Verbatim,
    see: &["printf"],
    terms: &["say", "write", "output", "text", "message"],
    examples: &[
        ("echo hello", "one line"),
        ("echo -n 'loading '", "no newline: more follows"),
        ("echo 'mount failed' >&2", "to standard error"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = call.args.as_slice();
    let mut newline = true;
    if let [first, rest @ ..] = words
        && first == "-n"
    {
        newline = false;
        words = rest;
    }
    for (index, word) in words.iter().enumerate() {
        let mut text = Vec::new();
        if index > 0 {
            text.push(b' ');
        }
        let ended = unescape(word.as_bytes(), &mut text);
        call.out.bytes(&text);
        if ended {
            return Ok(Flow::OK);
        }
    }
    if newline {
        call.out.bytes(b"\n");
    }
    Ok(Flow::OK)
}
