//! `run`: run a script file in this shell.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "run",
    aliases: &["."],
    group: Group::Language,
    summary: "run a script file in this shell",
    usage: "",
    examples: &[("run /etc/setup.run", "run a script file in this shell")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
