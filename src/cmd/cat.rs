//! `cat`: print files.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "cat",
    group: Group::Files,
    summary: "print files",
    usage: "",
    examples: &[("cat /proc/cmdline", "print files")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
