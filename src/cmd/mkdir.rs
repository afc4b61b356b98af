//! `mkdir`: make directories.

use std::path::Path;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::files::{make_directory, parse_mode};

pub(super) const COMMAND: Command = Command {
    name: "mkdir",
    group: Group::Files,
    summary: "make directories",
    usage: "[-p] [-m MODE] DIRECTORY…",
    options: &[
        Opt::flag("parents", "those above it, too; one that is there is fine").short('p'),
        Opt::value("mode", "MODE", "permissions in octal (default 777 less the umask)").short('m'),
    ],
    examples: &[("mkdir -p /mnt/data/a", "with all that is missing above it")],
    see: &["rm", "ls"],
    terms: &["folder", "create"],
    operands: Operand::Directory,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        return Err(Failure::usage("missing DIRECTORY"));
    }
    let mode = call.given.text("mode")?.map(parse_mode).transpose()?;
    let parents = call.given.flag("parents");
    let paths = std::mem::take(&mut call.args);
    call.for_each(&paths, |_, path| make_directory(Path::new(path), mode, parents))
}
