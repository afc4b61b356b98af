//! What a failed step tells the person at the serial line: what was being done, to what, and why it
//! failed. Invariant: a [`Failure`] never lacks the "what"; the "where" (`file:line:col`) is added by
//! the interpreter, which knows it.

use std::fmt;

use nix::errno::Errno;

/// A step that failed, in words, with the exit status that a command ends with because of it. One pointer:
/// results that carry it are returned and passed on in registers (docs/size.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    what: String,
    errno: Option<Errno>,
    status: u8,
    hint: Option<String>,
}

impl Failure {
    #[inline(never)]
    fn of(what: String, errno: Option<Errno>, status: u8) -> Self {
        let hint = None;
        Self(Box::new(Parts {
            what,
            errno,
            status,
            hint,
        }))
    }

    /// A failure without a system error behind it, exit status 1.
    pub fn new(what: impl Into<String>) -> Self {
        Self::of(what.into(), None, 1)
    }

    /// A failed system call: what it was doing, and the error, exit status 1.
    pub fn errno(what: impl Into<String>, errno: Errno) -> Self {
        Self::of(what.into(), Some(errno), 1)
    }

    /// The command was called wrongly: exit status 2, and the reader is pointed at `help`.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::of(what.into(), None, 2)
    }

    /// The command was stopped by Ctrl-C: exit status 130 and no message.
    pub fn interrupted() -> Self {
        Self::of(String::new(), None, 130)
    }

    /// The same failure with another exit status.
    pub fn with_status(mut self, status: u8) -> Self {
        self.0.status = status;
        self
    }

    /// The same failure with a line of advice, printed below the error.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same failure of something that is named in front: `NAME: …`.
    pub fn about(mut self, name: &str) -> Self {
        self.0.what = format!("{name}: {}", self.0.what);
        self
    }

    /// The exit status (1–255) of a command that ends with this failure.
    pub fn status(&self) -> u8 {
        self.0.status
    }

    /// The advice that goes with it, if any.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The system error behind it, if any.
    pub fn cause(&self) -> Option<Errno> {
        self.0.errno
    }

    /// Whether there is nothing to print (Ctrl-C).
    pub fn is_silent(&self) -> bool {
        self.0.what.is_empty()
    }
}

/// `mount tmpfs on /run: EBUSY (Device or resource busy)`
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        match self.0.errno {
            Some(errno) => write!(f, ": {errno:?} ({})", errno.desc()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Says what a fallible call was doing: `open(path).doing(|| format!("open {path}"))?`.
pub trait Doing<T> {
    /// Turns the error into a [`Failure`] that begins with `what`.
    fn doing<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, Errno> {
    fn doing<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|errno| Failure::errno(what(), errno))
    }
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|error| match error.raw_os_error() {
            Some(code) => Failure::errno(what(), Errno::from_raw(code)),
            None => Failure::new(format!("{}: {error}", what().into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_errno_and_its_meaning() {
        let failed: Result<(), _> = Err(Errno::EBUSY);
        let failure = failed.doing(|| "mount tmpfs on /run").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "mount tmpfs on /run: EBUSY (Device or resource busy)"
        );
        assert_eq!(failure.status(), 1);
    }

    #[test]
    fn keeps_the_words_of_an_error_without_errno() {
        let failed: std::io::Result<()> = Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "not a gzip stream",
        ));
        let failure = failed.doing(|| "read x.ko.gz").unwrap_err();
        assert_eq!(failure.to_string(), "read x.ko.gz: not a gzip stream");
    }
}
