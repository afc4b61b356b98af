//! `bg`: continue a stopped job in the background.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "bg",
    group: Group::Language,
    summary: "continue a stopped job in the background",
    usage: "",
    examples: &[("bg %1", "continue a stopped job in the background")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
