//! `pwd`: print the working directory.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::{Doing, Failure};

pub(super) const COMMAND: Command = Command {
    name: "pwd",
    group: Group::Files,
    summary: "print the working directory",
    usage: "[-L|-P]",
    options: &[
        Opt::letter('L', "as it was entered, symbolic links included (the default)"),
        Opt::letter('P', "as it is, without symbolic links"),
    ],
    see: &["cd"],
    examples: &[("pwd -P", "where this really is")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let path = if call.given.flag("P") {
        std::env::current_dir().doing(|| "read the working directory")?
    } else {
        call.shell.directory()
    };
    call.out.bytes(path.as_os_str().as_bytes());
    call.out.bytes(b"\n");
    Ok(Flow::OK)
}
