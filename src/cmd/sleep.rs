//! `sleep`: wait for a time.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "sleep",
    group: Group::Language,
    summary: "wait for a time",
    usage: "",
    examples: &[("sleep 0.5", "wait for a time")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
