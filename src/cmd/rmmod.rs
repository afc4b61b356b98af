//! `rmmod`: unload a kernel module.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "rmmod",
    group: Group::System,
    summary: "unload a kernel module",
    usage: "",
    examples: &[("rmmod tun", "unload a kernel module")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
