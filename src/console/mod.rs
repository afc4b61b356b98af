//! The person's side: the console ([`tty`]), the countdowns ([`countdown`], [`wait`]) and the prompt
//! ([`session`]), with an editor where the terminal can have one ([`editor`], [`complete`], [`size`])
//! and plain lines where it cannot ([`plain`]).
//!
//! Invariant: whatever is typed, however a command leaves the terminal, the next prompt is usable.

pub mod complete;
pub mod countdown;
pub mod editor;
pub mod plain;
pub mod quiet;
pub mod session;
pub mod size;
pub mod sources;
pub mod tty;
pub mod wait;

pub use session::{Ended, Session, Settings, interactive};

use crate::cmd::call::write_all;

/// What reading a line came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line without its newline.
    Text(Vec<u8>),
    /// Ctrl-C: what was typed so far is dropped.
    Interrupted,
    /// Nothing came of it; ask again.
    Again,
    /// Nobody typed for the time that the prompt waits.
    Idle,
    /// Ctrl-D on an empty line, the end of the file, a terminal that is gone.
    End,
}

/// A remark of the console's own, on standard error.
pub fn message(text: &str) {
    // Nobody to tell where standard error is gone.
    let _ = write_all(&std::io::stderr(), format!("initsh: {text}\n").as_bytes());
}

/// A line of the console's own on standard output, for the person who watches the boot.
pub fn say(text: &str) {
    let _ = write_all(&std::io::stdout(), format!("{text}\n").as_bytes());
}
