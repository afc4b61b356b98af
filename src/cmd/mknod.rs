//! `mknod`: make a device node or FIFO.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "mknod",
    group: Group::Files,
    summary: "make a device node or FIFO",
    usage: "",
    examples: &[("mknod /dev/net/tun c 10 200", "make a device node or FIFO")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
