//! `tap`: make or delete a persistent tap link.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "tap",
    group: Group::Network,
    summary: "make or delete a persistent tap link",
    usage: "",
    examples: &[("tap add tap0", "make or delete a persistent tap link")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
