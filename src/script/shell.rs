//! `Shell`: the state that all parts of the interpreter share, and the public way in. Invariant: one
//! thread, so that it may fork at any time.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid};

use super::ast::{List, Span};
use super::error::{self, SyntaxError};
use super::functions::Functions;
use super::jobs::{self, Jobs};
use super::options::{Flag, Options};
use super::parser;
use super::program::DEFAULT_PATH;
use super::source::Source;
use super::stack::{DEEPEST, Stack, too_deep};
use super::traps::Traps;
use super::vars::Vars;
use crate::cmd::Flow;
use crate::failure::{Doing, Failure};
use crate::sys::signal;

/// What a script's summary line tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Simple commands that were run.
    pub run: u64,
    /// Those that failed although nothing tested their status (`if`, `&&`, `||`, `!`, `while`).
    pub failed: u64,
}

/// A script that has been read and is ready to run.
#[derive(Debug)]
pub struct Script {
    source: Rc<Source>,
    list: List,
}

/// A shell's state, and the only way to run text in it.
pub struct Shell {
    pub(crate) vars: Vars,
    pub(crate) options: Options,
    pub(crate) jobs: Jobs,
    pub(crate) traps: Traps,
    pub(crate) functions: Functions,
    /// How many loops surround what runs, for `break`.
    pub(crate) loops: u32,
    /// `exec` without a command: the redirections of the running command stay.
    pub(crate) keep_redirects: bool,
    /// `$$`: the pid of the shell itself, in subshells too.
    pub(crate) pid: i32,
    pub(super) counts: Counts,
    /// The text that runs, for errors; none for a command given as words.
    pub(super) source: Option<Rc<Source>>,
    /// The command that runs.
    pub(super) span: Span,
    /// Somebody looks at the status of what runs: no `set -e`, no failure counted.
    pub(super) checked: bool,
    /// Nothing follows the running built-in in this process.
    pub(super) last: bool,
    /// The status of the last `$(…)` of the running command.
    pub(super) substituted: Option<u8>,
    status: u8,
    calls: u32,
    /// `Flow::Exit` is under way although nobody called `exit`: an error or Ctrl-C.
    abandoned: bool,
    interactive: bool,
    stack: Stack,
}

impl Default for Shell {
    fn default() -> Self {
        Self::with_environment(std::env::vars_os().collect())
    }
}

impl Shell {
    /// A shell with this environment.
    pub fn with_environment(environment: Vec<(OsString, OsString)>) -> Self {
        let mut vars = Vars::from_environment(environment.into_iter());
        vars.name = b"initsh".to_vec();
        if vars.get("PATH").is_none() {
            // Names that are well-formed and not read-only: neither can fail.
            let _ = vars.set("PATH", DEFAULT_PATH.to_vec());
            let _ = vars.export("PATH", true);
        }
        let mut shell = Self {
            vars,
            options: Options::default(),
            jobs: Jobs::default(),
            traps: Traps::default(),
            functions: Functions::default(),
            loops: 0,
            keep_redirects: false,
            pid: getpid().as_raw(),
            counts: Counts::default(),
            source: None,
            span: Span::default(),
            checked: false,
            last: false,
            substituted: None,
            status: 0,
            calls: 0,
            abandoned: false,
            interactive: false,
            stack: Stack::here(),
        };
        let directory = shell.directory();
        let _ = shell.set_variable("PWD", directory.as_os_str());
        let parent = getppid().to_string();
        let _ = shell.set_variable("PPID", OsStr::new(&parent));
        shell
    }

    /// Makes Ctrl-C end the running command and a broken pipe an error: for a process that is a shell.
    pub fn catch_signals(&self) {
        // Neither call can fail for these two signals.
        let _ = signal::catch_interrupt();
        let _ = signal::ignore(Signal::SIGPIPE);
    }

    /// Turns on what a prompt needs: errors return to it, and jobs are controlled where descriptor 0
    /// is a terminal.
    ///
    /// Errors: the terminal cannot be taken; all but job control works then.
    pub fn interactive(&mut self) -> Result<(), Failure> {
        self.interactive = true;
        self.catch_signals();
        signal::ignore(Signal::SIGQUIT).doing(|| "ignore SIGQUIT")?;
        self.jobs.begin_control().map(drop)
    }

    /// Whether there is a prompt to return to.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// In a forked child: no prompt to return to.
    pub(super) fn leave_prompt(&mut self) {
        self.interactive = false;
    }

    /// Tells which background jobs have ended or stopped since the last call: before each prompt.
    pub fn notify_jobs(&mut self) {
        jobs::notify(self);
    }

    /// `$?`
    pub fn last_status(&self) -> u8 {
        self.status
    }

    /// Sets `$?`.
    pub fn set_status(&mut self, status: u8) {
        self.status = status;
    }

    /// Sets `$0` and the positional parameters.
    pub fn set_arguments(&mut self, name: &OsStr, args: Vec<OsString>) {
        self.vars.name = name.as_bytes().to_vec();
        self.vars.positional = args.into_iter().map(OsString::into_vec).collect();
    }

    /// Turns a `set` option on or off.
    pub fn set_option(&mut self, flag: Flag, on: bool) {
        self.options.set(flag, on);
        self.vars.export_all = self.options.has(Flag::AllExport);
    }

    /// Parses all of `text`, then runs it. Errors are printed with `name:line:col`; a syntax error
    /// gives status 2 and runs nothing.
    pub fn run_text(&mut self, name: &str, text: &[u8]) -> Flow {
        match self.parse(name, text, 1) {
            Ok(script) => self.run_script(&script),
            Err(error) => self.show_syntax_error(&error, name, text, 1),
        }
    }

    /// Reads a script without running it; `first_line` is the number of its first line.
    ///
    /// Errors: it is no script; `incomplete` where more text may make it one.
    pub fn parse(
        &self,
        name: &str,
        text: &[u8],
        first_line: u32,
    ) -> Result<Script, Box<SyntaxError>> {
        if self.options.has(Flag::Verbose) {
            jobs::tell(&String::from_utf8_lossy(text));
        }
        let source = Source::at_line(name, text, first_line);
        let list = parser::parse(&source)?;
        Ok(Script {
            source: Rc::new(source),
            list,
        })
    }

    /// Prints a syntax error; status 2.
    pub fn show_syntax_error(
        &mut self,
        error: &SyntaxError,
        name: &str,
        text: &[u8],
        first_line: u32,
    ) -> Flow {
        jobs::tell(&error.render(&Source::at_line(name, text, first_line)));
        self.status = 2;
        Flow::Status(2)
    }

    /// Runs a script that [`Shell::parse`] has read. `return` outside of a function ends it. At a prompt
    /// an error or Ctrl-C ends the script, not the shell.
    pub fn run_script(&mut self, script: &Script) -> Flow {
        let outermost = self.calls == 0;
        if outermost {
            self.abandoned = false;
            self.stack = Stack::here();
        }
        let flow = self.run_in(script);
        if !outermost {
            return flow;
        }
        // Ctrl-C is dealt with.
        signal::clear_interrupt();
        match flow {
            Flow::Exit(status) if self.abandoned && self.interactive => {
                if status == 130 {
                    // The terminal shows ^C and no newline.
                    jobs::tell("\n");
                }
                self.status = status;
                Flow::Status(status)
            }
            Flow::Return(status) => Flow::Status(status),
            other => other,
        }
    }

    /// Runs a script file with these positional parameters.
    ///
    /// Errors: the file cannot be read (status 127 where it does not exist, else 126).
    pub fn run_file(&mut self, path: &Path, args: Vec<OsString>) -> Result<Flow, Failure> {
        let text = read_script(path)?;
        let args = args.into_iter().map(OsString::into_vec).collect();
        let before = std::mem::replace(&mut self.vars.positional, args);
        let name = path.as_os_str().as_bytes().to_vec();
        let name = std::mem::replace(&mut self.vars.name, name);
        let flow = self.run_text(&path.to_string_lossy(), &text);
        self.vars.positional = before;
        self.vars.name = name;
        Ok(flow)
    }

    /// The script that this process was started for: its name and arguments stay, for `trap … EXIT`.
    ///
    /// Errors: the file cannot be read.
    pub fn run_script_file(&mut self, path: &Path, args: Vec<OsString>) -> Result<Flow, Failure> {
        let text = read_script(path)?;
        self.set_arguments(path.as_os_str(), args);
        Ok(self.run_text(&path.to_string_lossy(), &text))
    }

    /// `. FILE`: runs a file with its own positional parameters if there are any; `return` ends it.
    ///
    /// Errors: the file cannot be read.
    pub(crate) fn source_file(
        &mut self,
        path: &Path,
        args: Vec<OsString>,
    ) -> Result<Flow, Failure> {
        let text = read_script(path)?;
        let kept = (!args.is_empty()).then(|| {
            let args = args.into_iter().map(OsString::into_vec).collect();
            std::mem::replace(&mut self.vars.positional, args)
        });
        // As in dash: `set -e` holds within the file, whoever tests the file's status.
        let checked = std::mem::replace(&mut self.checked, false);
        let flow = self.run_nested(&path.to_string_lossy(), &text);
        self.checked = checked;
        if let Some(kept) = kept {
            self.vars.positional = kept;
        }
        Ok(match flow {
            Flow::Return(status) => Flow::Status(status),
            other => other,
        })
    }

    /// Runs text inside the running script (`eval`, a trap): a syntax error ends the script.
    pub(crate) fn run_nested(&mut self, name: &str, text: &[u8]) -> Flow {
        match self.parse(name, text, 1) {
            Ok(script) => self.run_in(&script),
            Err(error) => {
                self.show_syntax_error(&error, name, text, 1);
                self.abandon(2)
            }
        }
    }

    fn run_in(&mut self, script: &Script) -> Flow {
        if let Err(failure) = self.enter_call() {
            return self.fail(self.span, None, &failure);
        }
        let before = self.source.replace(Rc::clone(&script.source));
        let flow = self.run_list(&script.list);
        self.source = before;
        self.leave_call();
        if let Flow::Status(status) = flow {
            self.status = status;
        }
        flow
    }

    /// One level deeper in functions and sourced files.
    ///
    /// Errors: too deep.
    pub(super) fn enter_call(&mut self) -> Result<(), Failure> {
        if self.calls >= DEEPEST || self.stack_is_used_up() {
            return Err(too_deep());
        }
        self.calls += 1;
        Ok(())
    }

    pub(super) fn leave_call(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    pub(super) fn stack_is_used_up(&self) -> bool {
        self.stack.is_used_up()
    }

    /// Runs one command given as words: function, built-in or program. Errors of the command are
    /// printed by it, as anywhere else.
    pub fn run_words(&mut self, words: Vec<OsString>) -> Flow {
        let words = words.into_iter().map(OsString::into_vec).collect();
        self.run_fields(words, true, false)
    }

    /// Runs a command whose status the caller looks at: `set -e` and the counts leave it alone.
    pub(crate) fn try_words(&mut self, words: Vec<OsString>) -> Flow {
        let before = std::mem::replace(&mut self.checked, true);
        let flow = self.run_words(words);
        self.checked = before;
        flow
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(name).map(OsStr::from_bytes)
    }

    /// Sets a variable. Errors: not a name, read-only.
    pub fn set_variable(&mut self, name: &str, value: &OsStr) -> Result<(), Failure> {
        self.vars.set(name, value.as_bytes().to_vec())
    }

    /// Sets a variable on behalf of a script.
    pub(crate) fn assign(&mut self, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        self.vars.set(name, value)
    }

    /// The environment that programs are given: exported variables.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        self.vars.environment()
    }

    /// How many commands were run and how many failed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The names of all functions, sorted.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.names()
    }

    /// Ends the script with this status without anybody having called `exit`; a prompt goes on.
    pub(crate) fn abandon(&mut self, status: u8) -> Flow {
        self.abandoned = true;
        self.status = status;
        Flow::Exit(status)
    }

    /// Prints an error that ends the script.
    pub(super) fn fail(&mut self, span: Span, subject: Option<&str>, failure: &Failure) -> Flow {
        self.report(span, subject, failure);
        self.abandon(failure.status())
    }

    /// Prints a failure with its place: the one message that it gets.
    pub(super) fn report(&self, span: Span, subject: Option<&str>, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        let message = failure.to_string();
        if let Some(source) = &self.source {
            let text = error::render(source, span, subject, &message, failure.hint());
            return jobs::tell(&text);
        }
        let mut text = subject.map_or_else(String::new, |subject| format!("{subject}: "));
        text.push_str(&message);
        if let Some(hint) = failure.hint() {
            text.push_str("\n     = ");
            text.push_str(hint);
        }
        text.push('\n');
        jobs::tell(&text);
    }

    /// The script's text at a span.
    pub(super) fn text_at(&self, span: Span) -> String {
        let range = span.start as usize..span.end as usize;
        let text = self.source.as_ref().and_then(|s| s.text.get(range));
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    /// The working directory as it was entered: `$PWD` where it is right, else what the kernel says.
    pub fn directory(&self) -> PathBuf {
        let same = |path: &OsStr| {
            let (here, there) = (nix::sys::stat::stat("."), nix::sys::stat::stat(path));
            matches!((here, there), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
        };
        let known = self.variable("PWD");
        let known = known.filter(|path| path.as_bytes().starts_with(b"/") && same(path));
        known.map_or_else(
            || std::env::current_dir().unwrap_or_else(|_| "/".into()),
            PathBuf::from,
        )
    }
}

/// Errors: 127 where there is no such file, else 126.
fn read_script(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let failed: Result<(), _> = Err(error);
        match failed.doing(|| format!("read {}", path.display())) {
            Err(failure) => failure.with_status(if missing { 127 } else { 126 }),
            Ok(()) => Failure::new("read"),
        }
    })
}

#[cfg(test)]
mod tests;
