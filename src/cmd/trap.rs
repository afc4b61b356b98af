//! `trap`: run commands when the shell exits.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "trap",
    group: Group::Language,
    summary: "run commands when the shell exits",
    usage: "",
    examples: &[("trap 'umount /mnt' EXIT", "run commands when the shell exits")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
