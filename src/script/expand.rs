//! Words → fields (POSIX XCU 2.6): tilde, parameters, `$(…)`, `$((…))`, splitting by `IFS`, globs, quote
//! removal. Invariant: what an expansion yields is never parsed again, only split and matched.

use super::arith;
use super::ast::{Name, Operation, Parameter, Part, Span, Word};
use super::fields::{Field, Fields};
use super::glob;
use super::options::Flag;
use super::pattern::Pattern;
use super::settings;
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
    pub fn new(span: Span, failure: Failure) -> Self {
        Self {
            span,
            subject: None,
            failure,
        }
    }

    fn of(span: Span, subject: &str, message: &str) -> Self {
        Self {
            span,
            subject: Some(subject.to_owned()),
            failure: Failure::usage(message),
        }
    }
}

/// The fields of a command's words: split, matched against files, quotes removed.
pub fn words(shell: &mut Shell, words: &[Word]) -> Result<Vec<Vec<u8>>, Error> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        fields_of(shell, word, &mut all)?;
    }
    Ok(all)
}

/// Appends the fields of one word.
pub fn fields_of(shell: &mut Shell, word: &Word, to: &mut Vec<Vec<u8>>) -> Result<(), Error> {
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
pub fn text(shell: &mut Shell, word: &Word) -> Result<Vec<u8>, Error> {
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
pub fn pattern(shell: &mut Shell, word: &Word) -> Result<Pattern, Error> {
    joined(shell, word, Style::Plain).map(|field| Pattern::new(&field))
}

fn joined(shell: &mut Shell, word: &Word, style: Style) -> Result<Field, Error> {
    let mut fields = Fields::joining();
    expand(shell, &mut fields, &word.parts, style)?;
    Ok(fields.joined())
}

fn unquoted(field: &[(u8, bool)]) -> Vec<u8> {
    field.iter().map(|&(byte, _)| byte).collect()
}

/// How a part's text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// In a word itself: literal text is neither quoted nor split.
    Plain,
    /// In the word of `${x:-word}`: literal text is split like the rest of the expansion.
    Nested,
    /// In double quotes.
    Quoted,
}

fn expand(shell: &mut Shell, to: &mut Fields, parts: &[Part], style: Style) -> Result<(), Error> {
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
            Part::Parameter(parameter) => expand_parameter(shell, to, parameter, style)?,
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

fn emit(shell: &Shell, to: &mut Fields, text: &[u8], style: Style) {
    match style {
        Style::Quoted => to.quoted(text),
        _ if to.splits() => to.expanded(text, shell.vars.ifs()),
        Style::Plain | Style::Nested => to.literal(text),
    }
}

/// What a parameter stands for before its operation.
enum Value {
    Unset,
    Text(Vec<u8>),
    /// The positional parameters: `$@`, or `$*`.
    List {
        at: bool,
    },
}

fn expand_parameter(
    shell: &mut Shell,
    to: &mut Fields,
    parameter: &Parameter,
    style: Style,
) -> Result<(), Error> {
    let value = value_of(shell, &parameter.name);
    let empty = match &value {
        Value::Unset => true,
        Value::Text(text) => text.is_empty(),
        Value::List { .. } => shell.vars.positional.iter().all(Vec::is_empty),
    };
    let set = match &value {
        Value::Unset => false,
        Value::Text(_) => true,
        // As in dash: they are set, if to nothing.
        Value::List { .. } => true,
    };
    let present = |colon: bool| set && !(colon && empty);
    let inner = if style == Style::Quoted {
        Style::Quoted
    } else {
        Style::Nested
    };
    match &parameter.operation {
        Operation::Default { colon, word } if !present(*colon) => {
            expand_default(shell, to, word, inner)
        }
        Operation::Alternative { colon, word } if present(*colon) => {
            expand_default(shell, to, word, inner)
        }
        Operation::Alternative { .. } => {
            emit(shell, to, b"", style);
            Ok(())
        }
        Operation::Assign { colon, word } if !present(*colon) => {
            let field = joined(shell, word, inner)?;
            let text = unquoted(&field);
            assign(shell, parameter, text.clone())?;
            emit(shell, to, &text, style);
            Ok(())
        }
        Operation::Require { colon, word } if !present(*colon) => {
            Err(required(shell, parameter, *colon, word)?)
        }
        Operation::Length => {
            let length = match (&value, set) {
                (Value::List { .. }, _) => shell.vars.positional.len(),
                (Value::Text(text), _) => text.len(),
                (Value::Unset, _) => {
                    refuse_unset(shell, parameter)?;
                    0
                }
            };
            emit(shell, to, length.to_string().as_bytes(), style);
            Ok(())
        }
        Operation::TrimStart { longest, pattern } => trim(
            shell,
            to,
            parameter,
            value,
            (pattern, true, *longest),
            style,
        ),
        Operation::TrimEnd { longest, pattern } => trim(
            shell,
            to,
            parameter,
            value,
            (pattern, false, *longest),
            style,
        ),
        Operation::Value
        | Operation::Default { .. }
        | Operation::Assign { .. }
        | Operation::Require { .. } => {
            if matches!(value, Value::Unset) {
                refuse_unset(shell, parameter)?;
            }
            emit_value(shell, to, &value, style);
            Ok(())
        }
    }
}

/// The word of `${x:-word}`; in quotes it counts as there even where it is empty.
fn expand_default(
    shell: &mut Shell,
    to: &mut Fields,
    word: &Word,
    style: Style,
) -> Result<(), Error> {
    if word.parts.is_empty() {
        emit(shell, to, b"", style);
    }
    expand(shell, to, &word.parts, style)
}

fn emit_value(shell: &Shell, to: &mut Fields, value: &Value, style: Style) {
    match value {
        Value::Unset => emit(shell, to, b"", style),
        Value::Text(text) => emit(shell, to, text, style),
        Value::List { at } => {
            let star = style == Style::Quoted && !at;
            // As in dash, where nothing is split `$@` is joined as "$*" is.
            let joined = star || !to.splits();
            for (index, parameter) in shell.vars.positional.iter().enumerate() {
                match index {
                    0 => {}
                    _ if joined => to.quoted(shell.vars.ifs().get(..1).unwrap_or_default()),
                    _ => to.boundary(),
                }
                emit(shell, to, parameter, style);
            }
            if star && shell.vars.positional.is_empty() {
                to.quoted(b"");
            }
        }
    }
}

fn value_of(shell: &Shell, name: &Name) -> Value {
    let text = match name {
        Name::Variable(name) => shell.vars.get(name).map(<[u8]>::to_vec),
        Name::Position(index) => shell.vars.position(*index).map(<[u8]>::to_vec),
        Name::Setting(name) => settings::get(name),
        Name::Special(b'@') => return Value::List { at: true },
        Name::Special(b'*') => return Value::List { at: false },
        Name::Special(b'#') => Some(shell.vars.positional.len().to_string().into_bytes()),
        Name::Special(b'?') => Some(shell.last_status().to_string().into_bytes()),
        Name::Special(b'$') => Some(shell.pid.to_string().into_bytes()),
        Name::Special(b'!') => shell
            .jobs
            .last_background()
            .map(|pid| pid.to_string().into_bytes()),
        Name::Special(_) => Some(shell.options.letters().into_bytes()),
    };
    text.map_or(Value::Unset, Value::Text)
}

/// The name as the script spells it.
fn spelled(name: &Name) -> String {
    match name {
        Name::Variable(name) | Name::Setting(name) => name.clone(),
        Name::Position(index) => index.to_string(),
        Name::Special(byte) => char::from(*byte).to_string(),
    }
}

fn refuse_unset(shell: &Shell, parameter: &Parameter) -> Result<(), Error> {
    if !shell.options.has(Flag::NoUnset) {
        return Ok(());
    }
    let name = spelled(&parameter.name);
    Err(Error::of(parameter.span, &name, "parameter not set"))
}

fn required(
    shell: &mut Shell,
    parameter: &Parameter,
    colon: bool,
    word: &Word,
) -> Result<Error, Error> {
    let name = spelled(&parameter.name);
    let given = text(shell, word)?;
    let message = match (given.is_empty(), colon) {
        (false, _) => String::from_utf8_lossy(&given).into_owned(),
        (true, true) => "parameter not set or empty".to_owned(),
        (true, false) => "parameter not set".to_owned(),
    };
    Ok(Error::of(parameter.span, &name, &message))
}

fn assign(shell: &mut Shell, parameter: &Parameter, value: Vec<u8>) -> Result<(), Error> {
    let Name::Variable(name) = &parameter.name else {
        let name = spelled(&parameter.name);
        return Err(Error::of(parameter.span, &name, "cannot be assigned"));
    };
    shell
        .assign(name, value)
        .map_err(|failure| Error::new(parameter.span, failure))
}

fn trim(
    shell: &mut Shell,
    to: &mut Fields,
    parameter: &Parameter,
    value: Value,
    (word, start, longest): (&Word, bool, bool),
    style: Style,
) -> Result<(), Error> {
    let text = match value {
        // As in dash: the pattern is not looked at.
        Value::Unset => {
            refuse_unset(shell, parameter)?;
            emit(shell, to, b"", style);
            return Ok(());
        }
        Value::Text(text) => text,
        Value::List { .. } => shell.vars.positional.join(&b' '),
    };
    let pattern = pattern(shell, word)?;
    let kept = if start {
        let cut = pattern.prefix(&text, longest).unwrap_or(0);
        text.get(cut..)
    } else {
        let cut = pattern.suffix(&text, longest).unwrap_or(text.len());
        text.get(..cut)
    };
    emit(shell, to, kept.unwrap_or_default(), style);
    Ok(())
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

fn arithmetic(shell: &mut Shell, word: &Word) -> Result<i64, Error> {
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
