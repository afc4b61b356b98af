//! `upgrade`: put another program in PID 1's place while everything runs on.

use std::path::{Path, absolute};

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "upgrade",
    group: Group::Services,
    summary: "replace PID 1's program by a new version, keeping every service",
    usage: "[PATH]",
    details: "\
Without PATH it is the file at the path of PID 1's own program, as it is now: copy a new version
over it (by rename), then upgrade. SIGUSR2 to PID 1 does the same.

PID 1 first runs the new program in a process of its own, on a copy of its state. Where that is not
an initsh, does not understand the state, or does not answer within five seconds, the reason is told
and nothing has changed. Otherwise PID 1 executes it: same process, same services with the same
pids, logs, exits that nobody has asked for, clients that wait. The control socket is silent for
some milliseconds.

It returns when the new program is PID 1. While the machine is being shut down it is refused.",
    see: &["services", "reboot"],
    terms: &["update", "re-exec", "reexec", "telinit u", "daemon-reexec", "live"],
    examples: &[
        ("upgrade", "PID 1 becomes what is at its own path now"),
        ("upgrade /mnt/host/initsh", "PID 1 becomes that program"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let path = match &*call.args {
        [] => "".into(),
        [path] if path.is_empty() => return Err(Failure::usage("an empty path")),
        // Fails only where the working directory is gone; PID 1 then says what it makes of the path.
        [path] => absolute(Path::new(path)).unwrap_or_else(|_| path.into()),
        _ => return Err(Failure::usage("expected one path at most")),
    };
    Client::required()?.upgrade(path.as_os_str()).map(|()| Flow::OK)
}
