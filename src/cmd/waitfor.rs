//! `waitfor`: wait for a path, link, device, service or setting.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "waitfor",
    group: Group::Language,
    summary: "wait for a path, link, device, service or setting",
    usage: "",
    examples: &[("waitfor link eth0", "wait for a path, link, device, service or setting")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
