//! A script's text with its name. Invariant: at most 16 MiB, no NUL byte, no line over 1 MiB (the
//! parser refuses more); so byte offsets fit 32 bits.

use std::cell::OnceCell;
use std::ops::Range;

use super::ast::Span;

/// The longest script, in bytes.
pub const LONGEST_SCRIPT: usize = 16 << 20;

/// The longest line, in bytes without its newline.
pub const LONGEST_LINE: usize = 1 << 20;

/// Newlines are counted once per block of this many bytes, so that finding a place in a long script
/// does not read all that comes before it.
const BLOCK: usize = 64 << 10;

/// The text that spans point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// How errors call it: a path, `-c`, `boot.run`, `console`.
    pub name: String,
    /// The text.
    pub text: Vec<u8>,
    /// The number of its first line, 1 for files; lines typed at a prompt count on.
    pub first_line: u32,
    newlines: OnceCell<Vec<u32>>,
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
    /// A text whose first line has the number 1.
    pub fn new(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::at_line(name, text, 1)
    }

    /// A text whose first line has this number.
    pub fn at_line(name: impl Into<String>, text: impl Into<Vec<u8>>, first_line: u32) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            first_line,
            newlines: OnceCell::new(),
        }
    }

    /// Line and column of the start of `span`.
    pub fn place(&self, span: Span) -> Place {
        let start = (span.start as usize).min(self.text.len());
        let line = self.line_around(start);
        let column = String::from_utf8_lossy(&self.text[line.start..start])
            .chars()
            .count();
        Place {
            line: self.line(start),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    /// The number of the line that the byte at `offset` stands in.
    pub fn line(&self, offset: usize) -> u32 {
        let offset = offset.min(self.text.len());
        let block = offset / BLOCK;
        let before = self
            .newlines
            .get_or_init(|| self.count_blocks())
            .get(block)
            .copied()
            .unwrap_or(0);
        let within = count_newlines(&self.text[block * BLOCK..offset]);
        self.first_line
            .saturating_add(before)
            .saturating_add(within)
    }

    /// The byte range of the line that `offset` stands in, without its newline.
    pub fn line_around(&self, offset: usize) -> Range<usize> {
        let offset = offset.min(self.text.len());
        let (before, after) = self.text.split_at(offset);
        let start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let length = after.iter().position(|&b| b == b'\n');
        start..length.map_or(self.text.len(), |length| offset + length)
    }

    /// How many newlines come before each block.
    fn count_blocks(&self) -> Vec<u32> {
        let mut total = 0u32;
        let mut counts = vec![0];
        for block in self.text.chunks(BLOCK) {
            total = total.saturating_add(count_newlines(block));
            counts.push(total);
        }
        counts
    }
}

fn count_newlines(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|&&b| b == b'\n').count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &Source, start: usize) -> (u32, u32) {
        let start = u32::try_from(start).unwrap();
        let place = source.place(Span { start, end: start });
        (place.line, place.column)
    }

    #[test]
    fn lines_and_columns_as_people_count() {
        let source = Source::new("x", "ab\n\u{e4}b\n\n".as_bytes());
        assert_eq!(place(&source, 0), (1, 1));
        assert_eq!(place(&source, 2), (1, 3));
        assert_eq!(place(&source, 3), (2, 1));
        assert_eq!(place(&source, 5), (2, 2), "an umlaut is one column");
        assert_eq!(place(&source, 7), (3, 1));
        assert_eq!(place(&source, 99), (4, 1), "past the end is the end");
        let typed = Source::at_line("console", "x", 7);
        assert_eq!(place(&typed, 0), (7, 1));
    }

    #[test]
    fn blocks_do_not_change_the_count() {
        let text: Vec<u8> = (0..3 * BLOCK)
            .map(|i| if i % 7 == 0 { b'\n' } else { b'x' })
            .collect();
        let source = Source::new("x", text.clone());
        for at in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK] {
            let naive =
                1 + u32::try_from(text[..at].iter().filter(|&&b| b == b'\n').count()).unwrap();
            assert_eq!(source.line(at), naive, "{at}");
        }
    }
}
