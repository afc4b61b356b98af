//! Parameters: `$x` and `${x…}` with their operations (POSIX XCU 2.6.2). Invariant: the word of an
//! operation is expanded only where it is used, so that its effects are those of dash.

use super::ast::{Name, Operation, Parameter, Word};
use super::expand::{self, Error, Style, emit, joined, pattern, text, unquoted};
use super::fields::Fields;
use super::options::Flag;
use super::settings;
use super::shell::Shell;

/// What a parameter stands for before its operation.
enum Value {
    Unset,
    Text(Vec<u8>),
    /// The positional parameters: `$@`, or `$*`.
    List {
        at: bool,
    },
}

/// Appends what a parameter and its operation stand for.
///
/// Errors: unset with `set -u` or `${x?}`, not assignable, what its word has.
pub(super) fn expand(
    shell: &mut Shell,
    to: &mut Fields,
    parameter: &Parameter,
    style: Style,
) -> Result<(), Box<Error>> {
    let value = value_of(shell, &parameter.name);
    // As in dash: `$@` and `$*` are set, if to nothing.
    let set = !matches!(value, Value::Unset);
    let empty = match &value {
        Value::Unset => true,
        Value::Text(text) => text.is_empty(),
        Value::List { .. } => shell.vars.positional.iter().all(Vec::is_empty),
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
            let length = match &value {
                Value::List { .. } => shell.vars.positional.len(),
                Value::Text(text) => text.len(),
                Value::Unset => {
                    refuse_unset(shell, parameter)?;
                    0
                }
            };
            emit(shell, to, length.to_string().as_bytes(), style);
            Ok(())
        }
        Operation::TrimStart { longest, pattern } => {
            let cut = (pattern, true, *longest);
            trim(shell, to, parameter, value, cut, style)
        }
        Operation::TrimEnd { longest, pattern } => {
            let cut = (pattern, false, *longest);
            trim(shell, to, parameter, value, cut, style)
        }
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
) -> Result<(), Box<Error>> {
    if word.parts.is_empty() {
        emit(shell, to, b"", style);
    }
    expand::expand(shell, to, &word.parts, style)
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

fn refuse_unset(shell: &Shell, parameter: &Parameter) -> Result<(), Box<Error>> {
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
) -> Result<Box<Error>, Box<Error>> {
    let name = spelled(&parameter.name);
    let given = text(shell, word)?;
    let message = match (given.is_empty(), colon) {
        (false, _) => String::from_utf8_lossy(&given).into_owned(),
        (true, true) => "parameter not set or empty".to_owned(),
        (true, false) => "parameter not set".to_owned(),
    };
    Ok(Error::of(parameter.span, &name, &message))
}

fn assign(shell: &mut Shell, parameter: &Parameter, value: Vec<u8>) -> Result<(), Box<Error>> {
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
) -> Result<(), Box<Error>> {
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
