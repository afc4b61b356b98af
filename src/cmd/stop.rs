//! `stop`: stop a service.

use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "stop",
    group: Group::Services,
    summary: "stop a service",
    usage: "[--timeout TIME] NAME…",
    details: "\
Asks the service's process group to end (SIGTERM), kills it when the time is over, and waits until
its process is gone. It is not started again. A service that has ended already is no error.",
    options: &[
        Opt::value("timeout", "TIME", "time to end by itself (5 s)").short('t'),
    ],
    see: &["services", "spawn", "kill"],
    terms: &["end", "terminate", "systemctl"],
    examples: &[("stop web", "stop the service 'web'")],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

/// Between the kill and the end of the process.
const MARGIN: Duration = Duration::from_secs(2);

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let default = Duration::from_secs(5);
    let grace = call.given.duration("timeout")?.unwrap_or(default);
    if call.args.is_empty() {
        return Err(Failure::usage("missing NAME"));
    }
    let mut client = Client::required()?;
    // One that cannot be stopped does not keep the others running.
    let mut outcome = Ok(Flow::OK);
    for name in call.args.clone() {
        let stopped = call
            .text(&name)
            .and_then(|name| client.stop_within(name, Some(grace), grace + MARGIN));
        match (stopped, &outcome) {
            (Ok(()), _) => {}
            (Err(failure), Ok(_)) => outcome = Err(failure),
            (Err(failure), Err(_)) => call.warn(failure),
        }
    }
    outcome
}
