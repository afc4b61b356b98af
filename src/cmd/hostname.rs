//! `hostname`: print or set the name of this machine.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::{Doing, Failure};

pub(super) const COMMAND: Command = Command {
    name: "hostname",
    group: Group::System,
    summary: "print or set the name of this machine",
    usage: "[NAME]",
    examples: &[
        ("hostname", "print it"),
        ("hostname \"${cmdline.hostname:-guest}\"", "set it"),
    ],
    see: &["uname", "get"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        let uname = nix::sys::utsname::uname().doing(|| "read the name of this machine")?;
        call.out.bytes(uname.nodename().as_bytes());
        call.out.bytes(b"\n");
        return Ok(Flow::OK);
    }
    let name = call.text(call.one("NAME")?)?;
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    // 64: HOST_NAME_MAX.
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.bytes().all(is_fine) {
        let what = format!("'{name}' is not a name: up to 64 letters, digits, '-', '_' and '.'");
        return Err(Failure::usage(what));
    }
    nix::unistd::sethostname(name).doing(|| format!("set the name of this machine to {name}"))?;
    Ok(Flow::OK)
}
