//! `link`: show, change, add and delete network links.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "link",
    group: Group::Network,
    summary: "show, change, add and delete network links",
    usage: "",
    examples: &[("link set eth0 up", "show, change, add and delete network links")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
