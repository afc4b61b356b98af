//! `watchdog`: have the hardware reset a machine whose PID 1 hangs.

use super::{Call, Command, Flow, Group, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::protocol::WatchdogRequest;
use crate::supervise::watchdog::DEVICE;

pub(super) const COMMAND: Command = Command {
    name: "watchdog",
    group: Group::Services,
    summary: "have the hardware reset a machine whose PID 1 hangs",
    usage: "[--timeout TIME] [DEVICE] | --stop | --status",
    details: "\
PID 1 opens the device (/dev/watchdog) and pets it at a third of the timeout at the latest, each
time at the end of a full turn of its loop, and only while no critical service has failed. Left
alone for the timeout, the hardware resets the machine. Once armed it stays so through upgrades of
PID 1, its crashes and the end of the machine, whose last steps it guards.

Watchdogs count whole seconds. The line that is printed has the timeout that the hardware really
took; one that it does not take is refused. 60 s without --timeout: longer than the end of a machine
takes. Called again it changes the timeout.

--stop disarms it by magic close, unless its driver was loaded with nowayout. A program that takes
over PID 1 finds it armed.",
    options: &[
        Opt::value("timeout", "TIME", "reset after this time without PID 1 (60 s)").short('t'),
        Opt::flag("stop", "disarm it"),
        Opt::flag("status", "show how it stands"),
    ],
    see: &["modprobe", "services", "spawn"],
    terms: &["hang", "reset", "freeze", "hardware", "i6300esb", "softdog"],
    examples: &[
        ("watchdog --timeout 30", "reset the machine when PID 1 hangs for 30 s"),
        ("watchdog --status", "timeout, time left, what the hardware is"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let timeout = call.given.duration("timeout")?;
    let (stop, status) = (call.given.flag("stop"), call.given.flag("status"));
    let others = u8::from(timeout.is_some() || !call.args.is_empty());
    if u8::from(stop) + u8::from(status) + others > 1 {
        let text = "--stop and --status stand alone";
        return Err(Failure::usage(text));
    }
    let request = if stop {
        WatchdogRequest::Stop
    } else if status {
        WatchdogRequest::Status
    } else {
        let device = match call.args.is_empty() {
            true => DEVICE.into(),
            false => call.one("DEVICE")?.to_owned(),
        };
        WatchdogRequest::Start(device, timeout)
    };
    if let Some(info) = Client::required()?.watchdog(request)? {
        call.print(format_args!("{}\n", info.line()));
    }
    Ok(Flow::OK)
}
