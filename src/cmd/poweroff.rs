//! `poweroff`: stop all services and power off.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::power;
use crate::supervise::protocol::Power;

pub(super) const COMMAND: Command = Command {
    name: "poweroff",
    group: Group::Services,
    summary: "stop all services and power off",
    usage: "[--force [--force]] [--status N]",
    details: "\
PID 1 stops the services, those that need others first, then ends every process (SIGTERM, then
SIGKILL), writes out and unmounts the file systems, and powers off. All of it takes 30 s at most, or
initsh.shutdown=TIME of the kernel's command line; nothing that hangs can make it longer. After a
second the console says who is waited for. Asking again, more than a second later, goes on to the
next of these stages at once.

With --force no service is asked: everything is killed, and the file systems are unmounted. Given
twice, nothing is done but powering off, and what was not written out is lost.

The status is for whoever started the virtual machine: with initsh.exit=isa-debug-exit on the
kernel's command line it is written to I/O port 0xf4 (QEMU's device of that name), and scripts/qemu
ends with it. In a PID namespace PID 1 exits with it. It cannot be more than 127, because QEMU has
seven bits for it.",
    options: &[
        Opt::flag("force", "kill instead of asking; twice: at once, data may be lost").short('f'),
        Opt::value("status", "N", "exit status to report, 0 to 127 (0)").short('s'),
    ],
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
    let urgency = power::urgency(call.given.all("force").count());
    power::end(Power::Off(status), urgency).map(|()| Flow::OK)
}
