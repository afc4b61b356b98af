//! `mount`: attach a filesystem, or list what is mounted.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "mount",
    group: Group::System,
    summary: "attach a filesystem, or list what is mounted",
    usage: "",
    examples: &[("mount proc", "attach a filesystem, or list what is mounted")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
