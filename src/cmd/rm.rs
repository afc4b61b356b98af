//! `rm`: remove files and directories.

use std::path::Path;

use super::{Call, Command, Flow, Group, Opt};
use crate::failure::Failure;
use crate::system::files::{Removal, remove};

pub(super) const COMMAND: Command = Command {
    name: "rm",
    group: Group::Files,
    summary: "remove files and directories",
    usage: "[-fr] PATH…",
    details: "Follows no symbolic link and does not leave the filesystem. /, . and .. are refused.",
    options: &[
        Opt::flag("force", "a path that does not exist is fine").short('f'),
        Opt::flag("recursive", "directories with all that is in them").short('r'),
        Opt::letter('R', "the same"),
    ],
    examples: &[
        ("rm -f /tmp/x", "a file that may be gone already"),
        ("rm -r /tmp/tree", "a directory"),
    ],
    see: &["mkdir", "umount"],
    terms: &["delete", "unlink", "rmdir", "erase"],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let how = Removal {
        recursive: call.given.flag("recursive") || call.given.flag("R"),
        force: call.given.flag("force"),
    };
    if call.args.is_empty() && !how.force {
        return Err(Failure::usage("missing PATH"));
    }
    let paths = std::mem::take(&mut call.args);
    call.for_each(&paths, |_, path| remove(Path::new(path), how))
}
