//! `rm`: remove files and directories.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "rm",
    group: Group::Files,
    summary: "remove files and directories",
    usage: "",
    examples: &[("rm -r /tmp/work", "remove files and directories")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
