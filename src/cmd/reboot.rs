//! `reboot`: stop all services and reboot.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "reboot",
    group: Group::Services,
    summary: "stop all services and reboot",
    usage: "",
    examples: &[("reboot", "stop all services and reboot")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
