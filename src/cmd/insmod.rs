//! `insmod`: load a kernel module file.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Call, Command, Flow, Group};
use crate::failure::Failure;
use crate::system::modules::load::{self, Loaded};

pub(super) const COMMAND: Command = Command {
    name: "insmod",
    group: Group::System,
    summary: "load a kernel module file",
    usage: "FILE [NAME=VALUE…]",
    details: "Loads .ko, .ko.gz, .ko.xz and .ko.zst. What the module depends on must be loaded before it;
modprobe does that by itself. A module that is loaded already is left alone, with a remark.",
    examples: &[
        ("insmod /lib/modules/netfs.ko", "load one module"),
        ("insmod dummy.ko.xz numdummies=2", "with a parameter"),
    ],
    see: &["modprobe", "coldplug", "lsmod", "rmmod", "dmesg"],
    terms: &["driver", "ko"],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let Some((file, parameters)) = call.args.split_first() else {
        return Err(Failure::usage("missing FILE"));
    };
    let parameters: Vec<&[u8]> = parameters.iter().map(|word| word.as_bytes()).collect();
    match load::file(Path::new(file), &parameters.join(&b' '))? {
        Loaded::Now => {}
        Loaded::Already => {
            let shown = file.to_string_lossy().into_owned();
            call.warn(format_args!("{shown} is loaded already"));
        }
    }
    Ok(Flow::OK)
}
