//! `reap`: print which processes ended, or wait for one.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "reap",
    group: Group::Services,
    summary: "print which processes ended, or wait for one",
    usage: "",
    examples: &[("reap --wait web", "print which processes ended, or wait for one")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
