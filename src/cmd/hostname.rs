//! `hostname`: print or set the host name.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "hostname",
    group: Group::System,
    summary: "print or set the host name",
    usage: "",
    examples: &[("hostname web1", "print or set the host name")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
