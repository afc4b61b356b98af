//! `modprobe`: load a kernel module with its dependencies.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "modprobe",
    group: Group::System,
    summary: "load a kernel module with its dependencies",
    usage: "",
    examples: &[("modprobe virtio_net", "load a kernel module with its dependencies")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
