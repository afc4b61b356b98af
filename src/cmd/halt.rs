//! `halt`: stop all services and halt the machine.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::power;
use crate::supervise::protocol::Power;

pub(super) const COMMAND: Command = Command {
    name: "halt",
    group: Group::Services,
    summary: "stop all services and halt the machine",
    usage: "[--force [--force]]",
    details: "\
PID 1 ends everything as 'poweroff' does, then stops the processors and leaves the power on: what is
on the screen stays there. A virtual machine does not end by this; 'poweroff' ends it.",
    options: &[
        Opt::flag("force", "kill instead of asking; twice: at once, data may be lost").short('f'),
    ],
    see: &["poweroff", "reboot"],
    terms: &["stop", "power"],
    examples: &[("halt", "stop, but leave the power on")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let urgency = power::urgency(call.given.all("force").count());
    power::end(Power::Halt, urgency).map(|()| Flow::OK)
}
