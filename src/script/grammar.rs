//! Commands: simple ones, and those that hold others. The grammar is that of POSIX XCU 2.10, with
//! dash's freedom that a function's body may be any command.

use std::rc::Rc;

use super::ast::{Arm, Assignment, Command, Kind, List, Part, Redirect, RedirectKind, Span, Word};
use super::error::SyntaxError;
use super::lexer::{Direction, Token};
use super::parser::Parser;
use super::tilde;
use super::words::{begins_name, in_name, text};

/// Words with a meaning of their own where a command may begin.
const RESERVED: &[&str] = &[
    "!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until",
    "while", "{", "}",
];

/// What was opened and must be closed.
#[derive(Clone, Copy)]
struct Opener {
    word: &'static str,
    at: u32,
}

impl Parser<'_> {
    /// The reserved word that the next token is.
    pub(super) fn keyword(&mut self) -> Result<Option<&'static str>, Box<SyntaxError>> {
        let Token::Word(word) = self.peek()? else {
            return Ok(None);
        };
        let [Part::Literal(text)] = word.parts.as_slice() else {
            return Ok(None);
        };
        Ok(RESERVED
            .iter()
            .copied()
            .find(|reserved| reserved.as_bytes() == text))
    }

    /// A command with its redirections.
    pub(super) fn command(&mut self) -> Result<Command, Box<SyntaxError>> {
        let start = self.start()?;
        let opens = match self.peek()? {
            Token::Open => Some("("),
            Token::Word(_) => self.keyword()?,
            _ => None,
        };
        let Some(word) = opens else {
            return self.simple(start);
        };
        self.enter(start as usize)?;
        self.next()?;
        let opener = Opener { word, at: start };
        let kind = match word {
            "(" => self.subshell(opener)?,
            "{" => self.group(opener)?,
            "if" => self.conditional(opener)?,
            "for" => self.for_loop(opener)?,
            "while" | "until" => self.while_loop(opener)?,
            "case" => self.case(opener)?,
            _ => {
                let end = start as usize + word.len();
                return self.error(
                    start as usize,
                    end,
                    format!("expected a command, found '{word}'"),
                );
            }
        };
        self.leave();
        let mut redirects = Vec::new();
        while matches!(self.peek()?, Token::Redirect(..)) {
            redirects.push(self.redirect()?);
        }
        let span = self.span_from(start);
        Ok(Command {
            kind,
            redirects,
            span,
        })
    }

    fn subshell(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let list = self.some_list("after '('")?;
        self.expect_close("(", opener.at as usize)?;
        Ok(Kind::Subshell(list))
    }

    fn group(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let list = self.some_list("after '{'")?;
        self.expect_word("}", "to end the", opener)?;
        Ok(Kind::Group(list))
    }

    fn conditional(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let mut branches = Vec::with_capacity(1);
        let mut otherwise = None;
        let mut word = "if";
        loop {
            let condition = self.some_list(&format!("after '{word}'"))?;
            self.expect_word("then", "after the condition of the", opener)?;
            branches.push((condition, self.some_list("after 'then'")?));
            match self.keyword()? {
                Some("elif") => {
                    self.next()?;
                    word = "elif";
                }
                Some("else") => {
                    self.next()?;
                    otherwise = Some(self.some_list("after 'else'")?);
                    break;
                }
                _ => break,
            }
        }
        self.expect_word("fi", "to end the", opener)?;
        Ok(Kind::If {
            branches,
            otherwise,
        })
    }

    fn while_loop(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let condition = self.some_list(&format!("after '{}'", opener.word))?;
        let body = self.loop_body("after the condition of the", opener)?;
        Ok(Kind::While {
            until: opener.word == "until",
            condition,
            body,
        })
    }

    fn loop_body(&mut self, place: &str, opener: Opener) -> Result<List, Box<SyntaxError>> {
        self.expect_word("do", place, opener)?;
        let body = self.some_list("after 'do'")?;
        self.expect_word("done", "to end the", opener)?;
        Ok(body)
    }

    fn for_loop(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let name = self.loop_variable()?;
        self.skip_newlines()?;
        let mut words = None;
        if self.keyword()? == Some("in") {
            self.next()?;
            let mut list = Vec::new();
            while let Token::Word(_) = self.peek()? {
                list.extend(self.word()?);
            }
            words = Some(list);
            if !matches!(self.peek()?, Token::Semicolon | Token::Newline) {
                return self.unexpected("';' or a newline after the words of the 'for'");
            }
            self.next()?;
        } else if matches!(self.peek()?, Token::Semicolon) {
            self.next()?;
        }
        self.skip_newlines()?;
        let body = self.loop_body("after the head of the", opener)?;
        Ok(Kind::For { name, words, body })
    }

    fn loop_variable(&mut self) -> Result<String, Box<SyntaxError>> {
        if let Token::Word(word) = self.peek()?
            && let Some(name) = name_of(word)
        {
            self.next()?;
            return Ok(name);
        }
        self.unexpected("a variable's name after 'for'")
    }

    fn case(&mut self, opener: Opener) -> Result<Kind, Box<SyntaxError>> {
        let Some(subject) = self.word()? else {
            return self.unexpected("a word after 'case'");
        };
        self.skip_newlines()?;
        self.expect_word("in", "after the word of the", opener)?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.keyword()? == Some("esac") {
                break;
            }
            arms.push(self.arm(opener)?);
            if !matches!(self.peek()?, Token::ArmEnd) {
                break;
            }
            self.next()?;
        }
        self.expect_word("esac", "to end the", opener)?;
        Ok(Kind::Case { subject, arms })
    }

    fn arm(&mut self, opener: Opener) -> Result<Arm, Box<SyntaxError>> {
        if matches!(self.peek()?, Token::Open) {
            self.next()?;
        }
        let mut patterns = Vec::with_capacity(1);
        loop {
            let Some(pattern) = self.word()? else {
                let line = self.source.line(opener.at as usize);
                return self.unexpected(&format!(
                    "a pattern or 'esac' for the 'case' at line {line}"
                ));
            };
            patterns.push(pattern);
            match self.peek()? {
                Token::Pipe => self.next()?,
                Token::Close => break,
                _ => return self.unexpected("')' or '|' after the pattern"),
            };
        }
        self.next()?;
        let body = self.list()?;
        Ok(Arm { patterns, body })
    }

    /// A list of at least one command.
    fn some_list(&mut self, after: &str) -> Result<List, Box<SyntaxError>> {
        self.skip_newlines()?;
        self.need_command(after)?;
        self.list()
    }

    fn expect_word(
        &mut self,
        wanted: &'static str,
        place: &str,
        opener: Opener,
    ) -> Result<(), Box<SyntaxError>> {
        if self.keyword()? == Some(wanted) {
            self.next()?;
            return Ok(());
        }
        let line = self.source.line(opener.at as usize);
        self.unexpected(&format!(
            "'{wanted}' {place} '{}' at line {line}",
            opener.word
        ))
    }

    /// The `)` of what began with `opener` at `start`.
    pub(super) fn expect_close(
        &mut self,
        opener: &str,
        start: usize,
    ) -> Result<(), Box<SyntaxError>> {
        if matches!(self.peek()?, Token::Close) {
            self.next()?;
            return Ok(());
        }
        let line = self.source.line(start);
        self.unexpected(&format!("')' to end the '{opener}' at line {line}"))
    }

    /// The next token if it is a word, its tilde marked.
    fn word(&mut self) -> Result<Option<Word>, Box<SyntaxError>> {
        let Token::Word(_) = self.peek()? else {
            return Ok(None);
        };
        let (Token::Word(mut word), _) = self.next()? else {
            return Ok(None);
        };
        tilde::in_word(&mut word.parts);
        Ok(Some(word))
    }

    fn simple(&mut self, start: u32) -> Result<Command, Box<SyntaxError>> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        let mut declares = false;
        loop {
            match self.peek()? {
                Token::Redirect(..) => redirects.push(self.redirect()?),
                Token::Word(_) => {
                    let (Token::Word(mut word), _) = self.next()? else {
                        break;
                    };
                    let assigns = assigned_name(&word);
                    match assigns {
                        Some(name) if words.is_empty() => assignments.push(assignment(name, word)),
                        Some(name) if declares => {
                            tilde::in_value(&mut word.parts, name + 1);
                            words.push(word);
                        }
                        _ => {
                            tilde::in_word(&mut word.parts);
                            declares |= words.is_empty() && is_declaration(&word);
                            words.push(word);
                        }
                    }
                }
                Token::Open
                    if words.len() == 1 && assignments.is_empty() && redirects.is_empty() =>
                {
                    return self.function(start, &words[0]);
                }
                _ => break,
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return self.unexpected("a command");
        }
        assignments.shrink_to_fit();
        words.shrink_to_fit();
        redirects.shrink_to_fit();
        let span = self.span_from(start);
        Ok(Command {
            kind: Kind::Simple { assignments, words },
            redirects,
            span,
        })
    }

    fn function(&mut self, start: u32, word: &Word) -> Result<Command, Box<SyntaxError>> {
        let Some(name) = name_of(word) else {
            let Span { start, end } = word.span;
            return self.error(
                start as usize,
                end as usize,
                "not a function's name: expected letters, digits and _",
            );
        };
        self.enter(start as usize)?;
        self.next()?;
        if !matches!(self.peek()?, Token::Close) {
            return self.unexpected(&format!("')' after '{name}('"));
        }
        self.next()?;
        self.skip_newlines()?;
        self.need_command(&format!("after '{name}()'"))?;
        let body = Rc::new(self.command()?);
        self.leave();
        Ok(Command {
            kind: Kind::Function { name, body },
            redirects: Vec::new(),
            span: self.span_from(start),
        })
    }

    fn redirect(&mut self) -> Result<Redirect, Box<SyntaxError>> {
        let (token, at) = self.next()?;
        let Token::Redirect(fd, direction) = token else {
            return self.unexpected("a redirection");
        };
        if let Direction::Here { tabs } = direction {
            let kind = self.announce_here(at.start as usize, tabs)?;
            let end = u32::try_from(self.cursor.end_position()).unwrap_or(u32::MAX);
            self.last_end = end;
            let span = self.span_from(at.start);
            return Ok(Redirect { fd, kind, span });
        }
        let Some(word) = self.word()? else {
            return self.unexpected(&format!("a file's name after '{}'", direction.spelling()));
        };
        let kind = match direction {
            Direction::Read => RedirectKind::Read(word),
            Direction::Append => RedirectKind::Append(word),
            Direction::ReadWrite => RedirectKind::ReadWrite(word),
            Direction::DuplicateIn => RedirectKind::DuplicateIn(word),
            Direction::DuplicateOut => RedirectKind::DuplicateOut(word),
            Direction::Write | Direction::Here { .. } => RedirectKind::Write(word),
        };
        let span = self.span_from(at.start);
        Ok(Redirect { fd, kind, span })
    }
}

/// The name that the word is, unquoted as a whole.
fn name_of(word: &Word) -> Option<String> {
    let [Part::Literal(bytes)] = word.parts.as_slice() else {
        return None;
    };
    let is_name = begins_name(*bytes.first()?) && bytes.iter().all(|&b| in_name(b));
    is_name.then(|| text(bytes))
}

/// The length of the name in `name=value`.
fn assigned_name(word: &Word) -> Option<usize> {
    let Some(Part::Literal(bytes)) = word.parts.first() else {
        return None;
    };
    let length = bytes.iter().position(|&b| !in_name(b))?;
    (bytes[length] == b'=' && begins_name(bytes[0])).then_some(length)
}

/// Built-ins whose arguments may be assignments (dash gives these, and no others, tildes there).
fn is_declaration(word: &Word) -> bool {
    let [Part::Literal(name)] = word.parts.as_slice() else {
        return false;
    };
    is_declaring(name)
}

/// The same by name: their operands that are assignments are not split either.
pub(super) fn is_declaring(name: &[u8]) -> bool {
    matches!(name, b"export" | b"local" | b"readonly")
}

fn assignment(name_length: usize, word: Word) -> Assignment {
    let Word { mut parts, span } = word;
    tilde::in_value(&mut parts, name_length + 1);
    let mut name = String::new();
    if let Some(Part::Literal(bytes)) = parts.first_mut() {
        let value = bytes.split_off((name_length + 1).min(bytes.len()));
        name = text(&bytes[..name_length.min(bytes.len())]);
        *bytes = value;
        if bytes.is_empty() {
            parts.remove(0);
        }
    }
    let skipped = u32::try_from(name_length + 1).unwrap_or(u32::MAX);
    let value = Span {
        start: span.start.saturating_add(skipped).min(span.end),
        end: span.end,
    };
    Assignment {
        name,
        value: Word { parts, span: value },
        span,
    }
}
