//! `insmod`: load a kernel module from a file.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "insmod",
    group: Group::System,
    summary: "load a kernel module from a file",
    usage: "",
    examples: &[("insmod /lib/modules/tun.ko", "load a kernel module from a file")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
