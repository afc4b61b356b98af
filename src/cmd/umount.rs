//! `umount`: detach a filesystem.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "umount",
    group: Group::System,
    summary: "detach a filesystem",
    usage: "",
    examples: &[("umount /mnt", "detach a filesystem")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
