//! `sysctl`: read and set kernel parameters.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::sysctl;

pub(super) const COMMAND: Command = Command {
    name: "sysctl",
    group: Group::System,
    summary: "read and set kernel parameters",
    usage: "[-enqw] NAME[=VALUE]… | -a",
    details: "The files of /proc/sys. Dots and slashes separate the parts of a name; the first one decides
which of them, the other then stands for a dot.",
    options: &[
        Opt::flag("all", "print every parameter").short('a'),
        Opt::flag("ignore", "a parameter that does not exist is fine").short('e'),
        Opt::flag("values", "print values without names").short('n'),
        Opt::flag("quiet", "do not print what was set").short('q'),
        Opt::flag("write", "only NAME=VALUE is allowed").short('w'),
    ],
    examples: &[
        ("sysctl net.ipv4.ip_forward=1", "forward packets"),
        ("sysctl -n kernel.hostname", "one value"),
        ("sysctl net.ipv4.conf.eth0/1.rp_filter", "of the interface eth0.1"),
    ],
    see: &["get"],
    terms: &["proc", "parameter", "forwarding"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.given.flag("all") {
        call.none()?;
        for name in sysctl::all()? {
            // Some can only be written, or only be read by processes with more rights.
            if let Ok(value) = sysctl::get(&name) {
                show(call, &name, &value);
            }
        }
        return Ok(Flow::OK);
    }
    if call.args.is_empty() {
        return Err(Failure::usage("missing NAME"));
    }
    let words = std::mem::take(&mut call.args);
    call.for_each(&words, |call, word| match one(call, word) {
        Err(failure) if is_fine(call, &failure) => Ok(()),
        done => done,
    })
}

fn is_fine(call: &Call<'_>, failure: &Failure) -> bool {
    call.given.flag("ignore") && failure.cause() == Some(nix::errno::Errno::ENOENT)
}

fn one(call: &mut Call<'_>, word: &OsStr) -> Result<(), Failure> {
    let bytes = word.as_bytes();
    let (name, value) = match bytes.iter().position(|&b| b == b'=') {
        Some(at) => (&bytes[..at], Some(bytes[at + 1..].trim_ascii())),
        None => (bytes, None),
    };
    let name = call.text(OsStr::from_bytes(name.trim_ascii()))?.to_owned();
    match value {
        Some(value) => {
            sysctl::set(&name, value)?;
            if !call.given.flag("quiet") {
                show(call, &name, value);
            }
        }
        None if call.given.flag("write") => {
            return Err(Failure::usage(format!("'{name}' has no value: expected NAME=VALUE")));
        }
        None => {
            let value = sysctl::get(&name)?;
            show(call, &name, &value);
        }
    }
    Ok(())
}

fn show(call: &mut Call<'_>, name: &str, value: &[u8]) {
    // A parameter of several lines has its name in front of each.
    for line in value.split(|&b| b == b'\n') {
        if !call.given.flag("values") {
            call.print(format_args!("{} = ", name.strip_prefix("/proc/sys/").unwrap_or(name)));
        }
        call.out.bytes(line);
        call.out.bytes(b"\n");
    }
}
