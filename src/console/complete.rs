//! Completion, pure: (line, cursor, sources) → candidates. What a word may be comes from the registry:
//! a command's options and the kind of its operands. Invariant: a candidate, inserted, reads back as
//! the word that it stands for.

use crate::cmd::{self, Command, Operand};
use crate::sort;

/// More than this is no help (and rustyline counts them in 16 bits).
const MOST: usize = 1000;

/// Where names come from; a test has its own.
pub trait Sources {
    /// Built-ins, functions and programs that begin so.
    fn commands(&self, prefix: &str) -> Vec<String>;
    /// Directory entries whose path begins so; directories end in `/`.
    fn paths(&self, prefix: &str, directories_only: bool) -> Vec<String>;
    /// Network interfaces.
    fn interfaces(&self) -> Vec<String>;
    /// Settings' dotted names.
    fn settings(&self) -> Vec<String>;
    /// Shell variables.
    fn variables(&self) -> Vec<String>;
    /// Services.
    fn services(&self) -> Vec<String>;
    /// Kernel modules: those that could be loaded, or those that are.
    fn modules(&self, loaded: bool) -> Vec<String>;
}

/// One way to complete the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As it is listed.
    pub shown: String,
    /// What replaces the text from [`Found::start`] to the cursor.
    pub inserted: String,
}

/// The candidates and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Byte offset in the line.
    pub start: usize,
    /// Sorted, without duplicates.
    pub candidates: Vec<Candidate>,
}

/// Completes the word that ends at byte `at` of `line`.
pub fn complete(line: &str, at: usize, sources: &dyn Sources) -> Found {
    let before = line.get(..at).unwrap_or(line);
    let words = split(before);
    let Some((last, earlier)) = words.split_last() else {
        return Found::default();
    };
    if let Some(found) = parameter(before, last, sources) {
        return found;
    }
    let names = names_for(last, earlier, sources);
    let candidates = names
        .into_iter()
        .map(|name| candidate(&name, last.quote))
        .collect();
    Found {
        start: last.start,
        candidates,
    }
}

fn candidate(name: &str, quote: Quote) -> Candidate {
    // Only the part after the last slash is worth the columns.
    let shown = match name.trim_end_matches('/').rfind('/') {
        Some(slash) if !name.starts_with('-') => name[slash + 1..].to_owned(),
        _ => name.to_owned(),
    };
    let mut inserted = quoted(name, quote);
    // Directories, `--option=` and dotted branches go on.
    if !name.ends_with(['/', '=', '.']) {
        inserted.push_str(quote.closing());
        inserted.push(' ');
    }
    Candidate { shown, inserted }
}

fn names_for(last: &Word, earlier: &[Word], sources: &dyn Sources) -> Vec<String> {
    let prefix = last.text.as_str();
    let mut names = match kind_of(last, earlier) {
        Expected::Command if prefix.contains('/') => sources.paths(prefix, false),
        Expected::Command => sources.commands(prefix),
        Expected::Path => sources.paths(prefix, false),
        Expected::Option(command) => options(command),
        Expected::Operand(command, number) => operands(command, number, prefix, sources),
    };
    names.retain(|name| name.starts_with(prefix));
    sort::sort(&mut names);
    names.dedup();
    names.truncate(MOST);
    names
}

fn options(command: &Command) -> Vec<String> {
    let long = command.options.iter().filter(|o| !o.long.is_empty());
    let short = command.options.iter().filter(|o| o.long.is_empty());
    long.map(|o| format!("--{}", o.long))
        .chain(short.filter_map(|o| Some(format!("-{}", o.short?))))
        .chain(["--help".to_owned()])
        .collect()
}

fn operands(command: &Command, number: usize, prefix: &str, sources: &dyn Sources) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
    let names = match command.operands {
        Operand::None => Vec::new(),
        Operand::Path => sources.paths(prefix, false),
        Operand::Directory => sources.paths(prefix, true),
        Operand::Interface => sources.interfaces(),
        Operand::Command => sources.commands(prefix),
        Operand::Setting => sources.settings(),
        Operand::Service => sources.services(),
        Operand::Module => sources.modules(command.name == "rmmod"),
        Operand::Words(first) if number == 0 => words(first),
        Operand::Words(_) => sources.paths(prefix, false),
        Operand::InterfaceAfter(first) if number == 0 => {
            let mut names = words(first);
            names.extend(sources.interfaces());
            names
        }
        Operand::InterfaceAfter(_) => sources.interfaces(),
    };
    // A path is always an argument that may be meant.
    if names.is_empty() || prefix.starts_with('/') {
        return sources.paths(prefix, false);
    }
    names
}

/// `$NAME` and `${NAME`: variables and settings.
fn parameter(before: &str, last: &Word, sources: &dyn Sources) -> Option<Found> {
    if last.quote == Quote::Single {
        return None;
    }
    let dollar = last.start + before[last.start..].rfind('$')?;
    let name = &before[dollar + 1..];
    let (braced, name) = match name.strip_prefix('{') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (braced && ".-@".contains(c));
    if !name.chars().all(part) {
        return None;
    }
    let mut names = sources.variables();
    names.extend(sources.settings());
    names.retain(|full| full.starts_with(name));
    sort::sort(&mut names);
    names.dedup();
    names.truncate(MOST);
    let candidates = names.into_iter().map(|full| Candidate {
        // A dotted name is only read as one inside braces.
        inserted: if braced || full.contains('.') {
            format!("${{{full}}}")
        } else {
            format!("${full}")
        },
        shown: full,
    });
    Some(Found {
        start: dollar,
        candidates: candidates.collect(),
    })
}

/// What the last word is.
enum Expected {
    Command,
    Path,
    Option(&'static Command),
    /// An operand of that command, and how many come before it.
    Operand(&'static Command, usize),
}

/// Words after which a command stands.
const OPENERS: &[&str] = &[
    "if", "then", "elif", "else", "while", "until", "do", "{", "!", "case", "in",
];

fn kind_of(last: &Word, earlier: &[Word]) -> Expected {
    if last.after_redirection {
        return Expected::Path;
    }
    // The words of the simple command that the cursor is in.
    let begin = earlier
        .iter()
        .rposition(|w| w.ends_command)
        .map_or(0, |at| at + 1);
    let mut words = earlier[begin..].iter().filter(|w| !w.after_redirection);
    let mut command: Option<&'static Command> = None;
    let mut operands = 0;
    let mut options_over = false;
    while let Some(word) = words.next() {
        let Some(running) = command else {
            if OPENERS.contains(&word.text.as_str()) || is_assignment(&word.text) {
                continue;
            }
            match cmd::find(word.text.as_ref()) {
                Some(found) => command = Some(found),
                None => return Expected::Path,
            }
            (operands, options_over) = (0, false);
            continue;
        };
        if word.text == "--" {
            options_over = true;
        } else if !options_over && word.text.len() > 1 && word.text.starts_with('-') {
            if takes_value(running, &word.text) && words.next().is_none() {
                return Expected::Path;
            }
        } else if running.operands == Operand::Command && running.name != "help" {
            // `retry dhcp4 …`: what follows belongs to the command that it runs.
            match cmd::find(word.text.as_ref()) {
                Some(found) => command = Some(found),
                // `timeout 5 dhcp4 …`
                None if word.text.starts_with(|c: char| c.is_ascii_digit()) => continue,
                None => return Expected::Path,
            }
            (operands, options_over) = (0, false);
        } else {
            operands += 1;
        }
    }
    match command {
        None => Expected::Command,
        Some(command) if last.text.starts_with('-') && !options_over => Expected::Option(command),
        Some(command) => Expected::Operand(command, operands),
    }
}

/// Whether the option's value is the next word.
fn takes_value(command: &Command, word: &str) -> bool {
    let option = match word.strip_prefix("--") {
        Some(long) => command.options.iter().find(|o| o.long == long),
        None => {
            let letter = word.chars().next_back();
            command.options.iter().find(|o| o.short == letter)
        }
    };
    option.is_some_and(|o| o.value.is_some())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// The quotes that the cursor is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Bare,
    Single,
    Double,
}

impl Quote {
    fn closing(self) -> &'static str {
        match self {
            Self::Bare => "",
            Self::Single => "'",
            Self::Double => "\"",
        }
    }
}

/// One word of the line before the cursor.
#[derive(Debug)]
struct Word {
    /// Byte offset of its first character (of what follows the quote that is still open).
    start: usize,
    /// Quotes removed.
    text: String,
    /// Which quote is open at its end.
    quote: Quote,
    /// It is where a redirection goes.
    after_redirection: bool,
    /// `;`, `|`, `&`, `(` or a newline comes after it (or instead of it).
    ends_command: bool,
}

impl Word {
    fn new(start: usize, after_redirection: bool) -> Self {
        Self {
            start,
            text: String::new(),
            quote: Quote::Bare,
            after_redirection,
            ends_command: false,
        }
    }
}

/// The words up to the cursor; the last one may be empty.
fn split(before: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word::new(0, false);
    let mut escaped = false;
    for (at, c) in before.char_indices() {
        let next = at + c.len_utf8();
        if escaped {
            escaped = false;
            word.text.push(c);
            continue;
        }
        match (word.quote, c) {
            (Quote::Bare | Quote::Double, '\\') => escaped = true,
            (Quote::Bare, '\'' | '"') => {
                word.quote = if c == '"' {
                    Quote::Double
                } else {
                    Quote::Single
                };
                if word.text.is_empty() {
                    word.start = next;
                }
            }
            (Quote::Single, '\'') | (Quote::Double, '"') => word.quote = Quote::Bare,
            (Quote::Bare, ' ' | '\t') => {
                let still = word.after_redirection && word.text.is_empty();
                finish(&mut words, &mut word, next, still, false);
            }
            (Quote::Bare, ';' | '|' | '&' | '(' | '\n') => {
                finish(&mut words, &mut word, next, false, true);
            }
            (Quote::Bare, '<' | '>') => {
                finish(&mut words, &mut word, next, true, false);
            }
            _ => word.text.push(c),
        }
    }
    words.push(word);
    words
}

/// Ends the word and begins the next.
fn finish(words: &mut Vec<Word>, word: &mut Word, next: usize, redirection: bool, ends: bool) {
    let mut done = std::mem::replace(word, Word::new(next, redirection));
    done.ends_command = ends;
    if ends || !done.text.is_empty() {
        words.push(done);
    }
}

/// `name` so that the shell reads it as one word.
fn quoted(name: &str, quote: Quote) -> String {
    let special = |c: char| match quote {
        Quote::Bare => c.is_whitespace() || "\\'\"$`;&|()<>*?[]#~!{}=".contains(c),
        Quote::Double => "\\\"$`".contains(c),
        Quote::Single => false,
    };
    let mut text = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        // `=` and `#` mean something only at certain places; `~` only at the start.
        let harmless = c == '=' || (at > 0 && matches!(c, '#' | '~' | '!'));
        match (quote, c) {
            (Quote::Single, '\'') => text.push_str("'\\''"),
            _ if special(c) && !harmless => text.extend(['\\', c]),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
#[path = "complete_tests.rs"]
mod tests;
