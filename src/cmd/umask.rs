//! `umask`: print or set the file mode mask.

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "umask",
    group: Group::Files,
    summary: "print or set the file mode mask",
    usage: "",
    examples: &[("umask 022", "print or set the file mode mask")],
    run,
    ..Command::DEFAULT
};

fn run(_call: &mut Call<'_>) -> Result<Flow, Failure> {
    Err(Failure::new("not built yet"))
}
