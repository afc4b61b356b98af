//! Operands that are keywords with values, as ip(8) spells them: `via 10.0.0.1 dev eth0`.

use std::ffi::OsString;

use crate::failure::Failure;

/// Operands, taken from the front one by one.
pub struct Words {
    rest: std::vec::IntoIter<OsString>,
}

impl Words {
    /// All of these.
    pub fn new(words: Vec<OsString>) -> Self {
        Self {
            rest: words.into_iter(),
        }
    }

    /// The next word. Errors: it is not UTF-8.
    pub fn take(&mut self) -> Result<Option<String>, Failure> {
        let word = self.rest.next().map(OsString::into_string).transpose();
        word.map_err(|word| {
            Failure::usage(format!("'{}' is not valid UTF-8", word.to_string_lossy()))
        })
    }

    /// The next word, which must be there; `what` says what it is.
    pub fn need(&mut self, what: &str) -> Result<String, Failure> {
        self.take()?
            .ok_or_else(|| Failure::usage(format!("missing {what}")))
    }

    /// The value behind a keyword.
    pub fn value(&mut self, keyword: &str, what: &str) -> Result<String, Failure> {
        self.take()?
            .ok_or_else(|| Failure::usage(format!("'{keyword}' needs a value ({what})")))
    }

    /// The value behind a keyword, read by `read`, whose error says what is wrong with it.
    pub fn read<T>(
        &mut self,
        keyword: &str,
        what: &str,
        read: fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let value = self.value(keyword, what)?;
        read(&value).map_err(|why| Failure::usage(format!("{keyword}: {why}")))
    }

    /// The number behind a keyword.
    pub fn number(&mut self, keyword: &str, most: u32) -> Result<u32, Failure> {
        let value = self.value(keyword, "NUMBER")?;
        match value.parse() {
            Ok(number) if number <= most && !value.starts_with('+') => Ok(number),
            _ => Err(Failure::usage(format!(
                "{keyword}: '{value}' is not a number from 0 to {most}"
            ))),
        }
    }

    /// Refuses what is left.
    pub fn end(&mut self) -> Result<(), Failure> {
        match self.take()? {
            None => Ok(()),
            Some(word) => Err(unexpected(&word)),
        }
    }
}

/// The failure for a word that does not belong here.
pub fn unexpected(word: &str) -> Failure {
    Failure::usage(format!("unexpected '{word}'"))
}
