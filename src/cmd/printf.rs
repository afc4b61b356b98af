//! `printf`: print by a format.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "printf",
    group: Group::Files,
    summary: "print by a format",
    usage: "",
    examples: &[("printf '%s\\n' word", "print by a format")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
