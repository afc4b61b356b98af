//! `cd`: change the working directory.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "cd",
    group: Group::Files,
    summary: "change the working directory",
    usage: "",
    examples: &[("cd /tmp", "change the working directory")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
