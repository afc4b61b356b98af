//! `jobs`: list the shell's jobs.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "jobs",
    group: Group::Language,
    summary: "list the shell's jobs",
    usage: "",
    examples: &[("jobs", "list the shell's jobs")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
