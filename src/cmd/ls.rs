//! `ls`: list files.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "ls",
    group: Group::Files,
    summary: "list files",
    usage: "",
    examples: &[("ls -l /dev", "list files")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
