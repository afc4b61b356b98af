//! `poweroff`: stop all services and power off.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::power;
use crate::supervise::protocol::Power;

pub(super) const COMMAND: Command = Command {
    name: "poweroff",
    group: Group::Services,
    summary: "stop all services and power off",
    usage: "[--status N]",
    details: "\
PID 1 stops the services, then ends every process (SIGTERM, SIGKILL after 3 s), writes out and
unmounts the file systems, and powers off. Nothing that hangs can keep it from doing so.

The status is for whoever started the virtual machine: with initsh.exit=isa-debug-exit on the
kernel's command line it is written to I/O port 0xf4 (QEMU's device of that name), and scripts/qemu
ends with it. In a PID namespace PID 1 exits with it. It cannot be more than 127, because QEMU has
seven bits for it.",
    options: &[Opt::value("status", "N", "exit status to report, 0 to 127 (0)").short('s')],
    see: &["reboot", "halt", "stop"],
    terms: &["shutdown", "shut down", "power", "off", "end"],
    examples: &[
        ("poweroff", "end the machine"),
        ("poweroff --status 7", "end it and tell scripts/qemu that something failed"),
    ],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let expected = "0 to 127 (QEMU has seven bits for it)";
    let status: u8 = call.given.number("status", expected)?.unwrap_or(0);
    if status > 127 {
        return Err(Failure::usage(format!("--status '{status}': expected {expected}")));
    }
    power::end(Power::Off(status)).map(|()| Flow::OK)
}
