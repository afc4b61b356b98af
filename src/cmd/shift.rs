//! `shift`: drop the first positional parameters.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "shift",
    group: Group::Language,
    summary: "drop the first positional parameters",
    usage: "",
    examples: &[("shift", "drop the first positional parameters")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
