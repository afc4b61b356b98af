//! `coldplug`: load the modules that the hardware asks for.

use std::fmt::Write;
use std::path::Path;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::system::modules::catalog::Tables;
use crate::system::modules::coldplug::{self, Event};
use crate::system::modules::loaded;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "coldplug",
    group: Group::System,
    summary: "load the modules that the hardware asks for",
    usage: "[-nv] [-d DIR]",
    details: "Looks up the modalias of every device in modules.alias and loads the modules it names, what
they depend on first, until no new devices appear. A module that fails is reported and the others
go on; the status is then 1. Needs /sys and /proc.",
    options: &[
        Opt::value("dir", "DIR", "a module directory, or the root above lib/modules (default /)").short('d'),
        Opt::flag("dry-run", "load nothing, only say what would be").short('n'),
        Opt::flag("verbose", "print which device asks for which module, and what was loaded").short('v'),
    ],
    examples: &[
        ("coldplug", "what the boot script does"),
        ("coldplug -nv", "show what it would do"),
    ],
    see: &["modprobe", "lsmod"],
    terms: &["udev", "mdev", "hotplug", "driver", "devices"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let start = Instant::now();
    let root = call.given.value("dir").map_or_else(|| "/".into(), ToOwned::to_owned);
    let (dry, verbose) = (call.given.flag("dry-run"), call.given.flag("verbose"));
    let sys = Path::new("/sys");
    if !sys.join("bus").exists() {
        return Err(Failure::new("/sys is not mounted").with_hint("mount it with 'mount sys'"));
    }
    if !loaded::has_modules() {
        call.print(format_args!("coldplug: this kernel has no loadable modules\n"));
        return Ok(Flow::OK);
    }
    let tables = Tables::read(Path::new(&root))?;
    let index = tables.index();
    let (mut count, mut names, mut failed) = (0u32, String::new(), 0u32);
    coldplug::run(&index, sys, dry, &mut |event| match event {
        Event::Wanted { modalias, module } if verbose => {
            let text = String::from_utf8_lossy;
            call.print(format_args!("{} asks for {}\n", text(modalias), text(module)));
        }
        Event::Wanted { .. } => {}
        Event::Loaded(name) => {
            count += 1;
            let _ = write!(names, " {}", String::from_utf8_lossy(name));
        }
        Event::Failed(failure) => {
            failed += 1;
            call.warn(&failure);
            if let Some(hint) = failure.hint() {
                call.warn(hint);
            }
        }
    });
    let verb = if dry { "would be loaded" } else { "loaded" };
    let plural = if count == 1 { "" } else { "s" };
    let millis = Instant::now().since(start).as_millis();
    // The names would not fit a line of the console.
    if (dry || verbose) && count > 0 {
        call.print(format_args!("{}\n", names.trim_start()));
    }
    call.print(format_args!("coldplug: {count} module{plural} {verb} in {millis} ms\n"));
    match failed {
        0 => Ok(Flow::OK),
        1 => Err(Failure::new("1 module failed")),
        _ => Err(Failure::new(format!("{failed} modules failed"))),
    }
}
