//! Simple commands: assignments, redirections, and the function, built-in or program that a name stands
//! for. Invariant: redirections and assignments for one command are undone, however it ends.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::ast::{Assignment, Command, Part, Span, Word};
use super::expand::{self, Error};
use super::functions::Function;
use super::grammar::is_declaring;
use super::options::Flag;
use super::program::DEFAULT_PATH;
use super::redirect::{self, Saved};
use super::shell::Shell;
use super::vars::{ScopeKind, is_name};
use crate::cmd::{self, Flow};
use crate::failure::Failure;
use crate::sys::signal;

/// What a command's name stands for.
enum Found {
    Function(Function),
    BuiltIn(&'static cmd::Command),
    Program,
}

/// A simple command after its expansion.
struct Expanded<'a> {
    command: &'a Command,
    assignments: &'a [Assignment],
    fields: Vec<Vec<u8>>,
    /// Where the name stands.
    span: Span,
    /// Nothing follows in this process.
    last: bool,
}

impl Shell {
    /// Runs a simple command; `last`: nothing follows in this process.
    pub(super) fn run_simple(
        &mut self,
        command: &Command,
        assignments: &[Assignment],
        words: &[Word],
        last: bool,
    ) -> Flow {
        let span = words.first().map_or(command.span, |word| word.span);
        self.span = span;
        self.substituted = None;
        self.counts.run += 1;
        let fields = match self.command_fields(words) {
            Ok(fields) => fields,
            Err(error) => return self.fatal(&error),
        };
        let expanded = Expanded {
            command,
            assignments,
            fields,
            span,
            last,
        };
        let mut saved = Saved::default();
        let flow = self.run_expanded(expanded, &mut saved);
        if !std::mem::take(&mut self.keep_redirects) {
            saved.restore();
        }
        flow
    }

    fn command_fields(&mut self, words: &[Word]) -> Result<Vec<Vec<u8>>, Box<Error>> {
        let declares = matches!(
            words.first().map(|word| word.parts.as_slice()),
            Some([Part::Literal(name)]) if is_declaring(name)
        );
        if !declares {
            return expand::words(self, words);
        }
        let mut fields = Vec::with_capacity(words.len());
        for word in words {
            if is_assignment(word) {
                fields.push(expand::text(self, word)?);
            } else {
                expand::fields_of(self, word, &mut fields)?;
            }
        }
        Ok(fields)
    }

    fn run_expanded(&mut self, expanded: Expanded<'_>, saved: &mut Saved) -> Flow {
        let redirects = &expanded.command.redirects;
        let Some(name) = expanded.fields.first() else {
            return self.run_nothing(&expanded, saved);
        };
        let special = is_special(name);
        let found = self.resolve(name, true);
        if let Err(error) = redirect::apply(self, redirects, saved) {
            return match special {
                true => self.fatal(&error),
                false => self.not_run(&error),
            };
        }
        let local = !special && !expanded.assignments.is_empty();
        if local {
            self.vars.enter(ScopeKind::Command);
        }
        let flow = match self.assign_all(expanded.assignments, local) {
            Ok(shown) => {
                self.trace(&shown, &expanded.fields, saved);
                self.run_found(found, expanded, saved)
            }
            Err(error) => self.fatal(&error),
        };
        if local {
            self.vars.leave();
        }
        flow
    }

    /// Assignments and redirections without a command.
    fn run_nothing(&mut self, expanded: &Expanded<'_>, saved: &mut Saved) -> Flow {
        if let Err(error) = redirect::apply(self, &expanded.command.redirects, saved) {
            return self.not_run(&error);
        }
        match self.assign_all(expanded.assignments, false) {
            Ok(shown) => {
                self.trace(&shown, &[], saved);
                Flow::Status(self.substituted.unwrap_or(0))
            }
            Err(error) => self.fatal(&error),
        }
    }

    /// Assigns; gives what `set -x` shows of it. `local`: exported, and only for the running command.
    fn assign_all(&mut self, all: &[Assignment], local: bool) -> Result<Vec<String>, Box<Error>> {
        let mut shown = Vec::new();
        for assignment in all {
            let value = expand::text(self, &assignment.value)?;
            let name = &assignment.name;
            if self.options.has(Flag::XTrace) {
                shown.push(format!("{name}={}", displayed(&value)));
            }
            let assign = || {
                if local {
                    self.vars.make_local(ScopeKind::Command, name)?;
                }
                self.vars.set(name, value)?;
                if local {
                    self.vars.export(name, true)?;
                }
                Ok(())
            };
            assign().map_err(|failure| Error::new(assignment.span, failure))?;
        }
        Ok(shown)
    }

    fn trace(&self, assignments: &[String], fields: &[Vec<u8>], saved: &Saved) {
        if !self.options.has(Flag::XTrace) {
            return;
        }
        let words = fields.iter().map(|field| displayed(field));
        let words: Vec<_> = assignments.iter().cloned().chain(words).collect();
        saved.tell(&format!("+ {}\n", words.join(" ")));
    }

    /// What a name stands for: special built-ins first, then functions, built-ins, programs.
    fn resolve(&self, name: &[u8], functions: bool) -> Found {
        let built_in = cmd::find(OsStr::from_bytes(name));
        if functions
            && !is_special(name)
            && let Some(function) = std::str::from_utf8(name)
                .ok()
                .and_then(|name| self.functions.get(name))
        {
            return Found::Function(function.clone());
        }
        built_in.map_or(Found::Program, Found::BuiltIn)
    }

    fn run_found(&mut self, found: Found, expanded: Expanded<'_>, saved: &Saved) -> Flow {
        let (span, last) = (expanded.span, expanded.last);
        match found {
            Found::Function(function) => self.call_function(&function, expanded.fields),
            Found::Program => self.run_program(expanded.fields, span, last),
            Found::BuiltIn(command) => {
                let special = expanded.fields.first().is_some_and(|name| is_special(name));
                self.last = last;
                match self.run_built_in(command, expanded.fields, span) {
                    Ok(flow) => flow,
                    Err((status, true)) if special => self.abandon(status),
                    // Nobody reads what the shell itself writes: as if SIGPIPE had ended it.
                    Err((141, false)) if !saved.holds(1) => self.abandon(141),
                    Err((status, _)) => Flow::Status(status),
                }
            }
        }
    }

    /// Runs a built-in and prints its failure; `Err`: its status, and whether there was a message.
    fn run_built_in(
        &mut self,
        command: &'static cmd::Command,
        fields: Vec<Vec<u8>>,
        span: Span,
    ) -> Result<Flow, (u8, bool)> {
        let mut words = fields.into_iter().map(OsString::from_vec);
        let name = words.next().unwrap_or_default();
        let result = cmd::dispatch(command, self, &name, words.collect());
        let failure = match result {
            Ok(flow) => return Ok(flow),
            Err(failure) => failure,
        };
        if failure.is_silent() && signal::interrupted() {
            // The next command is where it ends, or where `trap … INT` runs.
            return Ok(Flow::Status(failure.status()));
        }
        self.report(span, Some(&name.to_string_lossy()), &failure);
        Err((failure.status(), !failure.is_silent()))
    }

    fn call_function(&mut self, function: &Function, mut fields: Vec<Vec<u8>>) -> Flow {
        if let Err(failure) = self.enter_call() {
            let name = String::from_utf8_lossy(&fields[0]).into_owned();
            return self.fail(self.span, Some(&name), &failure);
        }
        fields.remove(0);
        let source = std::mem::replace(&mut self.source, function.source.clone());
        let positional = std::mem::replace(&mut self.vars.positional, fields);
        let loops = std::mem::take(&mut self.loops);
        let span = self.span;
        self.vars.enter(ScopeKind::Function);
        let flow = self.run_command(&function.body, false);
        self.vars.leave();
        self.span = span;
        self.loops = loops;
        self.vars.positional = positional;
        self.source = source;
        self.leave_call();
        match flow {
            Flow::Return(status) => Flow::Status(status),
            other => other,
        }
    }

    fn run_program(&mut self, fields: Vec<Vec<u8>>, span: Span, last: bool) -> Flow {
        let name = String::from_utf8_lossy(&fields[0]).into_owned();
        let file = match self.find_program(&fields[0]) {
            Ok(file) => file,
            Err(failure) => {
                self.report(span, Some(&name), &failure);
                return Flow::Status(failure.status());
            }
        };
        let run = &mut |shell: &mut Shell| match shell.exec(&file, &fields) {
            Ok(flow) => flow,
            Err(failure) => {
                shell.report(span, Some(&name), &failure);
                Flow::Status(failure.status())
            }
        };
        if last && self.traps.is_empty() {
            return run(self);
        }
        let text: Vec<_> = fields.iter().map(|field| displayed(field)).collect();
        self.run_child(text.join(" "), Some(&name), span, run)
    }

    /// Whether the running built-in is all that this process still does: it may change it for ever.
    pub(crate) fn is_last(&self) -> bool {
        self.last && self.traps.is_empty()
    }

    /// Runs a built-in in a child: one that changes its process for ever.
    pub(crate) fn run_apart(&mut self, words: Vec<OsString>) -> Flow {
        let fields: Vec<_> = words.into_iter().map(OsString::into_vec).collect();
        let text: Vec<_> = fields.iter().map(|field| displayed(field)).collect();
        let run = &mut |shell: &mut Shell| shell.run_fields(fields.clone(), false, true);
        self.run_child(text.join(" "), None, self.span, run)
    }

    /// Runs a command given as fields; `functions`: they are looked at, too.
    pub(crate) fn run_fields(&mut self, fields: Vec<Vec<u8>>, functions: bool, last: bool) -> Flow {
        let Some(name) = fields.first() else {
            return Flow::OK;
        };
        let span = self.span;
        match self.resolve(name, functions) {
            Found::Function(function) => self.call_function(&function, fields),
            Found::Program => self.run_program(fields, span, last),
            Found::BuiltIn(command) => {
                self.last = last;
                self.run_built_in(command, fields, span)
                    .unwrap_or_else(|(status, _)| Flow::Status(status))
            }
        }
    }

    /// `command`: functions are not looked at; `standard`: programs are found in the default `PATH`.
    ///
    /// Errors: `PATH` is read-only.
    pub(crate) fn run_past_functions(
        &mut self,
        words: Vec<OsString>,
        standard: bool,
    ) -> Result<Flow, Failure> {
        let fields = words.into_iter().map(OsString::into_vec).collect();
        if !standard {
            return Ok(self.run_fields(fields, false, false));
        }
        self.vars.enter(ScopeKind::Command);
        let local = self.vars.make_local(ScopeKind::Command, "PATH");
        let set = local.and_then(|()| self.vars.set("PATH", DEFAULT_PATH.to_vec()));
        let flow = set.map(|()| self.run_fields(fields, false, false));
        self.vars.leave();
        flow
    }
}

/// Built-ins whose errors end a script and whose assignments stay (POSIX XCU 2.14, and `local` as in
/// dash). `run` is not one of them: a boot script survives a missing file.
pub(super) fn is_special(name: &[u8]) -> bool {
    let control = matches!(name, b"break" | b"continue" | b"exit" | b"return" | b"trap");
    let runs = matches!(name, b"." | b":" | b"eval" | b"exec");
    control || runs || is_declaring(name) || matches!(name, b"set" | b"shift" | b"unset")
}

/// `name=…` as an operand of `export`.
fn is_assignment(word: &Word) -> bool {
    let Some(Part::Literal(text)) = word.parts.first() else {
        return false;
    };
    let Some(at) = text.iter().position(|&b| b == b'=') else {
        return false;
    };
    std::str::from_utf8(&text[..at]).is_ok_and(is_name)
}

/// A word for `set -x` and `jobs`: quoted where it needs it.
fn displayed(field: &[u8]) -> String {
    shell_words::quote(&String::from_utf8_lossy(field)).into_owned()
}
