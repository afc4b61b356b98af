//! The line editor, around rustyline. Invariant: nothing that is typed ends the shell but Ctrl-D on an
//! empty line; there is at most one editor in the process (two that read at once panic).

use std::io::ErrorKind;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::config::{BellStyle, ColorMode, Configurer};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::complete::{self, Sources};
use super::sources::Live;
use super::{Line, message, tty};
use crate::failure::{Doing, Failure};
use crate::sys::{alarm, signal};

/// Lines that are remembered.
const HISTORY: usize = 500;

/// Milliseconds after ESC in which the rest of an arrow key must come. Without a limit a stray ESC
/// would eat the next key.
const ESCAPE_MILLIS: u16 = 150;

/// The editor and its history.
pub struct LineEditor {
    inner: Editor<Assistant, MemHistory>,
}

impl LineEditor {
    /// An editor on standard input and output, which must be terminals.
    pub fn new() -> Result<Self, Failure> {
        let mut settings = Config::builder()
            .max_history_size(HISTORY)
            .map_err(|error| Failure::new(format!("line editor: {error}")))?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .keyseq_timeout(Some(ESCAPE_MILLIS))
            .color_mode(ColorMode::Disabled)
            .bell_style(BellStyle::None)
            .bracketed_paste(false)
            .check_cursor_position(false);
        settings.enable_synchronized_output(false);
        let settings = settings.build();
        let history = MemHistory::with_config(&settings);
        let mut inner = Editor::with_history(settings, history)
            .map_err(|error| Failure::new(format!("line editor: {error}")))?;
        inner.set_helper(Some(Assistant::default()));
        Ok(Self { inner })
    }

    /// The shell's names of variables and functions and its `PATH`, for completion.
    pub fn set_names(&mut self, live: Live) {
        if let Some(assistant) = self.inner.helper_mut() {
            assistant.live = live;
        }
    }

    /// Reads a line that begins with what was typed before the prompt was there. `idle`: how long the
    /// prompt waits after the last change.
    pub fn read_line(&mut self, prompt: &str, typed: &str, idle: Option<Duration>) -> Line {
        if let Some(assistant) = self.inner.helper_mut() {
            assistant.idle = idle;
        }
        if let Some(idle) = idle {
            alarm::arm(idle);
        }
        let read = self.inner.readline_with_initial(prompt, (typed, ""));
        let rang = idle.is_some() && alarm::disarm();
        match read {
            Ok(line) => {
                if rang {
                    // The line was quicker, and the command is not to be interrupted.
                    signal::clear_interrupt();
                }
                self.remember(&line);
                Line::Text(line.into_bytes())
            }
            Err(ReadlineError::Interrupted) if rang => Line::Idle,
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(ReadlineError::Eof) => Line::End,
            Err(ReadlineError::Signal(_)) => Line::Again,
            Err(ReadlineError::Io(error)) => match error.kind() {
                ErrorKind::InvalidData => {
                    message(
                        "not valid UTF-8; the line was dropped (use printf '\\xx' for such bytes)",
                    );
                    Line::Again
                }
                ErrorKind::WouldBlock => unblock(),
                ErrorKind::Interrupted => Line::Again,
                _ => Line::End,
            },
            Err(ReadlineError::Errno(nix::errno::Errno::EAGAIN)) => unblock(),
            Err(_) => Line::End,
        }
    }

    fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() {
            // Fails only for files.
            let _ = self.inner.add_history_entry(line);
        }
    }
}

/// A background program has made the terminal non-blocking while the prompt was waiting.
fn unblock() -> Line {
    let cleared = tty::make_blocking(&std::io::stdin())
        .and_then(|()| tty::make_blocking(&std::io::stdout()))
        .doing(|| "make the terminal block again");
    match cleared {
        Ok(()) => Line::Again,
        Err(_) => Line::End,
    }
}

/// What rustyline asks while a line is typed.
#[derive(Default)]
struct Assistant {
    live: Live,
    idle: Option<Duration>,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let sources: &dyn Sources = &self.live;
        let found = complete::complete(line, at, sources);
        let pairs = found.candidates.into_iter().map(|candidate| Pair {
            display: candidate.shown,
            replacement: candidate.inserted,
        });
        Ok((found.start, pairs.collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    /// Offers nothing; it is called after each change, which is when the idle prompt's time starts
    /// again.
    fn hint(&self, _line: &str, _at: usize, _context: &Context<'_>) -> Option<String> {
        if let Some(idle) = self.idle {
            alarm::arm(idle);
        }
        None
    }
}

impl Highlighter for Assistant {}
impl Validator for Assistant {}
impl Helper for Assistant {}
