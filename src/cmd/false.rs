//! `false`: fail.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "false",
    group: Group::Language,
    summary: "fail",
    usage: "",
    examples: &[("false", "fail")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
