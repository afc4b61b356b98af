//! `reboot`: stop all services and reboot.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::power;
use crate::supervise::protocol::Power;

pub(super) const COMMAND: Command = Command {
    name: "reboot",
    group: Group::Services,
    summary: "stop all services and reboot",
    usage: "[--force [--force] | --soft]",
    details: "\
PID 1 ends everything as 'poweroff' does, then starts the machine again. Ctrl-Alt-Del and SIGINT to
PID 1 do the same.

With --soft neither the kernel nor PID 1 is started again: services are stopped in order, every
other process is ended, and the boot script runs again, with file systems, modules and network as
they are. SIGUSR1 to PID 1 does the same.",
    options: &[
        Opt::flag("force", "kill instead of asking; twice: at once, data may be lost").short('f'),
        Opt::flag("soft", "only stop every process and run the boot script again"),
    ],
    see: &["poweroff", "halt"],
    terms: &["restart", "reset", "power"],
    examples: &[
        ("reboot", "start the machine again"),
        ("reboot --soft", "start the boot script again, on the same kernel"),
    ],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let forced = call.given.all("force").count();
    let power = match call.given.flag("soft") {
        true if forced > 0 => return Err(Failure::usage("--soft cannot be forced")),
        true => Power::Soft,
        false => Power::Reboot,
    };
    power::end(power, power::urgency(forced)).map(|()| Flow::OK)
}
