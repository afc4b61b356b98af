//! `lsmod`: list the loaded kernel modules.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "lsmod",
    group: Group::System,
    summary: "list the loaded kernel modules",
    usage: "",
    examples: &[("lsmod", "list the loaded kernel modules")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
