//! `signal`: send a signal to services.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::describe;

pub(super) const COMMAND: Command = Command {
    name: "signal",
    group: Group::Services,
    summary: "send a signal to services",
    usage: "SIGNAL NAME…",
    details: "\
Sends it to the service's process and its whole process group. SIGNAL is a number or a
name, with or without SIG: HUP, SIGUSR1, RTMIN+3. What the service does with it is its own
business: one that ends is started again as its policy says. To end it, use 'stop'.",
    see: &["kill", "stop", "restart", "services"],
    terms: &["hup", "reload", "usr1", "systemctl"],
    examples: &[
        ("signal HUP web", "have the service 'web' read its configuration again"),
        ("signal STOP web", "freeze it; 'signal CONT web' lets it go on"),
    ],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let Some(signal) = call.args.first().cloned() else {
        return Err(Failure::usage("missing SIGNAL"));
    };
    call.args.remove(0);
    let text = call.text(&signal)?;
    let number = describe::signal(text)?;
    let names = call.names()?;
    let mut client = Client::required()?;
    call.for_each(&names, |call, name| client.signal(call.text(name)?, number))
}
