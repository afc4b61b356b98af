//! `stop`: stop services.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "stop",
    group: Group::Services,
    summary: "stop services",
    usage: "[--timeout TIME] NAME…",
    details: "\
Asks the service's process group to end, with the signal and the time that 'spawn' was given
(SIGTERM, 5 s), kills it when the time is over, and waits until its process is gone. It is not
started again. A service that has ended already is no error.

Services that need it are stopped first, and named.",
    options: &[
        Opt::value("timeout", "TIME", "time to end by itself, instead of its own").short('t'),
    ],
    see: &["services", "start", "restart", "spawn", "kill"],
    terms: &["end", "terminate", "systemctl"],
    examples: &[("stop web", "stop the service 'web'")],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let grace = call.given.duration("timeout")?;
    let names = call.names()?;
    let mut client = Client::required()?;
    // One that cannot be stopped does not keep the others running.
    call.for_each(&names, |call, name| {
        let name = call.text(name)?.to_owned();
        let (services, more) = client.stopping_with(&name)?;
        let dependents: Vec<_> = services.iter().skip(1).rev().map(|one| one.name.as_str()).collect();
        if !dependents.is_empty() {
            let more = if more { "others and " } else { "" };
            let list = dependents.join(", ");
            call.print(format_args!("{name} is needed: stopping {more}{list} first\n"));
        }
        client.stop_in_order(&name, grace)
    })
}
