//! `timeout`: run a command for a limited time.

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::time::parse_duration;

pub(super) const COMMAND: Command = Command {
    name: "timeout",
    group: Group::Language,
    summary: "run a command for a limited time",
    usage: "SECONDS CMD [ARG…]",
    details: "The command runs in a process group of its own, which gets SIGTERM when the time is over and\n\
              SIGKILL 2 s later; the status is then 124, else that of the command.",
    parse: Parse::Posix,
    see: &["retry", "waitfor"],
    terms: &["limit", "deadline"],
    examples: &[("timeout 5 cat /dev/hwrng", "no longer than 5 seconds")],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut args = std::mem::take(&mut call.args).into_iter();
    let limit = args.next().ok_or_else(|| Failure::usage("missing time"))?;
    let limit = parse_duration(call.text(&limit)?).map_err(Failure::usage)?;
    let words: Vec<_> = args.collect();
    if words.is_empty() {
        return Err(Failure::usage("missing command"));
    }
    call.shell.run_limited(words, limit)
}
