//! `retry`: run a command until it succeeds.

use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::sys::signal;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "retry",
    group: Group::Language,
    summary: "run a command until it succeeds",
    usage: "[-n N] [-d DELAY] CMD [ARG…]",
    details: "Ends with the status of the last attempt. Ctrl-C ends it at once.",
    parse: Parse::Posix,
    options: &[
        Opt::value("attempts", "N", "how often at the most (10; 0: for ever)").short('n'),
        Opt::value("delay", "DELAY", "between two attempts: 2, 0.5, 200ms (1 s)").short('d'),
    ],
    see: &["timeout", "waitfor"],
    terms: &["repeat", "until", "again"],
    examples: &[
        ("retry -n 5 mount /dev/vda1 /mnt", "the disk may be late"),
        ("retry -d 0.2 test -e /dev/vda", "looks five times a second"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let most: u32 = call.given.number("attempts", "a number")?.unwrap_or(10);
    let delay = call.given.duration("delay")?;
    let delay = delay.unwrap_or(Duration::from_secs(1));
    if call.args.is_empty() {
        return Err(Failure::usage("missing command"));
    }
    let mut attempt = 0_u32;
    loop {
        let flow = call.shell.try_words(call.args.clone());
        signal::check_interrupt()?;
        let status = match flow {
            Flow::Status(0) => return Ok(flow),
            Flow::Status(status) => status,
            leaving => return Ok(leaving),
        };
        attempt = attempt.saturating_add(1);
        if attempt == most {
            let name = call.args[0].to_string_lossy();
            let times = if most == 1 { "attempt" } else { "attempts" };
            let text = format!("{name}: status {status} after {most} {times}");
            return Err(Failure::new(text).with_status(status));
        }
        signal::sleep_until(Some(Instant::now() + delay))?;
    }
}
