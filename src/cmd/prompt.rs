//! `prompt`: wait for a key, for a time at most.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::console::countdown::{Countdown, Key, Outcome};
use crate::console::wait;
use crate::failure::Failure;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "prompt",
    group: Group::Language,
    summary: "wait for a key, for a time at most",
    usage: "[--key KEY] [--timeout S] [TEXT...]",
    details: "\
Prints TEXT and waits. In TEXT, {} stands for the seconds that are left.
Status: 0 the key was pressed, 1 the time is over or the input has ended, 130 Ctrl-C.
What was typed before does not count, and other keys do not lengthen the wait.",
    options: &[
        Opt::value("key", "KEY", "any (default), enter, esc, none, or a word to type").short('k'),
        Opt::value("timeout", "S", "seconds to wait (default: for ever)").short('t'),
    ],
    see: &["read", "sleep", "waitfor"],
    terms: &["countdown", "key", "press", "pause", "ask", "confirm"],
    examples: &[
        (
            "prompt --timeout 5 'starts in {} s, any key stops' && exit",
            "a countdown",
        ),
        ("prompt --key enter 'insert the disk, then Enter'", "wait for a person"),
    ],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let key = call.given.value("key").unwrap_or_default();
    let key = Key::parse(key.as_bytes());
    let timeout = call.given.duration("timeout")?;
    let words: Vec<_> = call.args.iter().map(|word| word.to_string_lossy()).collect();
    let text = words.join(" ");
    call.flush()?;
    let countdown = Countdown::new(key, timeout, Instant::now());
    match wait::run(countdown, &text, true) {
        Some(Outcome::Pressed) => Ok(Flow::OK),
        Some(Outcome::TimeOver) => Ok(Flow::Status(1)),
        None => Err(Failure::interrupted()),
    }
}
