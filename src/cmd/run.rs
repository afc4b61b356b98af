//! `run`: run a script file in this shell.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Call, Command, Flow, Group, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "run",
    aliases: &["."],
    group: Group::Language,
    summary: "run a script file in this shell",
    usage: "FILE [ARG…]",
    details: "The script sees and changes this shell's variables; its arguments, if there are any, are its\n\
              positional parameters. 'return' ends it. '.' is the spelling of sh: it looks for a name without\n\
              a slash in PATH first, and a missing file ends the script that asked for it.",
    parse: Parse::Posix,
    see: &["exec", "eval"],
    terms: &["source", "script"],
    examples: &[("run /mnt/host/setup.run eth0", "with $1 = eth0")],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut args = std::mem::take(&mut call.args).into_iter();
    let file = args.next().ok_or_else(|| Failure::usage("missing file"))?;
    let dot = call.name == ".";
    let path = match dot {
        true => in_path(call, &file).unwrap_or_else(|| PathBuf::from(&file)),
        false => PathBuf::from(&file),
    };
    call.flush()?;
    let result = call.shell.source_file(&path, args.collect());
    // Status 2, as dash has it.
    result.map_err(|failure| if dot { failure.with_status(2) } else { failure })
}

/// A file without a slash in its name is looked for in `PATH` (POSIX XCU dot).
fn in_path(call: &Call<'_>, file: &OsString) -> Option<PathBuf> {
    if file.as_bytes().contains(&b'/') {
        return None;
    }
    let path = call.shell.variable("PATH")?;
    let paths = std::env::split_paths(path).map(|directory| directory.join(file));
    paths.into_iter().find(|path| path.is_file())
}
