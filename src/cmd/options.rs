//! Options of built-ins: one table per command drives parsing, `help` and completion.
//! Spelling as in getopt_long(3): `-n 5`, `-n5`, `-abc`, `--name=5`, `--name 5`, `--` ends them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::str::FromStr;
use std::time::Duration;

use super::Command;
use super::search::distance;
use crate::failure::Failure;
use crate::time::parse_duration;

/// How a command's arguments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parse {
    /// Options and operands in any order (GNU).
    Permute,
    /// Options end at the first operand (POSIX): for commands that run other commands.
    Posix,
    /// The command reads its arguments itself; `--help` alone still prints its manual.
    Raw,
    /// Not even `--help` is special (`echo`, `test`, `true`).
    Verbatim,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// `-n`
    pub short: Option<char>,
    /// `--name`; empty where there is only a short form.
    pub long: &'static str,
    /// The word for its value in `help`; `None` for a flag.
    pub value: Option<&'static str>,
    /// One line: what it does, with unit and default.
    pub help: &'static str,
}

impl Opt {
    /// `--long`
    pub const fn flag(long: &'static str, help: &'static str) -> Self {
        Self {
            short: None,
            long,
            value: None,
            help,
        }
    }

    /// `--long VALUE`
    pub const fn value(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Self {
            short: None,
            long,
            value: Some(value),
            help,
        }
    }

    /// The same option with a short form.
    pub const fn short(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }

    /// An option that has only a short form, without a value.
    pub const fn letter(short: char, help: &'static str) -> Self {
        Self {
            short: Some(short),
            long: "",
            value: None,
            help,
        }
    }

    /// An option that has only a short form, with a value.
    pub const fn letter_value(short: char, value: &'static str, help: &'static str) -> Self {
        Self {
            short: Some(short),
            long: "",
            value: Some(value),
            help,
        }
    }

    /// The key under which [`Given`] finds it: the long name, else the letter.
    fn is(&self, key: &str) -> bool {
        if self.long.is_empty() {
            self.short.is_some_and(|c| key.chars().eq([c]))
        } else {
            self.long == key
        }
    }
}

/// The options that were given, in order. Asked by long name, or by letter where there is no long name.
#[derive(Debug, Default)]
pub struct Given {
    options: Vec<(&'static Opt, OsString)>,
}

impl Given {
    /// Splits `args` into options and operands as `command` declares.
    ///
    /// Errors: an unknown option, a missing value, a value for a flag; each names the option.
    pub fn parse(command: &Command, args: Vec<OsString>) -> Result<(Self, Vec<OsString>), Failure> {
        let mut given = Self::default();
        if matches!(command.parse, Parse::Raw | Parse::Verbatim) {
            return Ok((given, args));
        }
        let mut operands = Vec::new();
        let mut rest = args.into_iter();
        while let Some(arg) = rest.next() {
            let bytes = arg.as_bytes();
            if bytes == b"--" {
                operands.extend(rest);
                break;
            } else if let Some(long) = bytes.strip_prefix(b"--") {
                given.long(command, long, &mut rest)?;
            } else if bytes.len() > 1 && bytes[0] == b'-' {
                given.letters(command, &bytes[1..], &mut rest)?;
            } else {
                operands.push(arg);
                if command.parse == Parse::Posix {
                    operands.extend(rest);
                    break;
                }
            }
        }
        Ok((given, operands))
    }

    fn long(
        &mut self,
        command: &Command,
        text: &[u8],
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        let (name, inline) = match text.iter().position(|&b| b == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let shown = format!("--{}", String::from_utf8_lossy(name));
        let option = command
            .options
            .iter()
            .find(|o| !o.long.is_empty() && o.long.as_bytes() == name);
        let option = option.ok_or_else(|| unknown(command, &shown))?;
        let value = match (option.value, inline) {
            (None, None) => OsString::new(),
            (None, Some(_)) => return Err(Failure::usage(format!("{shown} takes no value"))),
            (Some(_), Some(value)) => OsStr::from_bytes(value).to_owned(),
            (Some(what), None) => rest.next().ok_or_else(|| missing(&shown, what))?,
        };
        self.options.push((option, value));
        Ok(())
    }

    fn letters(
        &mut self,
        command: &Command,
        letters: &[u8],
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        for (at, &letter) in letters.iter().enumerate() {
            let shown = format!("-{}", char::from(letter));
            let option = command
                .options
                .iter()
                .find(|o| o.short == Some(char::from(letter)));
            let option = option.ok_or_else(|| unknown(command, &shown))?;
            let Some(what) = option.value else {
                self.options.push((option, OsString::new()));
                continue;
            };
            let attached = &letters[at + 1..];
            let value = if attached.is_empty() {
                rest.next().ok_or_else(|| missing(&shown, what))?
            } else {
                OsString::from_vec(attached.to_vec())
            };
            self.options.push((option, value));
            break;
        }
        Ok(())
    }

    /// Whether the option was given.
    pub fn flag(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The last value given for the option.
    pub fn value(&self, key: &str) -> Option<&OsStr> {
        self.options
            .iter()
            .rev()
            .find(|(option, _)| option.is(key))
            .map(|(_, value)| value.as_os_str())
    }

    /// Every value given for the option, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a OsStr> {
        self.options
            .iter()
            .filter(move |(option, _)| option.is(key))
            .map(|(_, value)| value.as_os_str())
    }

    /// What was given, as words to give again, but for these.
    pub fn words_but(&self, keys: &[&str]) -> Vec<OsString> {
        let mut words = Vec::new();
        for (option, value) in &self.options {
            if !keys.iter().any(|key| option.is(key)) {
                words.push(match option.long {
                    "" => format!("-{}", option.short.unwrap_or('-')).into(),
                    long => format!("--{long}").into(),
                });
                if option.value.is_some() {
                    words.push(value.clone());
                }
            }
        }
        words
    }

    /// The value as UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&str>, Failure> {
        self.value(key)
            .map(|value| {
                value
                    .to_str()
                    .ok_or_else(|| bad(key, value, "not valid UTF-8"))
            })
            .transpose()
    }

    /// The value read as a number or another type that reads from text; `what` says what was expected.
    pub fn number<T: FromStr>(&self, key: &str, what: &str) -> Result<Option<T>, Failure> {
        self.text(key)?
            .map(|text| {
                text.parse()
                    .map_err(|_| bad(key, OsStr::new(text), &format!("expected {what}")))
            })
            .transpose()
    }

    /// The value read as a time (see [`parse_duration`]).
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, Failure> {
        self.text(key)?
            .map(|text| {
                parse_duration(text)
                    .map_err(|why| Failure::usage(format!("{}: {why}", dashed(key))))
            })
            .transpose()
    }
}

fn dashed(key: &str) -> String {
    if key.len() == 1 {
        format!("-{key}")
    } else {
        format!("--{key}")
    }
}

fn bad(key: &str, value: &OsStr, why: &str) -> Failure {
    Failure::usage(format!(
        "{} '{}': {why}",
        dashed(key),
        value.to_string_lossy()
    ))
}

fn unknown(command: &Command, shown: &str) -> Failure {
    let word = shown.strip_prefix("--").unwrap_or_default();
    let is_meant = |option: &&Opt| {
        let near = 1..=word.len() / 3;
        word.len() > 1
            && (option.long.starts_with(word) || near.contains(&distance(word, option.long)))
    };
    let hint = match command.options.iter().find(is_meant) {
        Some(option) => format!("did you mean --{}?", option.long),
        None => format!("try 'help {}'", command.name),
    };
    Failure::usage(format!("unknown option {shown}")).with_hint(hint)
}

fn missing(shown: &str, what: &str) -> Failure {
    Failure::usage(format!("{shown} needs a value ({what})"))
}
