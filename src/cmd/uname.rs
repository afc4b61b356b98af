//! `uname`: print the kernel's name and version.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::{Doing, Failure};

pub(super) const COMMAND: Command = Command {
    name: "uname",
    group: Group::System,
    summary: "print the kernel's name and version",
    usage: "[-asnrvmo]",
    options: &[
        Opt::flag("all", "all of it").short('a'),
        Opt::flag("kernel-name", "the kernel's name (default)").short('s'),
        Opt::flag("nodename", "the name of this machine").short('n'),
        Opt::flag("kernel-release", "its release: the directory in /lib/modules").short('r'),
        Opt::flag("kernel-version", "its version").short('v'),
        Opt::flag("machine", "the architecture").short('m'),
        Opt::flag("operating-system", "GNU/Linux").short('o'),
    ],
    examples: &[("uname -r", "the kernel's release")],
    see: &["hostname", "uptime"],
    terms: &["kernel", "version", "architecture"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let uname = nix::sys::utsname::uname().doing(|| "uname")?;
    let parts = [
        ("kernel-name", uname.sysname().as_bytes()),
        ("nodename", uname.nodename().as_bytes()),
        ("kernel-release", uname.release().as_bytes()),
        ("kernel-version", uname.version().as_bytes()),
        ("machine", uname.machine().as_bytes()),
        ("operating-system", b"GNU/Linux"),
    ];
    let all = call.given.flag("all");
    let mut wanted: Vec<&[u8]> = Vec::new();
    for (option, text) in parts {
        if all || call.given.flag(option) {
            wanted.push(text);
        }
    }
    if wanted.is_empty() {
        wanted.push(parts[0].1);
    }
    call.out.bytes(&wanted.join(&b' '));
    call.out.bytes(b"\n");
    Ok(Flow::OK)
}
