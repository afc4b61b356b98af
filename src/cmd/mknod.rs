//! `mknod`: make a device node or a named pipe.

use std::ffi::OsString;
use std::path::Path;


use super::{Call, Command, Flow, Group, Opt};
use crate::failure::Failure;
use crate::system::device::{Node, make_node};
use crate::system::files::parse_mode;

pub(super) const COMMAND: Command = Command {
    name: "mknod",
    group: Group::System,
    summary: "make a device node or a named pipe",
    usage: "[-m MODE] PATH c|b MAJOR MINOR | PATH p",
    details: "The directory that it stands in is made if it is missing. Success if the same node is there
already.",
    options: &[Opt::value("mode", "MODE", "permissions in octal (default 666 less the umask)").short('m')],
    examples: &[
        ("mknod /dev/net/tun c 10 200", "the device for tun and tap links"),
        ("mknod /tmp/queue p", "a named pipe"),
    ],
    see: &["mount", "tap"],
    terms: &["device", "fifo", "mkfifo"],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mode = call.given.text("mode")?.map(parse_mode).transpose()?;
    let (path, node) = match call.args.as_slice() {
        [path, kind] if kind == "p" => (path, Node::Pipe),
        [path, kind, major, minor] if kind == "c" || kind == "u" => {
            (path, Node::Character(number(call, major)?, number(call, minor)?))
        }
        [path, kind, major, minor] if kind == "b" => {
            (path, Node::Block(number(call, major)?, number(call, minor)?))
        }
        _ => return Err(Failure::usage("expected PATH c|b MAJOR MINOR or PATH p")),
    };
    make_node(Path::new(path), node, mode)?;
    Ok(Flow::OK)
}

fn number(call: &Call<'_>, word: &OsString) -> Result<u64, Failure> {
    let text = call.text(word)?;
    // 12 bits of major and 20 of minor number, linux/kdev_t.h.
    let number = text.parse().ok().filter(|&number| number < 1 << 20);
    number.ok_or_else(|| Failure::usage(format!("'{text}' is not a device number")))
}
