//! The prompt: reads commands and hands them to the shell until it is left. Invariant: before each
//! prompt the terminal is in the state it had at the start.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::editor::LineEditor;
use super::quiet::Quiet;
use super::sources::Live;
use super::tty::{Terminal, is_dumb};
use super::{Line, message, plain, size};
use crate::cmd::Flow;
use crate::script::source::Source;
use crate::script::{Shell, parser};
use crate::sys::{signal, tty};

/// How a prompt behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// After this time without a key the session ends; `None`: never.
    pub idle: Option<Duration>,
    /// The machine is ours: keep kernel messages off the prompt.
    pub own_machine: bool,
    /// A key was pressed just now, so there is a person who will not mind a question to the terminal.
    pub attended: bool,
}

/// Why the prompt was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `exit`, with its status.
    Exit(u8),
    /// The input's end (Ctrl-D, a pipe's other side, a terminal that hung up); the last status.
    Input(u8),
    /// Nobody typed anything for [`Settings::idle`].
    Idle,
}

/// Reads commands from standard input and runs them until the shell is left: with an editor on a
/// terminal, line by line otherwise.
pub fn interactive(shell: &mut Shell) -> Flow {
    match Session::new(Settings::default()).run(shell) {
        Ended::Exit(status) | Ended::Input(status) => Flow::Exit(status),
        Ended::Idle => Flow::Exit(0),
    }
}

/// One prompt, with its history.
pub struct Session {
    settings: Settings,
    terminal: Terminal,
    editor: Option<LineEditor>,
    /// Typed before the prompt could read it.
    typed: Vec<u8>,
    /// The terminal's size is known, or is not worth asking for.
    sized: bool,
    /// Lines read so far: errors count on.
    lines: u32,
}

impl Session {
    /// A prompt on standard input as it is now.
    pub fn new(settings: Settings) -> Self {
        let terminal = Terminal::standard();
        let dumb = is_dumb(std::env::var_os("TERM").as_deref());
        let able = terminal.is_present() && !dumb && tty::size(&std::io::stdout()).is_ok();
        // Without an editor there are still plain lines.
        let editor = if able { LineEditor::new().ok() } else { None };
        Self {
            settings,
            terminal,
            editor,
            typed: Vec::new(),
            sized: false,
            lines: 0,
        }
    }

    /// Reads and runs commands until the shell is left.
    pub fn run(&mut self, shell: &mut Shell) -> Ended {
        if let Err(failure) = shell.interactive() {
            message(&format!("no job control: {failure}"));
        }
        if self.settings.attended {
            self.ask_size();
        }
        loop {
            self.terminal.restore();
            shell.notify_jobs();
            signal::clear_interrupt();
            let first = self.lines.saturating_add(1);
            let text = match self.read_command(shell) {
                Ok(text) => text,
                Err(Line::Interrupted) => {
                    shell.set_status(130);
                    continue;
                }
                Err(Line::Idle) => return Ended::Idle,
                Err(Line::Text(_) | Line::Again) => continue,
                Err(Line::End) => return Ended::Input(shell.last_status()),
            };
            // Ctrl-C from here on is for this command, even if it has not begun yet.
            let flow = match shell.parse(self.name(), &text, first) {
                Ok(script) => shell.run_script(&script),
                Err(error) => shell.show_syntax_error(&error, self.name(), &text, first),
            };
            if let Flow::Exit(status) = flow {
                self.terminal.restore();
                return Ended::Exit(status);
            }
            self.ask_size();
        }
    }

    fn name(&self) -> &'static str {
        if self.terminal.is_present() {
            "console"
        } else {
            "stdin"
        }
    }

    /// One whole command: more lines as long as it is not complete.
    fn read_command(&mut self, shell: &Shell) -> Result<Vec<u8>, Line> {
        let _quiet = self.settings.own_machine.then(Quiet::new);
        if let Some(editor) = &mut self.editor {
            let path = shell.variable("PATH").unwrap_or_default();
            editor.set_names(Live {
                variables: variables(shell),
                functions: shell.function_names().map(str::to_owned).collect(),
                path: path.to_string_lossy().into_owned(),
            });
        }
        let mut text = Vec::new();
        loop {
            let more = !text.is_empty();
            match self.read_line(shell, more) {
                Line::Text(line) => text.extend(line),
                // An unfinished command at the end of the input: the parser says what is missing.
                Line::End if more => return Ok(text),
                Line::Again if more => continue,
                other => return Err(other),
            }
            text.push(b'\n');
            self.lines = self.lines.saturating_add(1);
            match parser::parse_typed(&Source::new(self.name(), text.clone())) {
                Err(error) if error.incomplete => {}
                _ => return Ok(text),
            }
        }
    }

    fn read_line(&mut self, shell: &Shell, more: bool) -> Line {
        if let Some(end) = self.typed.iter().position(|b| b"\r\n".contains(b)) {
            let mut line: Vec<u8> = self.typed.drain(..=end).collect();
            line.pop();
            return Line::Text(line);
        }
        let prompt = match (self.terminal.is_present(), more) {
            (false, _) => String::new(),
            (true, true) => "> ".to_owned(),
            (true, false) => prompt(shell),
        };
        let idle = self.settings.idle;
        let Some(editor) = &mut self.editor else {
            let line = plain::read_line(prompt.as_bytes(), idle);
            if self.terminal.is_present() && line != Line::Again && !matches!(line, Line::Text(_)) {
                super::say("");
            }
            return line;
        };
        let typed = String::from_utf8_lossy(&std::mem::take(&mut self.typed)).into_owned();
        editor.read_line(&prompt, &typed, idle)
    }

    /// A serial line does not know how large its terminal is. Asked once, and only a terminal at which
    /// somebody has typed: the question would be noise in a log.
    fn ask_size(&mut self) {
        if self.sized || self.editor.is_none() {
            return;
        }
        let output = std::io::stdout();
        if tty::size(&output).is_ok_and(|size| size.columns > 0) {
            self.sized = true;
            return;
        }
        let _quiet = self.settings.own_machine.then(Quiet::new);
        let answer = match self.terminal.raw(false) {
            Some(_raw) if size::is_quiet(&std::io::stdin()) => {
                size::ask(&std::io::stdin(), &output)
            }
            _ => return,
        };
        self.sized = true;
        if let Some(size) = answer.size {
            let _ = tty::resize(&output, size);
        }
        self.typed.extend(answer.typed);
    }
}

/// `initsh:/tmp [1]# `: where, the last status unless it was 0, and whether it is root.
fn prompt(shell: &Shell) -> String {
    let place = printable(shell.directory().as_os_str());
    let status = match shell.last_status() {
        0 => String::new(),
        status => format!(" [{status}]"),
    };
    let sign = if nix::unistd::geteuid().is_root() {
        '#'
    } else {
        '$'
    };
    format!("initsh:{place}{status}{sign} ")
}

fn variables(shell: &Shell) -> Vec<String> {
    let all = shell.environment().into_iter();
    all.filter_map(|(name, _)| name.into_string().ok())
        .collect()
}

/// Control characters and invalid UTF-8 would confuse the terminal and the editor's arithmetic.
fn printable(text: &OsStr) -> String {
    String::from_utf8_lossy(text.as_bytes())
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
