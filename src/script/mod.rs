//! The language: a subset of POSIX sh with settings, positions in every error, and the control words
//! that a boot needs. `docs/architecture.md` describes the stages lexer → parser → expand → interp.

pub mod arith;
pub mod ast;
pub mod condition;
mod cursor;
pub mod error;
pub mod expand;
pub mod fields;
pub mod format;
mod functions;
mod glob;
mod grammar;
mod heredoc;
mod interp;
pub mod jobs;
mod lexer;
pub mod options;
mod parameter;
pub mod parser;
pub mod pattern;
mod pipeline;
pub mod program;
mod redirect;
pub mod settings;
pub mod shell;
mod simple;
pub mod source;
mod stack;
mod tilde;
pub mod traps;
pub mod vars;
mod words;

pub use shell::{Counts, Script, Shell};
