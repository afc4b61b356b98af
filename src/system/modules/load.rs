//! Loading modules: finit_module(2), and what its errors mean. Invariant: a module that is loaded
//! already is never an error.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::kmod::{ModuleInitFlags, finit_module, init_module};
use nix::sys::stat::Mode;

use super::catalog::{Index, Meaning, Tables};
use super::config::Install;
use super::plan::{Planner, Step};
use super::unpack::{Packing, unpack};
use super::{kernel_name, loaded, name_of};
use crate::failure::{Doing, Failure};
use crate::system::kmsg;

/// How a module came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// It was loaded now.
    Now,
    /// It had been loaded before.
    Already,
}

/// Linux 5.17: the kernel decompresses the file. nix 0.31 has no name for it.
const COMPRESSED_FILE: ModuleInitFlags = ModuleInitFlags::from_bits_retain(4);

/// Loads a module file with these parameters (`name=value name=value`), compressed or not.
///
/// Errors name the file and say in the hint what the kernel meant.
pub fn file(path: &Path, parameters: &[u8]) -> Result<Loaded, Failure> {
    let what = || format!("load module {}", path.display());
    let parameters = CString::new(parameters)
        .map_err(|_| Failure::usage(format!("{}: a parameter contains a NUL byte", what())))?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let module = open(path, flags, Mode::empty()).doing(what)?;
    let packing = packing_of(&module).doing(what)?;
    let done = if packing == Packing::Plain {
        finit_module(&module, &parameters, ModuleInitFlags::empty())
    } else if kernel_unpacks(packing) {
        finit_module(&module, &parameters, COMPRESSED_FILE)
    } else {
        let packed = std::fs::read(path).doing(what)?;
        let image = unpack(packing, &packed)
            .map_err(|failure| Failure::new(format!("{}: {failure}", what())))?;
        init_module(&image, &parameters)
    };
    match done {
        Ok(()) => Ok(Loaded::Now),
        Err(Errno::EEXIST) => Ok(Loaded::Already),
        Err(errno) => Err(explain(what(), errno, name_of(path.as_os_str().as_bytes()))),
    }
}

fn packing_of(module: &OwnedFd) -> Result<Packing, Errno> {
    let mut head = [0; 6];
    let length = nix::sys::uio::pread(module, &mut head, 0)?;
    Ok(Packing::of(&head[..length]))
}

fn kernel_unpacks(packing: Packing) -> bool {
    std::fs::read("/sys/module/compression")
        .is_ok_and(|text| text.trim_ascii() == packing.name().as_bytes())
}

fn explain(what: String, errno: Errno, name: &[u8]) -> Failure {
    let failure = Failure::errno(what, errno);
    let meaning = match errno {
        Errno::ENOENT => "it needs another module first; 'modprobe NAME' loads what it depends on",
        Errno::ENOEXEC => "not a module for the kernel that runs ('uname -r'), or a damaged file",
        Errno::EBADMSG | Errno::ENOKEY | Errno::EKEYREJECTED => {
            "the kernel takes signed modules only, and this signature is missing, damaged or unknown"
        }
        Errno::EPERM => {
            "that needs root, and a kernel whose modules are neither disabled nor blacklisted"
        }
        Errno::EINVAL => "a parameter is wrong, or the module does not fit this machine",
        Errno::ENODEV => "the hardware that it drives is not there",
        Errno::ENOMEM => "not enough memory",
        Errno::ENOSYS => "the kernel was built without modules",
        _ => "",
    };
    let said = match errno {
        // Neither gets as far as printing something.
        Errno::EPERM | Errno::ENOSYS => None,
        _ => kmsg::last_word_of(&kernel_name(name)),
    };
    match (said, meaning) {
        (None, "") => failure,
        (None, meaning) => failure.with_hint(meaning),
        (Some(said), "") => failure.with_hint(format!("the kernel says: {said}")),
        (Some(said), meaning) => failure.with_hint(format!("{meaning}; the kernel says: {said}")),
    }
}

/// Carries out steps. `parameters` go to the module `target` alone; `report` is told of each module that
/// was not there before, and of each soft dependency that failed.
///
/// Errors: the first required module that fails, named; what follows it is not tried.
pub fn steps(
    index: &Index<'_>,
    steps: &[Step],
    target: usize,
    parameters: &[u8],
    report: &mut dyn FnMut(usize, Result<(), Failure>),
) -> Result<(), Failure> {
    for step in steps {
        let name = index.entries[step.module].name;
        if loaded::is_loaded(name) {
            continue;
        }
        match index.install(step.module) {
            None => {}
            Some(Install::Nothing) => continue,
            Some(Install::Refuse) if step.required => return Err(disabled(name)),
            Some(Install::Refuse) => continue,
            Some(Install::Command(command)) => report(step.module, Err(not_run(name, command))),
        }
        let extra = if step.module == target {
            parameters
        } else {
            b""
        };
        let parameters = index.parameters(step.module, extra);
        match file(&index.path(step.module), &parameters) {
            Ok(Loaded::Now) => report(step.module, Ok(())),
            Ok(Loaded::Already) => {}
            Err(failure) if step.required => return Err(failure),
            Err(failure) => report(step.module, Err(failure)),
        }
    }
    Ok(())
}

fn disabled(name: &[u8]) -> Failure {
    let name = String::from_utf8_lossy(name);
    Failure::new(format!("module {name} is disabled")).with_hint(format!(
        "'install {name} /bin/false' stands in modprobe.d; insmod loads it all the same"
    ))
}

fn not_run(name: &[u8], command: &[u8]) -> Failure {
    let (name, command) = (
        String::from_utf8_lossy(name),
        String::from_utf8_lossy(command),
    );
    let text =
        format!("module {name} is loaded without what modprobe.d says: 'install {name} {command}'");
    Failure::new(text)
}

/// Loads a module or alias with all that it needs; `false` where there is none of that name.
///
/// Errors: as [`steps`].
pub fn by_name(index: &Index<'_>, name: &[u8]) -> Result<bool, Failure> {
    match index.resolve(name) {
        Meaning::Builtin => Ok(true),
        Meaning::Unknown | Meaning::Blacklisted => Ok(false),
        Meaning::Modules(found) => {
            for module in found {
                let plan = Planner::new(index).add(module);
                steps(index, &plan, module, b"", &mut |_, _| {})?;
            }
            Ok(true)
        }
    }
}

/// Loads what a feature of the kernel needs (`fs-9p`, `tun`), as the kernel would ask modprobe(8) to;
/// whether it is there now. Why not is left out: the call that needs it fails again and says so.
pub fn request(name: &[u8]) -> bool {
    let tables = Tables::read(Path::new("/"));
    tables.is_ok_and(|tables| by_name(&tables.index(), name).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_nul_are_errors() {
        let failure = file(Path::new("/nowhere/x.ko"), b"").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "load module /nowhere/x.ko: ENOENT (No such file or directory)"
        );
        assert_eq!(
            file(Path::new("/dev/null"), b"a=\0").unwrap_err().status(),
            2
        );
    }

    #[test]
    fn a_module_that_modprobe_d_disables_is_not_loaded() {
        let config = "install off /bin/false\ninstall quiet /bin/true\nalias on off";
        let tables = Tables::of("off.ko:\nquiet.ko:\nneeds.ko: off.ko\n", "", "", config, "");
        let index = tables.index();
        let load = |name: &[u8]| {
            let module = index.find(name).unwrap();
            let plan = Planner::new(&index).add(module);
            steps(&index, &plan, module, b"", &mut |_, _| {
                panic!("something was loaded")
            })
        };
        for name in [&b"off"[..], b"needs"] {
            let failure = load(name).unwrap_err();
            assert_eq!(failure.to_string(), "module off is disabled");
            assert!(failure.hint().unwrap().contains("install off /bin/false"));
        }
        assert!(load(b"quiet").is_ok());
        assert_eq!(index.resolve(b"on"), Meaning::Blacklisted);
    }

    #[test]
    fn errors_are_explained() {
        let failure = explain("load module x".into(), Errno::ENOENT, b"no-such-module");
        assert!(failure.hint().unwrap().contains("modprobe"));
    }
}
