//! `break`: leave the enclosing loop.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "break",
    group: Group::Language,
    summary: "leave the enclosing loop",
    usage: "",
    examples: &[("break", "leave the enclosing loop")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
