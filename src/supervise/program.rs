//! From the words after `spawn` to what PID 1 is to execute. The caller looks the program up, with its
//! own `PATH` and working directory, so that PID 1 does not have to.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::spec::Program;
use crate::cmd;
use crate::failure::Failure;

/// The shell's own name.
pub const SHELL: &str = "initsh";

/// Where programs are looked for without `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What `name` stands for: a built-in, a path, or a program in `path` (as `PATH` spells it).
///
/// Errors: not found (status 127); found, but not executable (126).
pub fn find(name: &OsStr, path: Option<&OsStr>) -> Result<Program, Failure> {
    if name.as_bytes().contains(&b'/') {
        return check(Path::new(name)).map(|()| Program::Path(name.to_owned()));
    }
    // The shell itself, wherever its file is, and if it has none any more.
    if name == SHELL || cmd::find(name).is_some() {
        return Ok(Program::Own);
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut found = Err(missing(name));
    for directory in path.as_bytes().split(|&byte| byte == b':') {
        let directory = if directory.is_empty() {
            b"."
        } else {
            directory
        };
        let candidate = Path::new(OsStr::from_bytes(directory)).join(name);
        match check(&candidate) {
            Ok(()) => return Ok(Program::Path(candidate.into_os_string())),
            Err(failure) if failure.status() == 126 => found = Err(failure),
            Err(_) => {}
        }
    }
    found
}

/// The name of a service that nobody named: the program's, without directories.
pub fn default_name(name: &OsStr) -> String {
    let base: OsString = Path::new(name).file_name().unwrap_or(name).to_owned();
    base.to_string_lossy().into_owned()
}

fn check(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(_) => Err(missing(path.as_os_str())),
        Ok(found) if !found.is_file() => {
            Err(Failure::new(format!("{shown}: not a program")).with_status(126))
        }
        Ok(_) => access(path, AccessFlags::X_OK)
            .map_err(|errno| Failure::errno(shown.to_string(), errno).with_status(126)),
    }
}

fn missing(name: &OsStr) -> Failure {
    let text = format!("{}: no such command", name.to_string_lossy());
    Failure::new(text).with_status(127)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, path: Option<&str>) -> Result<Program, u8> {
        find(OsStr::new(name), path.map(OsStr::new)).map_err(|failure| failure.status())
    }

    #[test]
    fn as_a_shell_looks_programs_up() {
        assert_eq!(found("sleep", None), Ok(Program::Own));
        assert_eq!(found("/bin/sh", None), Ok(Program::Path("/bin/sh".into())));
        assert_eq!(
            found("sh", Some("/nowhere:/bin")),
            Ok(Program::Path("/bin/sh".into()))
        );
        assert_eq!(found("sh", Some("/nowhere")), Err(127));
        assert_eq!(found("/etc/passwd", None), Err(126));
        assert_eq!(found("/etc", None), Err(126));
        assert_eq!(found("passwd", Some("/etc")), Err(126));
    }

    #[test]
    fn services_are_named_after_their_program() {
        assert_eq!(default_name(OsStr::new("/usr/bin/web")), "web");
        assert_eq!(default_name(OsStr::new("web")), "web");
    }
}
