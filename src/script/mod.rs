//! The language: a subset of POSIX sh with settings, positions in every error, and the control words
//! that a boot needs. `docs/architecture.md` describes the stages lexer → parser → expand → interp.

pub mod arith;
pub mod ast;
mod cursor;
pub mod error;
mod grammar;
mod heredoc;
mod lexer;
pub mod parser;
pub mod pattern;
pub mod settings;
pub mod source;
mod tilde;
mod words;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::cmd::Flow;
use crate::failure::Failure;

/// A shell's state, and the only way to run text in it.
#[derive(Default)]
pub struct Shell {
    counts: Counts,
}

/// What a script's summary line tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Simple commands that were run.
    pub run: u64,
    /// Those that failed although nothing tested their status (`if`, `&&`, `||`, `!`, `while`).
    pub failed: u64,
}

impl Shell {
    /// Parses all of `text`, then runs it. Errors are printed with `name:line:col`; a syntax error
    /// gives status 2 and runs nothing.
    pub fn run_text(&mut self, _name: &str, _text: &[u8]) -> Flow {
        Flow::OK
    }

    /// Runs a script file with these positional parameters.
    ///
    /// Errors: the file cannot be read (status 127 where it does not exist, else 126).
    pub fn run_file(&mut self, _path: &Path, _args: Vec<OsString>) -> Result<Flow, Failure> {
        Ok(Flow::OK)
    }

    /// Runs one command given as words: function, built-in or program. Errors of the command are
    /// printed by it, as anywhere else.
    pub fn run_words(&mut self, _words: Vec<OsString>) -> Flow {
        Flow::OK
    }

    /// The value of a variable.
    pub fn variable(&self, _name: &str) -> Option<&OsStr> {
        None
    }

    /// Sets a variable. Errors: not a name, read-only.
    pub fn set_variable(&mut self, _name: &str, _value: &OsStr) -> Result<(), Failure> {
        Ok(())
    }

    /// The environment that programs are given: exported variables.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        Vec::new()
    }

    /// How many commands were run and how many failed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
