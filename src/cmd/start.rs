//! `start`: start services that are not at work.

use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "start",
    group: Group::Services,
    summary: "start services that have ended or were stopped",
    usage: "[--wait [--timeout TIME]] NAME…",
    details: "\
Starts services that are there already: stopped, failed, or in a pause before they are started
again. What they need is started, too. One that is at work is no error. The call ends once the
program is executed; where a service has to wait for another one, it says for which and ends at
once.

With --wait it ends when every service is ready, and fails when one will not be, with status 124
when the time is over.",
    options: &[
        Opt::flag("wait", "wait until they are ready").short('w'),
        Opt::value("timeout", "TIME", "wait no longer than this").short('t'),
    ],
    see: &["stop", "restart", "services", "spawn"],
    terms: &["begin", "run", "systemctl"],
    examples: &[
        ("start web", "start the service 'web'"),
        ("start --wait --timeout 30 db web", "and wait until both are ready"),
    ],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let wait = call.given.flag("wait");
    let timeout = call.given.duration("timeout")?;
    if timeout.is_some() && !wait {
        return Err(Failure::usage("--timeout is for --wait"));
    }
    let names = call.names()?;
    let mut client = Client::required()?;
    let flow = call.for_each(&names, |call, name| {
        let name = call.text(name)?.to_owned();
        let status = client.start(&name)?;
        if let Some(why) = Client::held_up(&status)
            && !wait
        {
            call.print(format_args!("{name} {why}\n"));
        }
        Ok(())
    })?;
    if !wait {
        return Ok(flow);
    }
    call.for_each(&names, |call, name| {
        let name = call.text(name)?;
        client.until_ready(name, timeout.unwrap_or(Duration::MAX))
    })
}
