//! `dmesg`: print the kernel's messages.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "dmesg",
    group: Group::System,
    summary: "print the kernel's messages",
    usage: "",
    examples: &[("dmesg 20", "print the kernel's messages")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
