//! `restart`: stop services and start them again.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "restart",
    group: Group::Services,
    summary: "stop services and start them again",
    usage: "NAME…",
    details: "\
Services that need the one are stopped before it and started again after it. One that is not running
is only started. The call ends once the program is executed again; where a service has to wait for
another one, it says for which and ends at once.

A service whose description has changed follows the new one from then on.",
    see: &["start", "stop", "signal", "services"],
    terms: &["reload", "bounce", "systemctl"],
    examples: &[("restart web", "stop the service 'web' and start it again")],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let names = call.names()?;
    let mut client = Client::required()?;
    call.for_each(&names, |call, name| {
        let name = call.text(name)?.to_owned();
        let status = client.restart(&name)?;
        if let Some(why) = Client::held_up(&status) {
            call.print(format_args!("{name} {why}\n"));
        }
        Ok(())
    })
}
