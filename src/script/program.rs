//! Programs: found through `PATH`, executed with the exported variables. Invariant: every failure to do
//! so has status 127 (not found) or 126 (found, but not executable).

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sys::stat::{SFlag, stat};
use nix::unistd::{AccessFlags, access, execve};

use super::shell::Shell;
use super::simple::is_special;
use crate::cmd::{self, Flow, suggest};
use crate::failure::Failure;
use crate::sys::signal;

/// Where programs are looked for when nothing else was said.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file that a command's name stands for.
///
/// Errors: 127 where there is none, 126 where it cannot be executed.
pub fn find(path: &[u8], name: &[u8]) -> Result<Vec<u8>, Failure> {
    if name.contains(&b'/') {
        return match executable(name) {
            Ok(()) => Ok(name.to_vec()),
            Err(errno) => Err(cannot("execute", name, errno)),
        };
    }
    let mut refused = None;
    let directories = path.split(|&b| b == b':').filter(|_| !name.is_empty());
    for directory in directories {
        // An empty entry is the working directory (POSIX XBD 8.3).
        let file = match directory {
            b"" => [b"./", name].concat(),
            _ => [directory, b"/", name].concat(),
        };
        match executable(&file) {
            Ok(()) => return Ok(file),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => {
                refused.get_or_insert((file, errno));
            }
        }
    }
    match refused {
        Some((file, errno)) => Err(cannot("execute", &file, errno)),
        None => Err(unknown(name)),
    }
}

/// What a name stands for, as `type` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A word of the grammar.
    Keyword,
    /// A built-in that POSIX calls special.
    Special,
    /// Another built-in.
    BuiltIn,
    /// A function.
    Function,
    /// A program.
    File(Vec<u8>),
}

/// The words of the grammar.
pub const KEYWORDS: &[&str] = &[
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then",
    "until", "while",
];

fn unknown(name: &[u8]) -> Failure {
    Failure::new("not found")
        .with_status(127)
        .with_hint(suggest::for_unknown(&String::from_utf8_lossy(name)))
}

fn cannot(what: &str, file: &[u8], errno: Errno) -> Failure {
    let missing = matches!(errno, Errno::ENOENT | Errno::ENOTDIR);
    Failure::errno(format!("{what} {}", String::from_utf8_lossy(file)), errno)
        .with_status(if missing { 127 } else { 126 })
}

fn executable(file: &[u8]) -> Result<(), Errno> {
    let path = OsStr::from_bytes(file);
    let mode = stat(path)?.st_mode;
    match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Err(Errno::EISDIR),
        _ => access(path, AccessFlags::X_OK),
    }
}

impl Shell {
    /// The file that a command's name stands for, with this shell's `PATH`.
    pub(crate) fn find_program(&self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        find(self.vars.get("PATH").unwrap_or(DEFAULT_PATH), name)
    }

    /// What a name stands for; `path`: looked up there in place of `PATH`.
    pub(crate) fn meaning(&self, name: &OsStr, path: Option<&[u8]>) -> Option<Meaning> {
        let text = name.to_str().unwrap_or_default();
        if KEYWORDS.contains(&text) {
            return Some(Meaning::Keyword);
        }
        if is_special(name.as_bytes()) {
            return Some(Meaning::Special);
        }
        if self.functions.get(text).is_some() {
            return Some(Meaning::Function);
        }
        if cmd::find(name).is_some() {
            return Some(Meaning::BuiltIn);
        }
        let path = path.or(self.vars.get("PATH")).unwrap_or(DEFAULT_PATH);
        find(path, name.as_bytes()).ok().map(Meaning::File)
    }

    /// `exec`: replaces the shell itself. Signals have their defaults then, as in a child.
    ///
    /// Errors: it could not be executed; the shell goes on as before.
    pub(crate) fn exec_in_place(
        &mut self,
        file: &[u8],
        words: &[Vec<u8>],
    ) -> Result<Flow, Failure> {
        signal::reset_for_child();
        self.traps.ignore_again();
        let result = self.exec(file, words);
        self.catch_signals();
        if self.is_interactive() {
            self.interactive()?;
        }
        result
    }

    /// Replaces this process by the program. Where the kernel calls it no executable, it is run as a
    /// script in a fresh shell, whose flow this returns.
    ///
    /// Errors: it could not be executed.
    pub(crate) fn exec(&mut self, file: &[u8], words: &[Vec<u8>]) -> Result<Flow, Failure> {
        let failed = |errno| cannot("execute", file, errno);
        let string = |text: &[u8]| CString::new(text).map_err(|_| failed(Errno::EINVAL));
        let path = string(file)?;
        let argv: Vec<_> = words.iter().map(|w| string(w)).collect::<Result<_, _>>()?;
        let environment = self.vars.environment();
        let envp: Vec<_> = environment
            .iter()
            .map(|(name, value)| string(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<_, _>>()?;
        let Err(errno) = execve(&path, &argv, &envp);
        if errno != Errno::ENOEXEC {
            return Err(failed(errno));
        }
        let text = fs::read(OsStr::from_bytes(file)).map_err(|_| failed(errno))?;
        if text.iter().take(256).any(|&b| b == 0) {
            return Err(failed(errno));
        }
        let mut shell = Shell::with_environment(environment);
        let args = words.iter().skip(1);
        let args = args.map(|word| OsString::from_vec(word.clone())).collect();
        shell.set_arguments(OsStr::from_bytes(file), args);
        let flow = shell.run_text(&String::from_utf8_lossy(file), &text);
        Ok(Flow::Exit(shell.finish(flow)))
    }
}
