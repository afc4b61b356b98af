//! Bytes → tokens with spans. Whether a word is reserved depends on where it stands, so the grammar
//! decides that; the inside of words is in `words.rs`. Invariant: when a newline has been taken, the
//! here-documents announced before it have been read.

use super::ast::{Span, Word};
use super::cursor::End;
use super::error::SyntaxError;
use super::parser::Parser;
use super::words::Mode;

/// The longest nesting of everything that may be nested.
pub(super) const DEEPEST: u32 = 200;

/// What the grammar is made of.
#[derive(Debug)]
pub(super) enum Token {
    /// A word, quoted or not.
    Word(Word),
    /// The beginning of a redirection.
    Redirect(Option<u32>, Direction),
    /// `;`
    Semicolon,
    /// `;;`
    ArmEnd,
    /// `&`
    Background,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `(`
    Open,
    /// `)`
    Close,
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// The operator of a redirection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// `<`
    Read,
    /// `>` and `>|`
    Write,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `<&`
    DuplicateIn,
    /// `>&`
    DuplicateOut,
    /// `<<`, or `<<-` where leading tabs are removed
    Here { tabs: bool },
}

impl Direction {
    /// As it is written.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::Read => "<",
            Self::Write => ">",
            Self::Append => ">>",
            Self::ReadWrite => "<>",
            Self::DuplicateIn => "<&",
            Self::DuplicateOut => ">&",
            Self::Here { tabs: false } => "<<",
            Self::Here { tabs: true } => "<<-",
        }
    }
}

/// Bytes that end an unquoted word.
pub(super) fn ends_word(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')'
    )
}

/// A range of the source as a span. The limits keep offsets below 2^32.
pub(super) fn span(start: usize, end: usize) -> Span {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span {
        start: narrow(start),
        end: narrow(end.max(start)),
    }
}

impl Parser<'_> {
    /// An error at a range of the source.
    pub(super) fn error<T>(
        &self,
        start: usize,
        end: usize,
        message: impl Into<String>,
    ) -> Result<T, Box<SyntaxError>> {
        Err(Box::new(SyntaxError {
            message: message.into(),
            span: span(start, end),
            incomplete: false,
        }))
    }

    /// An error because the text ended before `wanted`: at a prompt, more is asked for.
    pub(super) fn ended<T>(&self, wanted: &str) -> Result<T, Box<SyntaxError>> {
        let end = self.cursor.end;
        let found = match end {
            End::File => "end of file",
            End::Backquote => "the closing backquote",
            End::Here => "the end of the here-document",
        };
        let at = match end {
            // Point behind the last thing that people can see, not at an empty last line.
            End::File => self.source.text.trim_ascii_end().len(),
            _ => self.cursor.position(),
        };
        Err(Box::new(SyntaxError {
            message: format!("expected {wanted}, found {found}"),
            span: span(at, at),
            incomplete: end == End::File,
        }))
    }

    /// Counts a level of nesting; [`Parser::leave`] ends it.
    pub(super) fn enter(&mut self, start: usize) -> Result<(), Box<SyntaxError>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("nested more than {DEEPEST} deep");
            return self.error(start, start + 1, message);
        }
        Ok(())
    }

    /// Ends a level of nesting.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Reads the next token and its span.
    pub(super) fn lex(&mut self) -> Result<(Token, Span), Box<SyntaxError>> {
        self.skip_blanks();
        let start = self.cursor.position();
        let token = self.token(start)?;
        Ok((token, span(start, self.cursor.end_position())))
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.cursor.peek() {
                Some(b' ' | b'\t') => self.cursor.at += 1,
                Some(b'#') => self.cursor.skip_line(),
                _ => return,
            }
        }
    }

    fn token(&mut self, start: usize) -> Result<Token, Box<SyntaxError>> {
        let Some(byte) = self.cursor.peek() else {
            self.no_pending_here()?;
            return Ok(Token::End);
        };
        if byte.is_ascii_digit() && self.digit_before_redirect() {
            self.cursor.at += 1;
            let fd = Some(u32::from(byte - b'0'));
            return self.direction(fd);
        }
        if matches!(byte, b'<' | b'>') {
            return self.direction(None);
        }
        if !ends_word(byte) {
            let parts = self.parts(Mode::Word)?;
            let span = span(start, self.cursor.end_position());
            return Ok(Token::Word(Word { parts, span }));
        }
        self.cursor.at += 1;
        Ok(match byte {
            b';' if self.cursor.eat(b';') => Token::ArmEnd,
            b';' => Token::Semicolon,
            b'&' if self.cursor.eat(b'&') => Token::And,
            b'&' => Token::Background,
            b'|' if self.cursor.eat(b'|') => Token::Or,
            b'|' => Token::Pipe,
            b'(' => Token::Open,
            b')' => Token::Close,
            _ => {
                self.read_here_documents()?;
                Token::Newline
            }
        })
    }

    /// `2>`: as in dash, one digit only; `10>f` is the word `10`, then `>f`.
    fn digit_before_redirect(&mut self) -> bool {
        let back = self.cursor.at;
        self.cursor.at += 1;
        let found = matches!(self.cursor.peek(), Some(b'<' | b'>'));
        self.cursor.at = back;
        found
    }

    fn direction(&mut self, fd: Option<u32>) -> Result<Token, Box<SyntaxError>> {
        let input = self.cursor.peek() == Some(b'<');
        self.cursor.at += 1;
        let direction = match (input, self.cursor.peek()) {
            (true, Some(b'<')) => {
                self.cursor.at += 1;
                let tabs = self.cursor.eat(b'-');
                return Ok(Token::Redirect(fd, Direction::Here { tabs }));
            }
            (true, Some(b'>')) => Direction::ReadWrite,
            (true, Some(b'&')) => Direction::DuplicateIn,
            (true, _) => return Ok(Token::Redirect(fd, Direction::Read)),
            (false, Some(b'>')) => Direction::Append,
            (false, Some(b'&')) => Direction::DuplicateOut,
            (false, Some(b'|')) => Direction::Write,
            (false, _) => return Ok(Token::Redirect(fd, Direction::Write)),
        };
        self.cursor.at += 1;
        Ok(Token::Redirect(fd, direction))
    }
}
