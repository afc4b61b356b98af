//! The shell and command roles: `initsh`, `initsh FILE [ARG…]`, `initsh -c TEXT`, `initsh NAME [ARG…]`.
//! Invariant: whatever the way in, `trap … EXIT` runs once and its shell's status is the process's.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;

use crate::cmd::call::write_all;
use crate::cmd::{self, Flow, suggest};
use crate::failure::Failure;
use crate::script::Shell;
use crate::script::options::{self, Flag};
use crate::script::parser::parse_typed;
use crate::script::source::Source;
use crate::{console, sys::signal};

const HELP: &str = "\
usage: initsh                     the prompt; commands from standard input where that is no terminal
       initsh FILE [ARG…]         a script
       initsh -c TEXT [NAME [ARG…]]
       initsh COMMAND [ARG…]      one built-in command
       initsh -n FILE             only looks for syntax errors

options: -c -e -f -n -u -v -x -C -a, -o NAME, + turns one off; -i: a prompt; -s: standard input
'initsh help' lists the commands, 'initsh help NAME' explains one.
";

/// Runs with the arguments that follow the program's name; the exit status.
#[inline(never)] // see `role::start`
pub fn run(args: Vec<OsString>) -> u8 {
    let mut shell = Shell::default();
    shell.catch_signals();
    let mut args = args.into_iter().peekable();
    let flow = match read_options(&mut shell, &mut args) {
        Ok(given) => start(&mut shell, given, args.collect()),
        Err(failure) => complain(&failure),
    };
    shell.finish(flow)
}

/// What the options in front ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    text: bool,
    prompt: bool,
    stdin: bool,
    help: bool,
    version: bool,
}

fn read_options(
    shell: &mut Shell,
    args: &mut Peekable<std::vec::IntoIter<OsString>>,
) -> Result<Given, Failure> {
    let mut given = Given::default();
    while let Some(word) = args
        .peek()
        .and_then(|word| word.to_str())
        .map(str::to_owned)
    {
        let on = word.starts_with('-');
        if !(on || word.starts_with('+')) || word.len() < 2 {
            break;
        }
        args.next();
        match word.as_str() {
            "--" => break,
            "--help" => given.help = true,
            "--version" => given.version = true,
            _ => {}
        }
        if word.starts_with("--") {
            if !given.help && !given.version {
                return Err(unknown_option(&word));
            }
            continue;
        }
        for letter in word[1..].chars() {
            match letter {
                'c' => given.text = true,
                'i' => given.prompt = true,
                's' => given.stdin = true,
                'o' => {
                    let name = args.next().unwrap_or_default();
                    let flag = name.to_str().and_then(options::by_name);
                    let flag = flag.ok_or_else(|| unknown_option(&name.to_string_lossy()))?;
                    shell.set_option(flag, on);
                }
                letter => {
                    let flag = options::by_letter(letter);
                    let flag = flag.ok_or_else(|| unknown_option(&format!("-{letter}")))?;
                    shell.set_option(flag, on);
                }
            }
        }
    }
    Ok(given)
}

fn unknown_option(name: &str) -> Failure {
    Failure::usage(format!("unknown option {name}")).with_hint("try 'initsh --help'")
}

fn start(shell: &mut Shell, given: Given, args: Vec<OsString>) -> Flow {
    if given.help || given.version {
        let version = format!("initsh {}\n", env!("CARGO_PKG_VERSION"));
        let text = if given.help { HELP } else { &version };
        let written = write_all(&std::io::stdout(), text.as_bytes());
        return written.map_or_else(|failure| complain(&failure), |()| Flow::OK);
    }
    let mut rest = args.into_iter();
    if given.text {
        let Some(text) = rest.next() else {
            return complain(&Failure::usage("-c needs a text"));
        };
        if let Some(name) = rest.next() {
            shell.set_arguments(&name, rest.collect());
        }
        return shell.run_text("-c", text.as_bytes());
    }
    if given.stdin || given.prompt {
        shell.set_arguments(OsStr::new("initsh"), rest.collect());
        return from_stdin(shell, given.prompt);
    }
    match rest.next() {
        None => from_stdin(shell, false),
        Some(name) => file_or_command(shell, name, rest.collect()),
    }
}

fn file_or_command(shell: &mut Shell, name: OsString, args: Vec<OsString>) -> Flow {
    if cmd::find(&name).is_some() && !shell.options.has(Flag::NoExec) {
        let words = [name].into_iter().chain(args).map(OsString::into_vec);
        return shell.run_fields(words.collect(), true, true);
    }
    let bare = !name.as_bytes().contains(&b'/');
    match shell.run_script_file(Path::new(&name), args) {
        Ok(flow) => flow,
        Err(failure) if bare && failure.cause() == Some(Errno::ENOENT) => {
            let hint = suggest::for_unknown(&name.to_string_lossy());
            complain(&failure.with_hint(hint))
        }
        Err(failure) => complain(&failure),
    }
}

fn from_stdin(shell: &mut Shell, prompt: bool) -> Flow {
    let terminal = nix::unistd::isatty(std::io::stdin()).unwrap_or(false);
    if terminal || prompt {
        return console::interactive(shell);
    }
    let mut reader = Reader::default();
    let mut last = Flow::OK;
    loop {
        match reader.next(shell) {
            Some(Flow::Status(status)) => last = Flow::Status(status),
            Some(leaving) => return leaving,
            None => return last,
        }
    }
}

/// Commands from standard input, one after the other, so that a command may read what follows it.
#[derive(Default)]
struct Reader {
    line: u32,
}

impl Reader {
    /// Reads and runs the next command; `None` at the end.
    fn next(&mut self, shell: &mut Shell) -> Option<Flow> {
        let first = self.line + 1;
        let mut text = Vec::new();
        loop {
            let more = read_line(&mut text);
            self.line += 1;
            if !more && text.is_empty() {
                return None;
            }
            let source = Source::new("stdin", text.as_slice());
            if more && parse_typed(&source).is_err_and(|error| error.incomplete) {
                continue;
            }
            match shell.parse("stdin", &text, first) {
                Ok(script) => return Some(shell.run_script(&script)),
                Err(error) => {
                    let flow = shell.show_syntax_error(&error, "stdin", &text, first);
                    return Some(Flow::Exit(flow.status()));
                }
            }
        }
    }
}

/// Appends a line with its newline, byte by byte: what follows may be for a command. `false`: the end.
fn read_line(text: &mut Vec<u8>) -> bool {
    let input = std::io::stdin();
    let mut byte = [0];
    loop {
        match nix::unistd::read(&input, &mut byte) {
            Ok(1) => text.push(byte[0]),
            Err(Errno::EINTR) if !signal::interrupted() => continue,
            _ => return false,
        }
        if byte[0] == b'\n' {
            return true;
        }
    }
}

/// Prints what keeps the shell from starting.
fn complain(failure: &Failure) -> Flow {
    let mut text = format!("initsh: {failure}\n");
    if let Some(hint) = failure.hint() {
        text.push_str(&format!("     = {hint}\n"));
    }
    if !failure.is_silent() {
        let _ = write_all(&std::io::stderr(), text.as_bytes());
    }
    Flow::Exit(failure.status())
}
