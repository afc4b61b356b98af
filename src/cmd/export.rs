//! `export`: give variables to programs.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "export",
    group: Group::Language,
    summary: "give variables to programs",
    usage: "",
    examples: &[("export PATH=/bin", "give variables to programs")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
