//! `crash-test`: crash PID 1, to see that the machine goes on. In debug builds only, and not in the list
//! of commands: a release has neither the command nor what it asks for.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::supervise::client::Client;

pub(super) const COMMAND: Command = Command {
    name: "crash-test",
    group: Group::Services,
    summary: "crash PID 1",
    usage: "[segv|bus|ill|fpe|abort|panic|overflow]",
    details: "\
PID 1 really does what the word says (segv where there is none), executes its own program again and goes
on with every service. Status 0 when it has. After five crashes in a minute it is in rescue mode.",
    see: &["upgrade"],
    operands: Operand::Words(&["segv", "bus", "ill", "fpe", "abort", "panic", "overflow"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let how = match &*call.args {
        [] => "segv",
        [how] => call.text(how)?,
        _ => return Err(Failure::usage("expected one word at most")),
    };
    let words = Client::required()?.crash(how)?;
    call.print(format_args!("{words}\n"));
    Ok(Flow::OK)
}
