//! `exit`: leave the shell with a status.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "exit",
    group: Group::Language,
    summary: "leave the shell with a status",
    usage: "",
    examples: &[("exit 0", "leave the shell with a status")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
