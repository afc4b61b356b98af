//! `get`: print settings.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "get",
    group: Group::System,
    summary: "print settings",
    usage: "",
    examples: &[("get cmdline.root", "print settings")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
