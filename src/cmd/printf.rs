//! `printf`: prints by a format.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Parse};
use crate::failure::Failure;
use crate::script::format::format;

pub(super) const COMMAND: Command = Command {
    name: "printf",
    group: Group::Files,
    summary: "print by a format",
    usage: "FORMAT [ARGUMENT…]",
    details: "Prints FORMAT, in which % begins a conversion of the next argument and \\ an escape. The
format is used again until no argument is left; a missing one counts as empty or 0.

  %s text      %b text with the escapes of echo      %c its first byte      %% a percent sign
  %d %i number      %u without sign      %o octal      %x %X hexadecimal

Between % and the letter: the flags - (left) + (sign) blank # (0x) 0 (zeros), a width, and a
precision behind a point; * takes either from the arguments. Numbers may be 0x hexadecimal,
0 octal, or 'c for the number of a byte. An argument that is no number gives status 1.",
    parse: Parse::Raw,
    see: &["echo"],
    terms: &["format", "output", "column", "hexadecimal", "pad"],
    examples: &[
        ("printf '%s\\n' *.ko", "one file a line"),
        ("printf '%-8s %5d\\n' eth0 1500", "columns"),
        ("printf '0x%04x\\n' 42", "hexadecimal, four digits"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = call.args.iter().map(|word| word.as_bytes());
    let mut first = words.next();
    if first == Some(b"--") {
        first = words.next();
    } else if let Some([b'-', _, ..]) = first {
        let option = String::from_utf8_lossy(first.unwrap_or_default());
        return Err(Failure::usage(format!("unknown option {option}"))
            .with_hint("a format that begins with - goes behind --"));
    }
    let done = format(first.ok_or_else(|| Failure::usage("missing FORMAT"))?, words);
    call.out.bytes(&done.text);
    if let Some(wrong) = done.wrong {
        return Err(Failure::usage(wrong));
    }
    for complaint in &done.complaints {
        call.warn(complaint);
    }
    Ok(Flow::Status(u8::from(!done.complaints.is_empty())))
}
