//! `wait`: wait for what runs in the background.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "wait",
    group: Group::Language,
    summary: "wait for what runs in the background",
    usage: "[PID|%N…]",
    details: "Without operands for all of it, with status 0; else the status is that of the last operand, and\n\
              127 for a process that this shell did not start.",
    see: &["jobs", "reap", "waitfor"],
    examples: &[("wait $!", "until the last background command has ended")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        let numbers: Vec<_> = call.shell.jobs.iter().map(|job| job.number).collect();
        for number in numbers {
            call.shell.wait_background(&format!("%{number}"))?;
        }
        return Ok(Flow::OK);
    }
    let mut status = 0;
    for word in std::mem::take(&mut call.args) {
        let name = call.text(&word)?;
        if !name.starts_with('%') && name.parse::<u32>().is_err() {
            return Err(Failure::usage(format!("'{name}' is neither a pid nor %N")));
        }
        status = call.shell.wait_background(name)?.unwrap_or(127);
    }
    Ok(Flow::Status(status))
}
