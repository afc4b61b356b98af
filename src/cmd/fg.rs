//! `fg`: bring a job to the foreground.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "fg",
    group: Group::Language,
    summary: "bring a job to the foreground",
    usage: "",
    examples: &[("fg %1", "bring a job to the foreground")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
