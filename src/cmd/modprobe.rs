//! `modprobe`: load a kernel module and what it depends on.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::modules::catalog::{Index, Meaning, Tables};
use crate::system::modules::plan::{Planner, Step};
use crate::system::modules::{load, loaded, name_of};

pub(super) const COMMAND: Command = Command {
    name: "modprobe",
    group: Group::System,
    summary: "load a kernel module and what it depends on",
    usage: "[-anqrv] [-d DIR] NAME [PARAMETER=VALUE…]",
    details: "NAME is a module or an alias such as fs-9p or a device's modalias. modules.dep, modules.softdep,
modules.alias and modules.builtin of /lib/modules/VERSION are followed, modprobe.d is obeyed
(alias, blacklist, options, softdep; 'install NAME /bin/true' and '/bin/false' disable a module,
other commands of 'install' and 'remove' are not carried out), and so are NAME.PARAMETER=VALUE and
modprobe.blacklist=NAME of the kernel command line. Success if it is loaded already or built in.",
    options: &[
        Opt::flag("all", "every operand is a module").short('a'),
        Opt::value("dir", "DIR", "a module directory, or the root above lib/modules (default /)").short('d'),
        Opt::flag("dry-run", "load nothing").short('n'),
        Opt::flag("show-depends", "print the modules in order of loading instead").short('D'),
        Opt::flag("quiet", "say nothing if there is no such module").short('q'),
        Opt::flag("remove", "unload it instead").short('r'),
        Opt::flag("verbose", "print each module that is loaded").short('v'),
    ],
    examples: &[
        ("modprobe 9p", "load the 9p filesystem and what it needs"),
        ("modprobe dummy numdummies=2", "with a parameter"),
        ("modprobe -a virtio_net virtio_blk", "several"),
    ],
    see: &["coldplug", "insmod", "lsmod", "rmmod"],
    terms: &["driver", "ko", "alias", "dependencies"],
    operands: Operand::Module,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let operands = std::mem::take(&mut call.args);
    let (names, parameters) = if call.given.flag("all") || call.given.flag("remove") {
        (operands.as_slice(), Vec::new())
    } else {
        let (names, rest) = operands.split_at(operands.len().min(1));
        (names, joined(rest)?)
    };
    if names.is_empty() {
        return Err(Failure::usage("missing NAME"));
    }
    if call.given.flag("remove") {
        names.iter().try_for_each(|name| loaded::unload(name.as_bytes(), false))?;
        return Ok(Flow::OK);
    }
    let root = call.given.value("dir").unwrap_or(OsStr::new("/")).to_owned();
    let tables = Tables::read(Path::new(&root))?;
    let index = tables.index();
    for name in names {
        probe(call, &index, name, &parameters)?;
    }
    Ok(Flow::OK)
}

fn joined(parameters: &[OsString]) -> Result<Vec<u8>, Failure> {
    let words: Vec<&[u8]> = parameters.iter().map(|word| word.as_bytes()).collect();
    let stray = words.iter().find(|word| word.contains(&b'/') && !word.contains(&b'='));
    match stray {
        Some(stray) => Err(Failure::usage(format!(
            "'{}' is no parameter; several modules need -a",
            String::from_utf8_lossy(stray)
        ))),
        None => Ok(words.join(&b' ')),
    }
}

fn probe(call: &mut Call<'_>, index: &Index<'_>, name: &OsStr, parameters: &[u8]) -> Result<(), Failure> {
    let bytes = name.as_bytes();
    // People give the file's name, too.
    let bytes = bytes.strip_suffix(b".ko").map_or(bytes, name_of);
    let modules = match index.resolve(bytes) {
        Meaning::Modules(modules) => modules,
        Meaning::Builtin | Meaning::Blacklisted => Vec::new(),
        Meaning::Unknown if loaded::is_loaded(bytes) => Vec::new(),
        Meaning::Unknown if call.given.flag("quiet") => {
            return Err(Failure::interrupted().with_status(1));
        }
        Meaning::Unknown => {
            let directory = index.tables.directory.display();
            let what = format!("no module or alias '{}' in {directory}", name.to_string_lossy());
            return Err(Failure::new(what));
        }
    };
    for module in modules {
        let steps = Planner::new(index).add(module);
        if call.given.flag("show-depends") {
            steps.iter().for_each(|step| show(call, index, step, module, parameters));
        } else {
            carry_out(call, index, &steps, module, parameters)?;
        }
    }
    Ok(())
}

fn show(call: &mut Call<'_>, index: &Index<'_>, step: &Step, target: usize, parameters: &[u8]) {
    let extra = if step.module == target { parameters } else { b"" };
    let parameters = index.parameters(step.module, extra);
    call.out.bytes(b"insmod ");
    call.out.bytes(index.path(step.module).as_os_str().as_bytes());
    call.out.bytes(b" ");
    call.out.bytes(&parameters);
    call.out.bytes(b"\n");
}

fn carry_out(
    call: &mut Call<'_>,
    index: &Index<'_>,
    steps: &[Step],
    target: usize,
    parameters: &[u8],
) -> Result<(), Failure> {
    let verbose = call.given.flag("verbose");
    if call.given.flag("dry-run") {
        let missing = steps.iter().filter(|step| !loaded::is_loaded(index.entries[step.module].name));
        if verbose {
            missing.for_each(|step| show(call, index, step, target, parameters));
        }
        return Ok(());
    }
    load::steps(index, steps, target, parameters, &mut |module, result| match result {
        Ok(()) if verbose => {
            let step = Step { module, required: true };
            show(call, index, &step, target, parameters);
        }
        Ok(()) => {}
        Err(failure) if steps.iter().any(|step| step.module == module && !step.required) => {
            call.warn(format_args!("soft dependency: {failure}"));
        }
        Err(failure) => call.warn(format_args!("{failure}")),
    })
}
