//! `umount`: detach filesystems.

use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::mounts::detach::{How, all, detach};
use crate::system::mounts::table;

pub(super) const COMMAND: Command = Command {
    name: "umount",
    group: Group::System,
    summary: "detach filesystems",
    usage: "[-flr] TARGET… | -a [-t TYPE]",
    details: "TARGET is a mount point or a device. What is in use is not unmounted; the error names who uses it.",
    options: &[
        Opt::flag("all", "everything but /, /proc, /sys and /dev, the latest first").short('a'),
        Opt::value("types", "TYPE", "with -a: only filesystems of this type").short('t'),
        Opt::flag("lazy", "out of sight now, gone when nobody uses it").short('l'),
        Opt::flag("force", "also where the server does not answer").short('f'),
        Opt::flag("read-only", "make it read-only where it is in use").short('r'),
    ],
    examples: &[
        ("umount /mnt/host", "one"),
        ("umount -a -t 9p", "every share"),
    ],
    see: &["mount"],
    terms: &["unmount", "eject", "fs", "disk"],
    operands: Operand::Directory,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let how = How {
        lazy: call.given.flag("lazy"),
        force: call.given.flag("force"),
        read_only: call.given.flag("read-only"),
    };
    let targets = if call.given.flag("all") {
        call.none()?;
        all(&table::read()?, call.given.value("types").map(OsStrExt::as_bytes))
    } else {
        std::mem::take(&mut call.args)
    };
    if targets.is_empty() && !call.given.flag("all") {
        return Err(Failure::usage("missing TARGET"));
    }
    let mut failures = targets.iter().filter_map(|target| detach(target, how).err());
    let Some(mut last) = failures.next() else {
        return Ok(Flow::OK);
    };
    for failure in failures {
        call.warn(&last);
        last = failure;
    }
    Err(last)
}
