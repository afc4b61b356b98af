//! `readonly`: protect variables from change.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "readonly",
    group: Group::Language,
    summary: "protect variables from change",
    usage: "",
    examples: &[("readonly version=1", "protect variables from change")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
