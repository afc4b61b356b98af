//! `exec`: replace the shell by a program, or keep redirections.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "exec",
    group: Group::Language,
    summary: "replace the shell by a program, or keep redirections",
    usage: "",
    examples: &[("exec /sbin/init", "replace the shell by a program, or keep redirections")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
