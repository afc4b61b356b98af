//! `timeout`: run a command for a limited time.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "timeout",
    group: Group::Language,
    summary: "run a command for a limited time",
    usage: "",
    examples: &[("timeout 5 cat /dev/ttyS1", "run a command for a limited time")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
