//! `spawn`: start a supervised service.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "spawn",
    group: Group::Services,
    summary: "start a supervised service",
    usage: "",
    examples: &[("spawn --restart always -- /bin/web", "start a supervised service")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
