//! The inside of words: quoting, parameters, substitutions, arithmetic. Invariant: a word read inside
//! double quotes, a here-document or arithmetic is wrapped in one `Double` part, so that it is never
//! split and never a pattern, whoever expands it.

use super::ast::{Name, Operation, Parameter, Part, Word};
use super::cursor::End;
use super::error::SyntaxError;
use super::lexer::{ends_word, span};
use super::parser::Parser;
use super::tilde;

/// Where a word stands: what ends it and what is special in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Unquoted; ended by a blank or an operator.
    Word,
    /// Unquoted in `${x:-…}`; ended by `}`.
    Brace,
    /// Between double quotes.
    Double,
    /// In `"${x:-…}"`; ended by `}`.
    DoubleBrace,
    /// A here-document's body.
    Here,
    /// In `$((…))`; ended by a parenthesis that does not pair with one in it.
    Arithmetic,
}

impl Mode {
    fn is_quoted(self) -> bool {
        !matches!(self, Self::Word | Self::Brace)
    }

    /// Whether a backslash takes away the meaning of `byte`; before others it stands for itself.
    fn escapes(self, byte: u8) -> bool {
        match byte {
            _ if !self.is_quoted() => true,
            b'$' | b'`' | b'\\' => true,
            b'"' => matches!(self, Self::Double | Self::DoubleBrace),
            b'}' => self == Self::DoubleBrace,
            _ => false,
        }
    }
}

/// Parts as they are put together; neighbours of one kind are joined.
#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn literal(&mut self, byte: u8) {
        match self.0.last_mut() {
            Some(Part::Literal(text)) => text.push(byte),
            _ => self.0.push(Part::Literal(vec![byte])),
        }
    }

    fn quoted(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            Some(Part::Quoted(text)) => text.extend_from_slice(bytes),
            _ => self.0.push(Part::Quoted(bytes.to_vec())),
        }
    }

    /// Without room for more: a script is mostly words, and stays in memory.
    fn finish(mut self) -> Vec<Part> {
        for part in &mut self.0 {
            if let Part::Literal(text) | Part::Quoted(text) = part {
                text.shrink_to_fit();
            }
        }
        self.0.shrink_to_fit();
        self.0
    }
}

/// Whether a variable's name may begin with this byte.
pub(super) fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Whether this byte may stand in a variable's name.
pub(super) fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Names are ASCII by the predicates above, so nothing is ever replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Parser<'_> {
    /// Reads parts up to what ends `mode`, which is left to the caller.
    pub(super) fn parts(&mut self, mode: Mode) -> Result<Vec<Part>, Box<SyntaxError>> {
        let mut parts = Parts::default();
        let mut open = 0u32;
        // In "${x:-a"b"c}" the inner quotes are removed and hide a brace; all of it is quoted.
        let mut inner = false;
        while let Some(byte) = self.cursor.peek() {
            match (mode, byte) {
                (Mode::Word, _) if ends_word(byte) => break,
                (Mode::Brace, b'}') | (Mode::Double, b'"') => break,
                (Mode::DoubleBrace, b'}') if !inner => break,
                (Mode::Arithmetic, b')') if open == 0 => break,
                (Mode::Arithmetic, b'(') => open += 1,
                (Mode::Arithmetic, b')') => open -= 1,
                (Mode::DoubleBrace, b'"') => {
                    self.cursor.at += 1;
                    inner = !inner;
                    continue;
                }
                (Mode::Word | Mode::Brace, b'\'') => {
                    self.single_quotes(&mut parts)?;
                    continue;
                }
                (Mode::Word | Mode::Brace, b'"') => {
                    let part = self.double_quotes()?;
                    parts.0.push(part);
                    continue;
                }
                _ => {}
            }
            self.part(mode, byte, &mut parts)?;
        }
        Ok(parts.finish())
    }

    fn part(&mut self, mode: Mode, byte: u8, parts: &mut Parts) -> Result<(), Box<SyntaxError>> {
        match byte {
            b'\\' => self.backslash(mode, parts),
            b'$' => match self.dollar(mode)? {
                Some(part) => parts.0.push(part),
                None => parts.literal(b'$'),
            },
            b'`' => {
                let part = self.backquotes(mode)?;
                parts.0.push(part);
            }
            _ => {
                self.cursor.at += 1;
                parts.literal(byte);
            }
        }
        Ok(())
    }

    fn backslash(&mut self, mode: Mode, parts: &mut Parts) {
        self.cursor.at += 1;
        match self.cursor.peek_raw() {
            Some(byte) if mode.escapes(byte) => {
                self.cursor.at += 1;
                if mode.is_quoted() {
                    parts.literal(byte);
                } else {
                    parts.quoted(&[byte]);
                }
            }
            after => {
                self.cursor.continued |= after.is_none();
                if mode.is_quoted() {
                    parts.literal(b'\\');
                } else {
                    parts.quoted(b"\\");
                }
            }
        }
    }

    fn single_quotes(&mut self, parts: &mut Parts) -> Result<(), Box<SyntaxError>> {
        let start = self.cursor.position();
        self.cursor.at += 1;
        let Some(length) = self.cursor.rest().iter().position(|&b| b == b'\'') else {
            return self.unterminated("\"'\"", "quote", start);
        };
        parts.quoted(&self.cursor.rest()[..length]);
        self.cursor.at += length + 1;
        Ok(())
    }

    fn double_quotes(&mut self) -> Result<Part, Box<SyntaxError>> {
        let start = self.cursor.position();
        self.enter(start)?;
        self.cursor.at += 1;
        let parts = self.parts(Mode::Double)?;
        if !self.cursor.eat(b'"') {
            return self.unterminated("'\"'", "quote", start);
        }
        self.leave();
        Ok(Part::Double(parts))
    }

    /// The text ended within something that began at `start`.
    pub(super) fn unterminated<T>(
        &mut self,
        wanted: &str,
        what: &str,
        start: usize,
    ) -> Result<T, Box<SyntaxError>> {
        self.cursor.at += self.cursor.rest().len();
        let line = self.source.line(start);
        self.ended(&format!("{wanted} to end the {what} at line {line}"))
    }

    /// What follows a `$`; `None` where the dollar stands for itself.
    fn dollar(&mut self, mode: Mode) -> Result<Option<Part>, Box<SyntaxError>> {
        let start = self.cursor.position();
        self.cursor.at += 1;
        let name = match self.cursor.peek() {
            Some(b'(') => {
                self.cursor.at += 1;
                self.enter(start)?;
                let part = if self.cursor.eat(b'(') {
                    self.arithmetic(start)?
                } else {
                    self.substitution(start)?
                };
                self.leave();
                return Ok(Some(part));
            }
            Some(b'{') => {
                self.cursor.at += 1;
                self.enter(start)?;
                let part = self.braces(start, mode)?;
                self.leave();
                return Ok(Some(part));
            }
            Some(byte) if begins_name(byte) => {
                Name::Variable(text(&self.cursor.take_while(in_name)))
            }
            Some(byte) => match special(byte) {
                Some(name) => {
                    self.cursor.at += 1;
                    name
                }
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        let span = span(start, self.cursor.end_position());
        let operation = Operation::Value;
        Ok(Some(Part::Parameter(Box::new(Parameter {
            name,
            operation,
            span,
        }))))
    }

    fn arithmetic(&mut self, start: usize) -> Result<Part, Box<SyntaxError>> {
        let from = self.cursor.position();
        let parts = self.parts(Mode::Arithmetic)?;
        let span = span(from, self.cursor.end_position());
        if !self.cursor.eat(b')') {
            return self.unterminated("'))'", "'$(('", start);
        }
        if !self.cursor.eat(b')') {
            if self.cursor.peek().is_none() {
                return self.unterminated("'))'", "'$(('", start);
            }
            let at = self.cursor.position();
            let line = self.source.line(start);
            let message = format!(
                "expected '))' to end the '$((' at line {line} (a subshell within '$(' needs a blank: '$( (')"
            );
            return self.error(at, at + 1, message);
        }
        let parts = vec![Part::Double(parts)];
        Ok(Part::Arithmetic(Box::new(Word { parts, span })))
    }

    /// `$(…)`, from behind the parenthesis.
    fn substitution(&mut self, start: usize) -> Result<Part, Box<SyntaxError>> {
        let pending = std::mem::take(&mut self.pending);
        let list = self.list()?;
        self.expect_close("$(", start)?;
        self.no_pending_here()?;
        self.pending = pending;
        let span = span(start, self.cursor.end_position());
        Ok(Part::Substitution(Box::new(list), span))
    }

    /// Backquotes: their text without the backslashes that only hide it is a list of its own.
    fn backquotes(&mut self, mode: Mode) -> Result<Part, Box<SyntaxError>> {
        let start = self.cursor.position();
        self.enter(start)?;
        self.cursor.at += 1;
        let Some(pieces) = self.backquoted(mode) else {
            return self.unterminated("'`'", "'`'", start);
        };
        let inside = self.cursor.pieces(&pieces, End::Backquote);
        let outer = std::mem::replace(&mut self.cursor, inside);
        let pending = std::mem::take(&mut self.pending);
        let list = self.list()?;
        self.expect_end()?;
        self.pending = pending;
        self.cursor = outer;
        self.leave();
        let span = span(start, self.cursor.end_position());
        Ok(Part::Substitution(Box::new(list), span))
    }

    /// The pieces of text up to the closing backquote, which is taken.
    fn backquoted(&mut self, mode: Mode) -> Option<Vec<std::ops::Range<usize>>> {
        let mut pieces = Vec::new();
        let mut from = self.cursor.at;
        loop {
            match self.cursor.next_raw()? {
                b'`' => {
                    pieces.push(from..self.cursor.at - 1);
                    return Some(pieces);
                }
                b'\\' => {
                    let hides = match self.cursor.next_raw()? {
                        b'$' | b'`' | b'\\' => true,
                        b'"' => matches!(mode, Mode::Double | Mode::DoubleBrace),
                        _ => false,
                    };
                    if hides {
                        pieces.push(from..self.cursor.at - 2);
                        from = self.cursor.at - 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// `${…}`, from behind the brace.
    fn braces(&mut self, start: usize, mode: Mode) -> Result<Part, Box<SyntaxError>> {
        let length = self.begins_length();
        self.cursor.at += usize::from(length);
        let name = self.braced_name(start)?;
        let operation = if length {
            Operation::Length
        } else {
            self.operation(start, mode, &name)?
        };
        if !self.cursor.eat(b'}') {
            if self.cursor.peek().is_none() {
                return self.unterminated("'}'", "'${'", start);
            }
            let at = self.cursor.position();
            return self.error(
                start,
                at + 1,
                "not an expansion: expected '}' here at the latest",
            );
        }
        let span = span(start, self.cursor.end_position());
        Ok(Part::Parameter(Box::new(Parameter {
            name,
            operation,
            span,
        })))
    }

    /// `${#x}` as against `${#}`, `${#-w}`, `${#%p}`.
    fn begins_length(&mut self) -> bool {
        if self.cursor.peek() != Some(b'#') {
            return false;
        }
        let back = self.cursor.at;
        self.cursor.at += 1;
        let named = match self.cursor.peek() {
            Some(byte) if in_name(byte) => true,
            Some(byte) if special(byte).is_some() => {
                self.cursor.at += 1;
                self.cursor.peek() == Some(b'}')
            }
            _ => false,
        };
        self.cursor.at = back;
        named
    }

    fn braced_name(&mut self, start: usize) -> Result<Name, Box<SyntaxError>> {
        match self.cursor.peek() {
            Some(byte) if begins_name(byte) => {
                let mut name = self.cursor.take_while(in_name);
                if self.cursor.peek() != Some(b'.') {
                    return Ok(Name::Variable(text(&name)));
                }
                name.extend(
                    self.cursor
                        .take_while(|b| in_name(b) || matches!(b, b'.' | b'-')),
                );
                Ok(Name::Setting(text(&name)))
            }
            Some(byte) if byte.is_ascii_digit() => {
                let digits = text(&self.cursor.take_while(|b| b.is_ascii_digit()));
                match digits.parse() {
                    Ok(number) => Ok(Name::Position(number)),
                    Err(_) => {
                        let end = self.cursor.position();
                        self.error(start, end, format!("no parameter has the number {digits}"))
                    }
                }
            }
            Some(byte) => match special(byte) {
                Some(name) => {
                    self.cursor.at += 1;
                    Ok(name)
                }
                None => {
                    let end = self.cursor.position() + 1;
                    self.error(start, end, "expected a name after '${'")
                }
            },
            None => self.unterminated("a name and '}'", "'${'", start),
        }
    }

    fn operation(
        &mut self,
        start: usize,
        mode: Mode,
        name: &Name,
    ) -> Result<Operation, Box<SyntaxError>> {
        let colon = self.cursor.eat(b':');
        let Some(operator) = self.cursor.peek() else {
            return self.unterminated("'}'", "'${'", start);
        };
        let trims = matches!(operator, b'#' | b'%') && !colon;
        if !trims && !matches!(operator, b'-' | b'+' | b'=' | b'?') {
            if operator == b'}' && !colon {
                return Ok(Operation::Value);
            }
            let expected = if colon {
                "expected one of - + = ? after ':'"
            } else {
                "expected '}' or one of :- :+ := :? # ## % %%"
            };
            let end = self.cursor.position() + 1;
            return self.error(start, end, format!("not an expansion: {expected}"));
        }
        self.cursor.at += 1;
        if operator == b'=' && matches!(name, Name::Setting(_)) {
            let end = self.cursor.position();
            return self.error(start, end, "a setting is read-only: it cannot be assigned");
        }
        if trims {
            let longest = self.cursor.eat(operator);
            // POSIX XCU 2.6.2: quotes around the expansion do not quote its pattern.
            let pattern = self.braced_word(Mode::Brace)?;
            return Ok(match operator {
                b'#' => Operation::TrimStart { longest, pattern },
                _ => Operation::TrimEnd { longest, pattern },
            });
        }
        let quoted = mode.is_quoted();
        let word = self.braced_word(if quoted {
            Mode::DoubleBrace
        } else {
            Mode::Brace
        })?;
        Ok(match operator {
            b'-' => Operation::Default { colon, word },
            b'+' => Operation::Alternative { colon, word },
            b'=' => Operation::Assign { colon, word },
            _ => Operation::Require { colon, word },
        })
    }

    fn braced_word(&mut self, mode: Mode) -> Result<Word, Box<SyntaxError>> {
        let start = self.cursor.position();
        let mut parts = self.parts(mode)?;
        if mode == Mode::Brace {
            tilde::in_word(&mut parts);
        } else if !parts.is_empty() {
            parts = vec![Part::Double(parts)];
        }
        let span = span(start, self.cursor.end_position());
        Ok(Word { parts, span })
    }
}

/// The parameters that one byte names.
fn special(byte: u8) -> Option<Name> {
    match byte {
        b'0'..=b'9' => Some(Name::Position(u32::from(byte - b'0'))),
        b'?' | b'#' | b'@' | b'*' | b'$' | b'!' | b'-' => Some(Name::Special(byte)),
        _ => None,
    }
}
