//! `route`: show, add and delete routes.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "route",
    group: Group::Network,
    summary: "show, add and delete routes",
    usage: "",
    examples: &[("route add default via 10.0.2.2", "show, add and delete routes")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
