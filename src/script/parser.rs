//! Tokens → tree: all of a script, before its first command runs. Invariant: every construct that may
//! hold itself counts in `depth`, so recursion (here, and over the tree later) is bounded.

use super::ast::{Connector, Item, List, Pipeline, Span, Word};
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::heredoc::{self, Pending};
use super::lexer::{Token, span};
use super::source::{LONGEST_LINE, LONGEST_SCRIPT, Source};

/// Parses a whole script.
///
/// Errors: the first place where the text is not a script, or is over a limit (16 MiB, a line of
/// 1 MiB, nesting 200 deep, a NUL byte).
pub fn parse(source: &Source) -> Result<List, Box<SyntaxError>> {
    Parser::read(source).map(|(list, _)| list)
}

/// Parses what was typed at a prompt: as [`parse`], but a text that ends with a backslash, or with a
/// backslash and a newline, is incomplete too. (In a file nothing follows, and the text is complete.)
pub fn parse_typed(source: &Source) -> Result<List, Box<SyntaxError>> {
    let (list, continued) = Parser::read(source)?;
    if continued {
        let end = source.text.len();
        return Err(Box::new(SyntaxError {
            message: "expected another line after the backslash, found end of file".to_owned(),
            span: span(end.saturating_sub(1), end),
            incomplete: true,
        }));
    }
    Ok(list)
}

/// A text that is being read. The tokens' side is in `lexer.rs`, the words' in `words.rs`, the
/// commands' in `grammar.rs`.
pub(super) struct Parser<'a> {
    pub(super) source: &'a Source,
    pub(super) cursor: Cursor<'a>,
    pub(super) depth: u32,
    /// Here-documents announced on the line that is being read.
    pub(super) pending: Vec<Pending>,
    /// Bodies of all here-documents, in the order of their announcement.
    pub(super) bodies: Vec<Word>,
    ahead: Option<(Token, Span)>,
    /// Where the last token that was taken ended.
    pub(super) last_end: u32,
}

impl<'a> Parser<'a> {
    /// The script, and whether its last line asks for another one.
    fn read(source: &'a Source) -> Result<(List, bool), Box<SyntaxError>> {
        check_limits(source)?;
        let mut parser = Self {
            source,
            cursor: Cursor::new(&source.text),
            depth: 0,
            pending: Vec::new(),
            bodies: Vec::new(),
            ahead: None,
            last_end: 0,
        };
        let mut list = parser.list()?;
        parser.expect_end()?;
        heredoc::fill(&mut list, &mut parser.bodies);
        Ok((list, parser.cursor.continued))
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Result<&Token, Box<SyntaxError>> {
        Ok(&self.peek_spanned()?.0)
    }

    fn peek_spanned(&mut self) -> Result<&(Token, Span), Box<SyntaxError>> {
        let next = match self.ahead.take() {
            Some(next) => next,
            None => self.lex()?,
        };
        Ok(self.ahead.insert(next))
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<(Token, Span), Box<SyntaxError>> {
        let next = match self.ahead.take() {
            Some(next) => next,
            None => self.lex()?,
        };
        self.last_end = next.1.end;
        Ok(next)
    }

    /// Where the next token begins.
    pub(super) fn start(&mut self) -> Result<u32, Box<SyntaxError>> {
        Ok(self.peek_spanned()?.1.start)
    }

    /// From `start` to the end of the last token that was taken.
    pub(super) fn span_from(&self, start: u32) -> Span {
        Span {
            start,
            end: self.last_end.max(start),
        }
    }

    /// Skips the ends of lines.
    pub(super) fn skip_newlines(&mut self) -> Result<(), Box<SyntaxError>> {
        while matches!(self.peek()?, Token::Newline) {
            self.next()?;
        }
        Ok(())
    }

    /// Reads commands until something that cannot begin one; may be empty.
    pub(super) fn list(&mut self) -> Result<List, Box<SyntaxError>> {
        let mut items = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.at_list_end()? {
                break;
            }
            let (item, more) = self.item()?;
            items.push(item);
            if !more {
                break;
            }
        }
        items.shrink_to_fit();
        Ok(List { items })
    }

    /// An and-or list with what ends it, and whether another may follow.
    fn item(&mut self) -> Result<(Item, bool), Box<SyntaxError>> {
        let start = self.start()?;
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.peek()? {
                Token::And => Connector::And,
                Token::Or => Connector::Or,
                _ => break,
            };
            self.next()?;
            self.skip_newlines()?;
            let after = match connector {
                Connector::And => "after '&&'",
                Connector::Or => "after '||'",
            };
            self.need_command(after)?;
            rest.push((connector, self.pipeline()?));
        }
        let span = self.span_from(start);
        let background = matches!(self.peek()?, Token::Background);
        let more = matches!(
            self.peek()?,
            Token::Background | Token::Semicolon | Token::Newline
        );
        if more {
            self.next()?;
        } else if !self.at_list_end()? {
            return self.unexpected("';', '&' or a newline after the command");
        }
        let item = Item {
            first,
            rest,
            background,
            span,
        };
        Ok((item, more))
    }

    fn pipeline(&mut self) -> Result<Pipeline, Box<SyntaxError>> {
        let negated = self.keyword()? == Some("!");
        if negated {
            self.next()?;
            self.need_command("after '!'")?;
        }
        // Most pipelines are one command: no room for more is taken then.
        let mut commands = vec![self.command()?];
        while matches!(self.peek()?, Token::Pipe) {
            self.next()?;
            self.skip_newlines()?;
            self.need_command("after '|'")?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    /// Where a command must follow, whatever cannot begin one is an error.
    pub(super) fn need_command(&mut self, after: &str) -> Result<(), Box<SyntaxError>> {
        let missing = match self.peek()? {
            Token::Word(_) => self.closes_list()?.is_some(),
            Token::Redirect(..) | Token::Open => false,
            _ => true,
        };
        if missing {
            return self.unexpected(&format!("a command {after}"));
        }
        Ok(())
    }

    /// The word that only closes something, if the next token is one.
    fn closes_list(&mut self) -> Result<Option<&'static str>, Box<SyntaxError>> {
        let keyword = self.keyword()?;
        Ok(keyword.filter(|word| CLOSING.iter().any(|(closing, _)| closing == word)))
    }

    fn at_list_end(&mut self) -> Result<bool, Box<SyntaxError>> {
        Ok(match self.peek()? {
            Token::End | Token::Close | Token::ArmEnd => true,
            Token::Word(_) => self.closes_list()?.is_some(),
            _ => false,
        })
    }

    /// The end of the text, where nothing may be left open or too much closed.
    pub(super) fn expect_end(&mut self) -> Result<(), Box<SyntaxError>> {
        let opener = match self.peek()? {
            Token::End => {
                self.next()?;
                return Ok(());
            }
            Token::Close => Some((")", "'('")),
            Token::ArmEnd => Some((";;", "'case'")),
            _ => {
                let keyword = self.closes_list()?;
                CLOSING
                    .iter()
                    .find(|(closing, _)| Some(*closing) == keyword)
                    .copied()
            }
        };
        let (_, at) = self.next()?;
        let message = match opener {
            Some((closing, opener)) => format!("unexpected '{closing}': no {opener} is open here"),
            None => "unexpected text after the end of a command".to_owned(),
        };
        self.error(at.start as usize, at.end as usize, message)
    }

    /// An error at the next token.
    pub(super) fn unexpected<T>(&mut self, expected: &str) -> Result<T, Box<SyntaxError>> {
        let (token, at) = self.next()?;
        let found = match token {
            Token::End => return self.ended(expected),
            Token::Newline => "end of line".to_owned(),
            _ => {
                let (from, to) = (at.start as usize, at.end as usize);
                quoted(self.source.text.get(from..to).unwrap_or_default())
            }
        };
        // A newline has no glyph: point at where it is, not at the line after it.
        let end = if matches!(token, Token::Newline) {
            at.start
        } else {
            at.end
        };
        self.error(
            at.start as usize,
            end as usize,
            format!("expected {expected}, found {found}"),
        )
    }
}

/// Reserved words that close or continue a construct, with what must be open for that.
const CLOSING: &[(&str, &str)] = &[
    ("then", "'if'"),
    ("elif", "'if'"),
    ("else", "'if'"),
    ("fi", "'if'"),
    ("do", "'for', 'while' or 'until'"),
    ("done", "'for', 'while' or 'until'"),
    ("esac", "'case'"),
    ("}", "'{'"),
];

/// A piece of the source for a message: short, and on one line.
fn quoted(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let short: String = text.chars().take(LONGEST).collect();
    let cut = if short.len() < text.len() || line.len() < bytes.len() {
        "…"
    } else {
        ""
    };
    format!("'{short}{cut}'")
}

fn check_limits(source: &Source) -> Result<(), Box<SyntaxError>> {
    let text = &source.text;
    let error = |at: usize, message: &str| {
        Err(Box::new(SyntaxError {
            message: message.to_owned(),
            span: span(at, at + 1),
            incomplete: false,
        }))
    };
    if text.len() > LONGEST_SCRIPT {
        return error(0, "the script is longer than 16 MiB");
    }
    if let Some(at) = text.iter().position(|&b| b == 0) {
        return error(at, "the script holds a NUL byte: is it a script?");
    }
    let mut start = 0;
    for line in text.split(|&b| b == b'\n') {
        if line.len() > LONGEST_LINE {
            return error(start, "the line is longer than 1 MiB");
        }
        start += line.len() + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
