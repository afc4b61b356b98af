//! A script's text with its name. Invariant: at most 16 MiB, no NUL byte, no line over 1 MiB; so byte
//! offsets fit 32 bits.

use super::ast::Span;

/// The text that spans point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// How errors call it: a path, `-c`, `boot.run`, `console`.
    pub name: String,
    /// The text.
    pub text: Vec<u8>,
    /// The number of its first line, 1 for files; lines typed at a prompt count on.
    pub first_line: u32,
}

/// Where a span begins, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters of UTF-8 (an invalid byte counts as one).
    pub column: u32,
}

impl Source {
    /// Line and column of the start of `span`.
    pub fn place(&self, span: Span) -> Place {
        let start = (span.start as usize).min(self.text.len());
        let before = &self.text[..start];
        let line_start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let newlines = before.iter().filter(|&&b| b == b'\n').count();
        let column = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count();
        Place {
            line: self
                .first_line
                .saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX)),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}
