//! `mkdir`: make directories.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "mkdir",
    group: Group::Files,
    summary: "make directories",
    usage: "",
    examples: &[("mkdir -p /mnt/data", "make directories")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
