//! `pwd`: print the working directory.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "pwd",
    group: Group::Files,
    summary: "print the working directory",
    usage: "",
    examples: &[("pwd", "print the working directory")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
