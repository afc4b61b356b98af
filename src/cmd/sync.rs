//! `sync`: write everything to disk.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "sync",
    group: Group::Files,
    summary: "write everything to disk",
    usage: "",
    examples: &[("sync", "returns when all that was written is on disk")],
    see: &["umount", "poweroff"],
    terms: &["flush", "disk"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    nix::unistd::sync();
    Ok(Flow::OK)
}
