//! `exec`: replace this shell by a program, or keep redirections.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::absolute;

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::{Doing, Failure};
use crate::supervise::client::Client;
use crate::supervise::protocol::HandOver;

pub(super) const COMMAND: Command = Command {
    name: "exec",
    group: Group::Language,
    summary: "replace this shell by a program, or keep redirections",
    usage: "[--pid1 [--keep-services]] [CMD [ARG…]]",
    details: "\
Without a command its redirections stay for the rest of the script. A built-in is run, and the
shell then ends with its status.

With --pid1 the program, found in PATH, takes the place of initsh as PID 1: of the machine, or of a
PID namespace. Services are stopped in order, everything else is ended, then it is executed with the
environment of this shell, in /, on the console, with no signal blocked or ignored. What does not
exist or cannot be executed is refused before anything has ended; if it fails later than that,
initsh goes on and starts the shell again.

--keep-services ends only the shell: services go on as children of the new PID 1. It has to reap
them and will not start them again; what they write to a log is lost.",
    parse: Parse::Posix,
    options: &[
        Opt::flag("pid1", "replace PID 1 instead of this shell"),
        Opt::flag("keep-services", "with --pid1: services go on, below the new PID 1"),
    ],
    see: &["switch_root", "spawn"],
    terms: &["init", "replace"],
    examples: &[
        ("exec /sbin/init", "the program gets this process"),
        ("exec 2> /run/boot.log", "errors go to a file from here on"),
        ("exec --pid1 /sbin/init", "the program becomes PID 1"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let (pid1, keep) = (call.given.flag("pid1"), call.given.flag("keep-services"));
    let Some(name) = call.args.first() else {
        if pid1 {
            return Err(Failure::usage("--pid1: missing CMD"));
        }
        call.shell.keep_redirects = true;
        return Ok(Flow::OK);
    };
    if pid1 {
        return hand_over(call, keep);
    }
    if keep {
        return Err(Failure::usage("--keep-services goes with --pid1"));
    }
    if super::find(name).is_some() {
        let words = std::mem::take(&mut call.args);
        let flow = call.shell.run_past_functions(words, false)?;
        return Ok(Flow::Exit(flow.status()));
    }
    let words: Vec<_> = std::mem::take(&mut call.args);
    let words: Vec<_> = words.into_iter().map(OsStringExt::into_vec).collect();
    let shown = String::from_utf8_lossy(&words[0]).into_owned();
    let file = call.shell.find_program(&words[0]);
    let file = file.map_err(|failure| failure.about(&shown))?;
    call.flush()?;
    call.shell.exec_in_place(&file, &words)
}

fn hand_over(call: &mut Call<'_>, keep_services: bool) -> Result<Flow, Failure> {
    let argv = std::mem::take(&mut call.args);
    let file = call.shell.find_program(argv[0].as_bytes());
    let shown = argv[0].to_string_lossy().into_owned();
    let file = OsString::from_vec(file.map_err(|failure| failure.about(&shown))?);
    let program = absolute(&file).doing(|| format!("find {shown}"))?.into();
    call.flush()?;
    let order = HandOver {
        root: None,
        program,
        argv,
        env: call.shell.environment(),
        keep_services,
        keep_root: true,
    };
    Client::required()?.hand_over(order).map(|()| Flow::OK)
}
