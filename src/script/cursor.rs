//! A place in the text that is being read, which knows where in the source each byte came from: the
//! inside of backquotes and of a here-document is read from a cleaned copy. Invariant: every span that
//! leaves here is in offsets of the source.

use std::borrow::Cow;
use std::ops::Range;

/// What the end of the text is, for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The end of the script.
    File,
    /// The closing backquote.
    Backquote,
    /// The last line of a here-document.
    Here,
}

/// A text and how far it has been read.
pub(super) struct Cursor<'a> {
    text: Cow<'a, [u8]>,
    /// Offset of the next byte in `text`.
    pub at: usize,
    /// From these offsets in `text` on, the bytes stand in the source from there on; sorted.
    origins: Vec<(usize, usize)>,
    /// What comes after the last byte.
    pub end: End,
    /// The text ended with a backslash or a backslash and a newline.
    pub continued: bool,
}

impl<'a> Cursor<'a> {
    /// The beginning of a source.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text: Cow::Borrowed(text),
            at: 0,
            origins: vec![(0, 0)],
            end: End::File,
            continued: false,
        }
    }

    /// A cursor over some pieces of this text, joined.
    pub fn pieces(&self, pieces: &[Range<usize>], end: End) -> Self {
        let mut text = Vec::new();
        let mut origins = Vec::new();
        for piece in pieces {
            origins.push((text.len(), self.origin(piece.start)));
            let inside = self
                .origins
                .partition_point(|&(from, _)| from <= piece.start);
            let inside = self.origins[inside..].iter();
            let inside = inside.take_while(|&&(from, _)| from < piece.end);
            origins.extend(inside.map(|&(from, to)| (text.len() + from - piece.start, to)));
            text.extend_from_slice(&self.text[piece.clone()]);
        }
        // The end of the copy is the end of the last piece, not wherever the first one began.
        if let Some(last) = pieces.last() {
            origins.push((text.len(), self.origin(last.end)));
        }
        Self {
            text: Cow::Owned(text),
            at: 0,
            origins,
            end,
            continued: false,
        }
    }

    /// Where in the source the byte at this offset of the text stands.
    pub fn origin(&self, at: usize) -> usize {
        let after = self.origins.partition_point(|&(from, _)| from <= at);
        match self.origins.get(after.wrapping_sub(1)) {
            Some(&(from, to)) => to + (at - from),
            None => at,
        }
    }

    /// Where in the source the next byte stands.
    pub fn position(&self) -> usize {
        self.origin(self.at)
    }

    /// Where in the source the last byte that was read ended.
    pub fn end_position(&self) -> usize {
        match self.at.checked_sub(1) {
            Some(last) => self.origin(last) + 1,
            None => self.origin(0),
        }
    }

    /// The next byte, past any continuation (backslash, newline) before it.
    pub fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at) == Some(&b'\\') && self.text.get(self.at + 1) == Some(&b'\n') {
            self.at += 2;
            self.continued = self.at == self.text.len();
        }
        self.text.get(self.at).copied()
    }

    /// The next byte as it stands, continuation or not.
    pub fn peek_raw(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Takes the next byte as it stands.
    pub fn next_raw(&mut self) -> Option<u8> {
        let byte = self.peek_raw();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// Takes the next byte if it is `wanted`.
    pub fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Takes bytes as long as they satisfy `accept`, past continuations.
    pub fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(byte) = self.peek().filter(|&b| accept(b)) {
            taken.push(byte);
            self.at += 1;
        }
        taken
    }

    /// Everything from the next byte on.
    pub fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// A part of the text.
    pub fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.text[range]
    }

    /// Skips to the next newline, or to the end.
    pub fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
}
