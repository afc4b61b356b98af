//! `rmmod`: unload kernel modules.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::modules::{loaded, name_of};

pub(super) const COMMAND: Command = Command {
    name: "rmmod",
    group: Group::System,
    summary: "unload kernel modules",
    usage: "[-f] NAME…",
    options: &[Opt::flag("force", "also where it is in use (few kernels allow that)").short('f')],
    examples: &[("rmmod 9p 9pnet_virtio 9pnet", "users before what they use")],
    see: &["lsmod", "modprobe"],
    terms: &["driver", "remove"],
    operands: Operand::Module,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        return Err(Failure::usage("missing NAME"));
    }
    let force = call.given.flag("force");
    for name in &call.args {
        loaded::unload(name_of(name.as_bytes()), force)?;
    }
    Ok(Flow::OK)
}
