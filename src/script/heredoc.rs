//! Here-documents. Their bodies stand behind the line that announces them, so the tree first gets an
//! empty place for each ([`place`]), and [`fill`] puts the bodies there when all is read. Invariant: a
//! body counts as nested where its `<<` stands, not where its text does.

use std::ops::Range;
use std::rc::Rc;

use super::ast::{Command, Kind, List, Operation, Part, Redirect, RedirectKind, Span, Word};
use super::cursor::End;
use super::error::SyntaxError;
use super::lexer::{ends_word, span};
use super::parser::Parser;
use super::words::Mode;

/// A here-document whose body has not been reached.
pub(super) struct Pending {
    delimiter: Vec<u8>,
    /// Any of the delimiter was quoted: the body is not expanded.
    quoted: bool,
    /// `<<-`: leading tabs are removed.
    tabs: bool,
    /// Which of the bodies it is.
    index: usize,
    /// Where `<<` stands in the source.
    start: usize,
    depth: u32,
}

impl Parser<'_> {
    /// Reads the delimiter behind `<<` and leaves an empty place for the body.
    pub(super) fn announce_here(
        &mut self,
        start: usize,
        tabs: bool,
    ) -> Result<RedirectKind, Box<SyntaxError>> {
        while matches!(self.cursor.peek(), Some(b' ' | b'\t')) {
            self.cursor.at += 1;
        }
        let (delimiter, quoted) = self.here_delimiter(start)?;
        let index = self.bodies.len();
        self.bodies.push(Word::default());
        self.pending.push(Pending {
            delimiter,
            quoted,
            tabs,
            index,
            start,
            depth: self.depth,
        });
        Ok(RedirectKind::Here(place(index)))
    }

    fn here_delimiter(&mut self, start: usize) -> Result<(Vec<u8>, bool), Box<SyntaxError>> {
        let mut delimiter = Vec::new();
        let mut quoted = false;
        while let Some(byte) = self.cursor.peek().filter(|&b| !ends_word(b)) {
            self.cursor.at += 1;
            match byte {
                b'\\' => {
                    quoted = true;
                    delimiter.extend(self.cursor.next_raw());
                }
                b'\'' | b'"' => {
                    quoted = true;
                    loop {
                        match self.cursor.next_raw() {
                            None => return self.unterminated("the quote", "delimiter", start),
                            Some(end) if end == byte => break,
                            Some(byte) => delimiter.push(byte),
                        }
                    }
                }
                _ => delimiter.push(byte),
            }
        }
        if delimiter.is_empty() && !quoted {
            let at = self.cursor.position();
            return match self.cursor.peek() {
                None => self.ended("the here-document's last line after '<<'"),
                Some(b'<') => self.error(
                    start,
                    at + 1,
                    "'<<<' is not part of the language: use a here-document",
                ),
                Some(_) => self.error(
                    at,
                    at + 1,
                    "expected the here-document's last line after '<<'",
                ),
            };
        }
        Ok((delimiter, quoted))
    }

    /// Reads the bodies of what was announced on the line that has just ended.
    pub(super) fn read_here_documents(&mut self) -> Result<(), Box<SyntaxError>> {
        let depth = self.depth;
        for here in std::mem::take(&mut self.pending) {
            let from = self.cursor.position();
            let pieces = self.body(&here)?;
            let cursor = self.cursor.pieces(&pieces, End::Here);
            let end = cursor.origin(cursor.rest().len());
            let parts = if here.quoted {
                vec![Part::Quoted(cursor.rest().to_vec())]
            } else {
                let outer = std::mem::replace(&mut self.cursor, cursor);
                self.depth = here.depth;
                self.enter(here.start)?;
                let parts = self.parts(Mode::Here)?;
                self.cursor = outer;
                vec![Part::Double(parts)]
            };
            let span = span(from, end);
            self.bodies[here.index] = Word { parts, span };
        }
        self.depth = depth;
        Ok(())
    }

    /// The lines up to the delimiter, which is taken.
    fn body(&mut self, here: &Pending) -> Result<Vec<Range<usize>>, Box<SyntaxError>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        // Behind a continuation a line is part of the one before, so it is not the last one.
        let mut continues = false;
        loop {
            if self.cursor.rest().is_empty() {
                return self.no_delimiter(here);
            }
            if here.tabs && !continues {
                let tabs = self.cursor.rest().iter().take_while(|&&b| b == b'\t');
                self.cursor.at += tabs.count();
            }
            let start = self.cursor.at;
            self.cursor.skip_line();
            let end = self.cursor.at;
            self.cursor.next_raw();
            let line = self.cursor.slice(start..end);
            if !continues && line == here.delimiter {
                return Ok(pieces);
            }
            let backslashes = line.iter().rev().take_while(|&&b| b == b'\\').count();
            continues = !here.quoted && backslashes % 2 == 1;
            match pieces.last_mut() {
                Some(last) if last.end == start => last.end = self.cursor.at,
                _ => pieces.push(start..self.cursor.at),
            }
        }
    }

    fn no_delimiter<T>(&self, here: &Pending) -> Result<T, Box<SyntaxError>> {
        let delimiter = String::from_utf8_lossy(&here.delimiter);
        let line = self.source.line(here.start);
        self.ended(&format!(
            "a line '{delimiter}' to end the here-document at line {line}"
        ))
    }

    /// Where a text ends, no here-document may be waiting for its body.
    pub(super) fn no_pending_here(&self) -> Result<(), Box<SyntaxError>> {
        match self.pending.first() {
            None => Ok(()),
            Some(here) if self.cursor.rest().is_empty() => self.no_delimiter(here),
            Some(here) => self.error(
                here.start,
                here.start + 2,
                "the here-document has no body: it must begin on the next line, before the closing ')'",
            ),
        }
    }
}

/// The empty word that stands for a body; no other has such a span.
fn place(index: usize) -> Word {
    Word {
        parts: Vec::new(),
        span: Span {
            start: u32::try_from(index).unwrap_or(u32::MAX),
            end: u32::MAX,
        },
    }
}

/// Puts the bodies into their places.
pub(super) fn fill(list: &mut List, bodies: &mut [Word]) {
    if bodies.is_empty() {
        return;
    }
    for item in &mut list.items {
        let rest = item.rest.iter_mut().map(|(_, pipeline)| pipeline);
        for pipeline in std::iter::once(&mut item.first).chain(rest) {
            pipeline
                .commands
                .iter_mut()
                .for_each(|command| fill_command(command, bodies));
        }
    }
}

fn fill_command(command: &mut Command, bodies: &mut [Word]) {
    match &mut command.kind {
        Kind::Simple { assignments, words } => {
            assignments
                .iter_mut()
                .for_each(|assignment| fill_word(&mut assignment.value, bodies));
            fill_words(words, bodies);
        }
        Kind::Group(list) | Kind::Subshell(list) => fill(list, bodies),
        Kind::If {
            branches,
            otherwise,
        } => {
            for (condition, then) in branches {
                fill(condition, bodies);
                fill(then, bodies);
            }
            otherwise.iter_mut().for_each(|list| fill(list, bodies));
        }
        Kind::For { words, body, .. } => {
            words.iter_mut().for_each(|words| fill_words(words, bodies));
            fill(body, bodies);
        }
        Kind::While {
            condition, body, ..
        } => {
            fill(condition, bodies);
            fill(body, bodies);
        }
        Kind::Case { subject, arms } => {
            fill_word(subject, bodies);
            for arm in arms {
                fill_words(&mut arm.patterns, bodies);
                fill(&mut arm.body, bodies);
            }
        }
        Kind::Function { body, .. } => {
            // Nobody else has a share in a tree that is still being built.
            if let Some(body) = Rc::get_mut(body) {
                fill_command(body, bodies);
            }
        }
    }
    command
        .redirects
        .iter_mut()
        .for_each(|redirect| fill_redirect(redirect, bodies));
}

fn fill_redirect(redirect: &mut Redirect, bodies: &mut [Word]) {
    match &mut redirect.kind {
        RedirectKind::Here(word) => {
            if let Some(body) = bodies.get_mut(word.span.start as usize) {
                *word = std::mem::take(body);
                fill_word(word, bodies);
            }
        }
        RedirectKind::Read(word)
        | RedirectKind::Write(word)
        | RedirectKind::Append(word)
        | RedirectKind::ReadWrite(word)
        | RedirectKind::DuplicateIn(word)
        | RedirectKind::DuplicateOut(word) => fill_word(word, bodies),
    }
}

fn fill_words(words: &mut [Word], bodies: &mut [Word]) {
    words.iter_mut().for_each(|word| fill_word(word, bodies));
}

fn fill_word(word: &mut Word, bodies: &mut [Word]) {
    fill_parts(&mut word.parts, bodies);
}

fn fill_parts(parts: &mut [Part], bodies: &mut [Word]) {
    for part in parts {
        match part {
            Part::Literal(_) | Part::Quoted(_) | Part::Tilde(_) => {}
            Part::Double(parts) => fill_parts(parts, bodies),
            Part::Substitution(list, _) => fill(list, bodies),
            Part::Arithmetic(word) => fill_word(word, bodies),
            Part::Parameter(parameter) => match &mut parameter.operation {
                Operation::Value | Operation::Length => {}
                Operation::Default { word, .. }
                | Operation::Alternative { word, .. }
                | Operation::Assign { word, .. }
                | Operation::Require { word, .. }
                | Operation::TrimStart { pattern: word, .. }
                | Operation::TrimEnd { pattern: word, .. } => fill_word(word, bodies),
            },
        }
    }
}
