//! `wait`: wait for background jobs.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "wait",
    group: Group::Language,
    summary: "wait for background jobs",
    usage: "",
    examples: &[("wait $!", "wait for background jobs")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
