//! `echo`: print its arguments.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "echo",
    group: Group::Files,
    summary: "print its arguments",
    usage: "",
    examples: &[("echo hello", "print its arguments")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
