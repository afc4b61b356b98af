//! `switch_root`: make another file system the root, and its init PID 1.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::{Doing, Failure};
use crate::supervise::client::Client;
use crate::supervise::protocol::HandOver;

pub(super) const COMMAND: Command = Command {
    name: "switch_root",
    group: Group::Services,
    summary: "make another file system the root, and its init PID 1",
    usage: "[--keep-services] [--no-delete] NEWROOT INIT [ARG…]",
    details: "\
A file system is mounted at NEWROOT; INIT is a program's path in it. PID 1 stops the services in
order and ends everything else, moves /dev, /proc, /sys and /run to the new root (directories that
are missing there are made), makes it the root, and executes INIT in its own place with the
environment of this shell, on the console. Then the old root is deleted, which frees its memory:
only what lives on an initramfs or a tmpfs, and never anything on another file system.

Refused before anything has changed: NEWROOT on the file system of the present root, or nothing
mounted there; a present root that is neither an initramfs nor a tmpfs, without --no-delete; an INIT
that is missing, not executable or for another processor, where the links in NEWROOT are followed as
INIT will see them; the same for its loader or the program after '#!'. If the kernel does not
execute INIT after all, everything is moved back and the shell is started again.

--keep-services ends only the shell. Services go on below the new PID 1 and keep the old root with
all that was mounted there, so nothing of it is deleted; /dev, /proc, /sys and /run are in both.",
    parse: Parse::Posix,
    options: &[
        Opt::flag("keep-services", "services go on, in the old root"),
        Opt::flag("no-delete", "leave the old root's files"),
    ],
    see: &["exec", "mount", "watchdog"],
    terms: &["pivot_root", "chroot", "initramfs", "init", "real root"],
    examples: &[
        ("switch_root /mnt /sbin/init", "go on with the system on the disk at /mnt"),
        ("switch_root /mnt /bin/sh -l", "with a shell as PID 1"),
    ],
    operands: Operand::Directory,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let [root, argv @ ..] = call.args.as_slice() else {
        return Err(Failure::usage("missing NEWROOT"));
    };
    let Some(program) = argv.first() else {
        return Err(Failure::usage("missing INIT"));
    };
    let found = std::fs::canonicalize(root).doing(|| format!("find {}", root.to_string_lossy()))?;
    let order = HandOver {
        root: Some(found.into_os_string()),
        program: program.clone(),
        argv: argv.to_vec(),
        env: call.shell.environment(),
        keep_services: call.given.flag("keep-services"),
        keep_root: call.given.flag("no-delete") || call.given.flag("keep-services"),
    };
    call.flush()?;
    Client::required()?.hand_over(order).map(|()| Flow::OK)
}
