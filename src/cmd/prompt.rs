//! `prompt`: ask for a key and wait for it.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "prompt",
    group: Group::Language,
    summary: "ask for a key and wait for it",
    usage: "",
    examples: &[("prompt --timeout 5 'Press a key'", "ask for a key and wait for it")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
