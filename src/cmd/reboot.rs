//! `reboot`: stop all services and reboot.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::supervise::power;
use crate::supervise::protocol::Power;

pub(super) const COMMAND: Command = Command {
    name: "reboot",
    group: Group::Services,
    summary: "stop all services and reboot",
    details: "\
PID 1 ends everything as 'poweroff' does, then starts the machine again. Ctrl-Alt-Del and SIGINT to
PID 1 do the same.",
    see: &["poweroff", "halt"],
    terms: &["restart", "reset", "power"],
    examples: &[("reboot", "start the machine again")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    power::end(Power::Reboot).map(|()| Flow::OK)
}
