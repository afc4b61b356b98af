//! `service`: start services that files describe.

use std::path::Path;

use super::{Call, Command, Flow, Group, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::reload::reload;
use crate::supervise::service_file;

pub(super) const COMMAND: Command = Command {
    name: "service",
    group: Group::Services,
    summary: "start services that files describe",
    usage: "[--check] FILE… | --reload",
    details: "\
A service file has options of 'spawn', any number on a line, as they are written on a command line
(quotes, backslashes, # comments), and last the command: '-- COMMAND ARGUMENT…' or 'exec COMMAND…'.

    # /etc/services/web
    --restart always --needs net
    --user www --caps net_bind_service
    -- /bin/web --port 80

A service is named after its file (without what follows the last dot) unless there is a --name. It
begins in / and has PATH and nothing else in its environment, whoever starts it; --wait and
--keep-fds make no sense in a file.

--reload reads every file again that services came from and says what has changed; that counts from
the service's next start. SIGHUP to PID 1 does the same. A file that is wrong changes nothing.",
    options: &[
        Opt::flag("check", "only look for errors"),
        Opt::flag("reload", "read files again"),
    ],
    see: &["spawn", "services", "stop"],
    terms: &["unit", "config", "daemon", "systemctl", "start"],
    examples: &[
        ("service /etc/services/*", "start all of them"),
        ("service --reload", "after a file was changed"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.given.flag("reload") {
        call.none()?;
        return read_again(call);
    }
    if call.args.is_empty() {
        return Err(Failure::usage("missing FILE"));
    }
    // One that is wrong does not keep the others from their turn.
    let files = std::mem::take(&mut call.args);
    let mut specs = Vec::new();
    let mut outcome = call.for_each(&files, |_, file| {
        specs.push(service_file::read(Path::new(file))?);
        Ok(())
    });
    if call.given.flag("check") || specs.is_empty() {
        return outcome;
    }
    let (specs, circles) = service_file::in_order(specs);
    let mut failures = circles;
    let mut client = Client::required()?;
    for spec in specs {
        failures.extend(client.spawn(&spec).err());
    }
    for failure in failures {
        if let Err(before) = std::mem::replace(&mut outcome, Err(failure)) {
            call.warn(before);
        }
    }
    outcome
}

fn read_again(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let outcomes = reload(&mut Client::required()?)?;
    let mut status = Flow::OK;
    for outcome in outcomes {
        let name = outcome.name;
        match outcome.changed {
            Ok(changed) if changed.is_empty() => call.print(format_args!("{name}: as it was\n")),
            Ok(changed) => {
                let what = changed.join(", ");
                call.print(format_args!("{name}: {what} changed, from its next start on\n"));
            }
            Err(failure) => {
                call.warn(failure.about(&format!("{name} stays as it was")));
                status = Flow::Status(1);
            }
        }
    }
    Ok(status)
}
