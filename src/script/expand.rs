//! Words → fields (POSIX XCU 2.6): tilde, parameters, `$(…)`, `$((…))`, splitting by `IFS`, globs, quote
//! removal. Invariant: what an expansion yields is never parsed again, only split and matched.

use super::arith;
use super::ast::{Part, Span, Word};
use super::fields::{Field, Fields};
use super::glob;
use super::options::Flag;
use super::parameter;
use super::pattern::Pattern;
use super::shell::Shell;
use crate::failure::Failure;

/// Why a word has no value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is to be marked.
    pub span: Span,
    /// What stands before the message: a variable's name.
    pub subject: Option<String>,
    /// What went wrong.
    pub failure: Failure,
}

impl Error {
    /// An error at a place that speaks for itself.
    pub fn new(span: Span, failure: Failure) -> Box<Self> {
        Box::new(Self {
            span,
            subject: None,
            failure,
        })
    }

    /// An error about a variable or another parameter.
    pub(super) fn of(span: Span, subject: &str, message: &str) -> Box<Self> {
        Box::new(Self {
            span,
            subject: Some(subject.to_owned()),
            failure: Failure::usage(message),
        })
    }
}

/// The fields of a command's words: split, matched against files, quotes removed.
pub fn words(shell: &mut Shell, words: &[Word]) -> Result<Vec<Vec<u8>>, Box<Error>> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        fields_of(shell, word, &mut all)?;
    }
    Ok(all)
}

/// Appends the fields of one word.
pub fn fields_of(shell: &mut Shell, word: &Word, to: &mut Vec<Vec<u8>>) -> Result<(), Box<Error>> {
    // Most words are plain text.
    if let [Part::Literal(text)] = word.parts.as_slice()
        && !glob::is_pattern(text.iter().copied())
    {
        to.push(text.clone());
        return Ok(());
    }
    let mut fields = Fields::splitting();
    expand(shell, &mut fields, &word.parts, Style::Plain)?;
    for field in fields.finish() {
        let bare = field.iter().filter(|(_, quoted)| !quoted);
        if shell.options.has(Flag::NoGlob) || !glob::is_pattern(bare.map(|&(byte, _)| byte)) {
            to.push(unquoted(&field));
            continue;
        }
        let matches = glob::expand(&field).map_err(|failure| Error::new(word.span, failure))?;
        if matches.is_empty() {
            to.push(unquoted(&field));
        } else {
            to.extend(matches);
        }
    }
    Ok(())
}

/// The value of a word that is not split: an assignment's, a redirection's, a here-document's.
pub fn text(shell: &mut Shell, word: &Word) -> Result<Vec<u8>, Box<Error>> {
    match plain(word) {
        Some(text) => Ok(text.to_vec()),
        None => joined(shell, word, Style::Plain).map(|field| unquoted(&field)),
    }
}

/// The text of a word in which nothing is expanded.
fn plain(word: &Word) -> Option<&[u8]> {
    match word.parts.as_slice() {
        [Part::Literal(text) | Part::Quoted(text)] => Some(text),
        _ => None,
    }
}

/// The word as a pattern: what is quoted in it stands for itself.
pub fn pattern(shell: &mut Shell, word: &Word) -> Result<Pattern, Box<Error>> {
    joined(shell, word, Style::Plain).map(|field| Pattern::new(&field))
}

/// The parts in one field, with which bytes were quoted.
pub(super) fn joined(shell: &mut Shell, word: &Word, style: Style) -> Result<Field, Box<Error>> {
    let mut fields = Fields::joining();
    expand(shell, &mut fields, &word.parts, style)?;
    Ok(fields.joined())
}

/// The bytes of a field.
pub(super) fn unquoted(field: &[(u8, bool)]) -> Vec<u8> {
    field.iter().map(|&(byte, _)| byte).collect()
}

/// How a part's text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// In a word itself: literal text is neither quoted nor split.
    Plain,
    /// In the word of `${x:-word}`: literal text is split like the rest of the expansion.
    Nested,
    /// In double quotes.
    Quoted,
}

/// Appends what the parts stand for.
pub(super) fn expand(
    shell: &mut Shell,
    to: &mut Fields,
    parts: &[Part],
    style: Style,
) -> Result<(), Box<Error>> {
    for part in parts {
        match part {
            Part::Literal(text) => match style {
                Style::Plain => to.literal(text),
                Style::Nested | Style::Quoted => emit(shell, to, text, style),
            },
            Part::Quoted(text) => to.quoted(text),
            Part::Double(parts) if parts.is_empty() => to.quoted(b""),
            Part::Double(parts) => expand(shell, to, parts, Style::Quoted)?,
            Part::Tilde(user) => to.quoted(&home(shell, user)),
            Part::Parameter(parameter) => parameter::expand(shell, to, parameter, style)?,
            Part::Substitution(list, span) => {
                let text = shell
                    .capture(list)
                    .map_err(|failure| Error::new(*span, failure))?;
                emit(shell, to, &text, style);
            }
            Part::Arithmetic(word) => {
                let value = arithmetic(shell, word)?.to_string();
                emit(shell, to, value.as_bytes(), style);
            }
        }
    }
    Ok(())
}

/// Appends what an expansion yields.
pub(super) fn emit(shell: &Shell, to: &mut Fields, text: &[u8], style: Style) {
    match style {
        Style::Quoted => to.quoted(text),
        _ if to.splits() => to.expanded(text, shell.vars.ifs()),
        Style::Plain | Style::Nested => to.literal(text),
    }
}

/// The shell's variables as arithmetic sees them. Unset ones count as 0 even with `set -u`, as in dash.
struct Numbers<'a>(&'a mut Shell);

impl arith::Variables for Numbers<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.vars.get(name)
    }

    fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
        let assigned = self.0.assign(name, value.to_string().into_bytes());
        assigned.map_err(|failure| failure.to_string())
    }
}

fn arithmetic(shell: &mut Shell, word: &Word) -> Result<i64, Box<Error>> {
    let expanded;
    let text = match plain(word) {
        Some(text) => text,
        None => {
            expanded = unquoted(&joined(shell, word, Style::Quoted)?);
            &expanded
        }
    };
    arith::evaluate(text, &mut Numbers(shell))
        .map_err(|error| Error::new(word.span, Failure::usage(error.message)))
}

/// What `~` or `~user` stands for; an unknown user's stays as it is.
fn home(shell: &Shell, user: &[u8]) -> Vec<u8> {
    let found = if user.is_empty() {
        shell.vars.get("HOME").map(<[u8]>::to_vec)
    } else {
        home_of(user)
    };
    found.unwrap_or_else(|| [b"~", user].concat())
}

/// A user's home directory, from passwd(5).
fn home_of(user: &[u8]) -> Option<Vec<u8>> {
    let users = std::fs::read("/etc/passwd").ok()?;
    let home = users.split(|&b| b == b'\n').find_map(|line| {
        let mut fields = line.split(|&b| b == b':');
        (fields.next() == Some(user)).then(|| fields.nth(4))?
    })?;
    Some(home.to_vec())
}

#[cfg(test)]
mod tests;
