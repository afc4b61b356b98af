//! `mount`: attach a filesystem, or list what is mounted.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::mounts::attach::{self, Request};
use crate::system::mounts::options::Options;
use crate::system::mounts::short::{self, SHORT};
use crate::system::mounts::table;

pub(super) const COMMAND: Command = Command {
    name: "mount",
    group: Group::System,
    summary: "attach a filesystem, or list what is mounted",
    usage: "[-r] [-t TYPE] [-o OPTIONS] [SOURCE] TARGET | SHORT-FORM [TARGET]",
    details: "Without operands it lists what is mounted. TARGET is made if it is missing. Without -t the type
of a block device is found out. The module of a type that the kernel lacks is loaded.

Short forms, each with its usual place and options; success if it is mounted there already:
proc sys dev devpts shm run tmp cgroup2 9p virtiofs debugfs tracefs configfs securityfs bpf
pstore efivarfs mqueue hugetlbfs binfmt_misc. 9p and virtiofs mount the share host-code of the
host at /mnt/host. tmp and shm are at most a third, each, of the memory available then.",
    options: &[
        Opt::value("types", "TYPE", "the filesystem's type; auto (the default) finds it out").short('t'),
        Opt::value("options", "OPTIONS", "separated by commas, as in mount(8): ro,noatime,remount,size=1m").short('o'),
        Opt::flag("read-only", "the same as -o ro").short('r'),
        Opt::flag("bind", "show the directory or file SOURCE at TARGET, too").short('B'),
        Opt::flag("rbind", "the same with all that is mounted below SOURCE").short('R'),
        Opt::flag("move", "move a mount from SOURCE to TARGET").short('M'),
    ],
    examples: &[
        ("mount proc", "the short form of mount -t proc proc /proc"),
        ("mount", "list what is mounted"),
        ("mount /dev/vda /data", "a disk, whatever is on it"),
        ("mount -t tmpfs -o size=64m tmpfs /scratch", "memory"),
        ("mount 9p", "the host's share host-code at /mnt/host"),
        ("mount -o remount,ro /", "change options"),
    ],
    see: &["umount", "coldplug", "modprobe"],
    terms: &["fs", "disk", "filesystem", "share"],
    operands: Operand::Words(&[
        "proc", "sys", "dev", "devpts", "shm", "run", "tmp", "cgroup2", "9p", "virtiofs", "debugfs",
        "tracefs", "configfs", "securityfs", "bpf",
    ]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut list = Vec::new();
    for words in call.given.all("options") {
        list.extend_from_slice(words.as_bytes());
        list.push(b',');
    }
    for (flag, word) in [("read-only", "ro"), ("bind", "bind"), ("rbind", "rbind"), ("move", "move")] {
        if call.given.flag(flag) {
            list.extend_from_slice(word.as_bytes());
            list.push(b',');
        }
    }
    let kind = call.given.value("types").map(ToOwned::to_owned);
    let operands = std::mem::take(&mut call.args);
    match operands.as_slice() {
        [] => return show(call, kind.as_deref()),
        [word, rest @ ..] if rest.len() < 2 && kind.is_none() => {
            if let Some(form) = short::find(word.as_bytes()) {
                attach::short(form, rest.first().map(Path::new), &list)?;
                return Ok(Flow::OK);
            }
        }
        _ => {}
    }
    attach::attach(&request(&operands, kind, &list)?)?;
    Ok(Flow::OK)
}

fn request(operands: &[OsString], kind: Option<OsString>, list: &[u8]) -> Result<Request, Failure> {
    let mut options = Options::default();
    options.add(list);
    let (source, target) = match operands {
        [source, target] => (source.clone(), PathBuf::from(target)),
        [target] => {
            let changes = options.flags.contains(nix::mount::MsFlags::MS_REMOUNT)
                || !options.propagation.is_empty();
            match &kind {
                Some(kind) => (kind.clone(), PathBuf::from(target)),
                None if changes => {
                    let mut all = Options::default();
                    all.add(&table::options_at(Path::new(target)));
                    all.add(list);
                    if options.flags.contains(nix::mount::MsFlags::MS_REMOUNT) {
                        options = all;
                    }
                    (OsString::new(), PathBuf::from(target))
                }
                None => return Err(no_short_form(target)),
            }
        }
        _ => return Err(Failure::usage("too many operands")),
    };
    Ok(Request {
        source,
        target,
        kind,
        options,
    })
}

fn no_short_form(word: &OsStr) -> Failure {
    let names: Vec<_> = SHORT.iter().map(|form| form.name).collect();
    let what = format!("'{}' is no short form, and a TARGET is missing", word.to_string_lossy());
    Failure::usage(what).with_hint(format!("short forms: {}", names.join(" ")))
}

fn show(call: &mut Call<'_>, kind: Option<&OsStr>) -> Result<Flow, Failure> {
    for mount in table::read()? {
        if kind.is_none_or(|kind| kind.as_bytes() == mount.kind) {
            call.out.bytes(&mount.line());
            call.out.bytes(b"\n");
        }
    }
    Ok(Flow::OK)
}
