//! `cd`: change the working directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::{Doing, Failure};

pub(super) const COMMAND: Command = Command {
    name: "cd",
    group: Group::Files,
    summary: "change the working directory",
    usage: "[-L|-P] [DIRECTORY|-]",
    details: "Without an operand: $HOME. '-' is the directory before, which is then printed. '..' takes off\n\
              the last name of $PWD, also where that is a symbolic link (-P: follows the link).",
    parse: Parse::Posix,
    options: &[
        Opt::letter('L', "'..' undoes a symbolic link (the default)"),
        Opt::letter('P', "$PWD names no symbolic link"),
    ],
    see: &["pwd"],
    terms: &["chdir"],
    examples: &[("cd /mnt/host", "go there"), ("cd -", "and back")],
    operands: Operand::Directory,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let variable = |name: &str| {
        let value = call.shell.variable(name).map(OsStr::to_owned);
        value.ok_or_else(|| Failure::usage(format!("{name} is not set")))
    };
    let back = call.args.first().is_some_and(|arg| arg == "-");
    let target = match call.args.as_slice() {
        [] => variable("HOME")?,
        [_] if back => variable("OLDPWD")?,
        [target] => target.clone(),
        _ => return Err(Failure::usage("more than one directory")),
    };
    let before = call.shell.directory();
    let path = if call.given.flag("P") {
        Path::new(&target).to_owned()
    } else {
        logical(before.as_os_str(), &target).into()
    };
    // Status 2, as dash has it.
    nix::unistd::chdir(&path)
        .doing(|| format!("change to {}", target.to_string_lossy()))
        .map_err(|failure| failure.with_status(2))?;
    let now = match call.given.flag("P") {
        true => std::env::current_dir().doing(|| "read the working directory")?,
        false => path,
    };
    call.shell.set_variable("OLDPWD", before.as_os_str())?;
    call.shell.set_variable("PWD", now.as_os_str())?;
    if back {
        call.out.bytes(now.as_os_str().as_bytes());
        call.out.bytes(b"\n");
    }
    Ok(Flow::OK)
}

/// `target` as seen from `base`, without `.` and `..` (POSIX XCU cd, step 8).
fn logical(base: &OsStr, target: &OsStr) -> OsString {
    let mut parts: Vec<&[u8]> = Vec::new();
    let relative = !target.as_bytes().starts_with(b"/");
    let bases = relative.then_some(base.as_bytes()).into_iter();
    for part in bases.chain([target.as_bytes()]).flat_map(|p| p.split(|&b| b == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    OsString::from_vec([b"/".as_slice(), &parts.join(&b'/')].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_taken_out() {
        for (base, target, expected) in [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "../c/./d", "/a/c/d"),
            ("/a", "../../..", "/"),
            ("/a", "/x//y/", "/x/y"),
            ("/", ".", "/"),
        ] {
            assert_eq!(logical(OsStr::new(base), OsStr::new(target)), expected);
        }
    }
}
