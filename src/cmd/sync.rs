//! `sync`: write cached data to the disks.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "sync",
    group: Group::Files,
    summary: "write cached data to the disks",
    usage: "",
    examples: &[("sync", "write cached data to the disks")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
