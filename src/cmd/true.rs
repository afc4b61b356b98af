//! `true`: do nothing, successfully.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "true",
    aliases: &[":"],
    group: Group::Language,
    summary: "do nothing, successfully",
    usage: "",
    examples: &[("true", "do nothing, successfully")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
