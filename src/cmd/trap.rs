//! `trap`: commands for signals and for the shell's end.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::script::traps::{signal_name, signal_number};
use crate::script::vars::single_quoted;

pub(super) const COMMAND: Command = Command {
    name: "trap",
    group: Group::Language,
    summary: "commands for signals and for the shell's end",
    usage: "[ACTION|-] [EXIT|SIGNAL…]",
    details: "ACTION runs between two commands when the signal has come, or when the shell ends (EXIT). An\n\
              empty ACTION ignores the signal, '-' gives it its usual effect again. Without operands the\n\
              actions are listed.",
    parse: Parse::Raw,
    see: &["kill"],
    terms: &["signal", "atexit"],
    examples: &[
        ("trap 'umount /mnt' EXIT", "clean up, however the script ends"),
        ("trap '' INT", "Ctrl-C does nothing"),
    ],
    operands: Operand::Words(&["EXIT", "HUP", "INT", "TERM"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let words = std::mem::take(&mut call.args);
    let words = words.strip_prefix(&["--".into()]).unwrap_or(&words);
    let Some((first, rest)) = words.split_first() else {
        return Ok(list(call));
    };
    // POSIX XCU trap: a number in front, or nothing behind, resets.
    let number = !first.is_empty() && first.as_bytes().iter().all(u8::is_ascii_digit);
    let (action, signals) = match (number || rest.is_empty(), first.as_bytes()) {
        (true, _) => (None, words),
        (_, b"-") => (None, rest),
        (_, action) => (Some(action.to_vec()), rest),
    };
    for signal in signals {
        let name = call.text(signal)?;
        let number = signal_number(name);
        let number = number.ok_or_else(|| Failure::new(format!("no signal '{name}'")))?;
        call.shell.traps.set(number, action.clone())?;
    }
    Ok(Flow::OK)
}

fn list(call: &mut Call<'_>) -> Flow {
    let mut text = Vec::new();
    for (number, action) in call.shell.traps.iter() {
        text.extend_from_slice(b"trap -- ");
        text.extend(single_quoted(action));
        text.extend_from_slice(format!(" {}\n", signal_name(number)).as_bytes());
    }
    call.out.bytes(&text);
    Flow::OK
}
