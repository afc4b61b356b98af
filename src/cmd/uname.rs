//! `uname`: print the kernel's name and version.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "uname",
    group: Group::System,
    summary: "print the kernel's name and version",
    usage: "",
    examples: &[("uname -a", "print the kernel's name and version")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
