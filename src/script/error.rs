//! An error in a script, with its place, and how the person at the serial line sees it. Invariant:
//! nothing that a script or a message holds reaches the terminal as a control character.

use std::fmt::Write;

use super::ast::Span;
use super::source::Source;

/// Columns of a source line that are shown; longer lines are cut around the error.
const WIDTH: usize = 72;

/// Text that is not a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What was found and what was expected.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The text ended too early: at a prompt, read another line and try again.
    pub incomplete: bool,
}

impl SyntaxError {
    /// The error as it is printed.
    pub fn render(&self, source: &Source) -> String {
        render(source, self.span, None, &self.message, None)
    }
}

/// An error with its place, as it is printed (ends with a newline):
///
/// ```text
/// boot.run:12:1: mount: mount proc on /proc: EPERM (Operation not permitted)
///   12 | mount proc
///      | ^^^^^
///      = try 'help mount'
/// ```
///
/// Control characters in any part are made visible, invalid UTF-8 is shown as U+FFFD.
pub fn render(
    source: &Source,
    span: Span,
    command: Option<&str>,
    message: &str,
    hint: Option<&str>,
) -> String {
    let place = source.place(span);
    let mut text = String::new();
    show(&mut text, &source.name);
    let _ = write!(text, ":{}:{}: ", place.line, place.column);
    if let Some(command) = command {
        show(&mut text, command);
        text.push_str(": ");
    }
    show(&mut text, message);
    text.push('\n');
    let number = place.line.to_string();
    let margin = number.len().max(4);
    let (shown, caret) = excerpt(source, span);
    let _ = writeln!(text, "{number:>margin$} | {shown}");
    let _ = writeln!(text, "{:margin$} | {caret}", "");
    if let Some(hint) = hint {
        let _ = write!(text, "{:margin$} = ", "");
        show(&mut text, hint);
        text.push('\n');
    }
    text
}

/// The source line as it is shown, and the line with carets below it.
fn excerpt(source: &Source, span: Span) -> (String, String) {
    let start = (span.start as usize).min(source.text.len());
    let line = source.line_around(start);
    let end = (span.end as usize).clamp(start, line.end.max(start));
    let before = String::from_utf8_lossy(&source.text[line.start..start]);
    let marked = String::from_utf8_lossy(&source.text[start..end]);
    let after = String::from_utf8_lossy(&source.text[end..line.end.max(end)]);

    let before = Shown::last(&before, WIDTH * 2 / 3);
    let room = WIDTH.saturating_sub(before.width);
    let marked = Shown::first(&marked, room);
    let after = Shown::first(&after, room.saturating_sub(marked.width));

    let mut caret = before.blank;
    caret.push_str(&"^".repeat(marked.width.max(1)));
    (
        format!("{}{}{}", before.text, marked.text, after.text),
        caret,
    )
}

/// A piece of a source line, made safe for a terminal.
#[derive(Default)]
struct Shown {
    text: String,
    /// As wide as `text`, but blank: tabs stay tabs.
    blank: String,
    /// In columns; a tab counts as one, since where it ends depends on the terminal.
    width: usize,
}

impl Shown {
    /// At most `room` columns from the beginning of `text`.
    fn first(text: &str, room: usize) -> Self {
        let mut shown = Self::default();
        for c in text.chars() {
            if shown.width >= room {
                shown.push('…');
                break;
            }
            shown.push(c);
        }
        shown
    }

    /// At most `room` columns from the end of `text`.
    fn last(text: &str, room: usize) -> Self {
        let mut left = room;
        let mut cut = 0;
        for (at, c) in text.char_indices().rev() {
            let width = Self::one(c).width;
            if width > left {
                cut = at + c.len_utf8();
                break;
            }
            left -= width;
        }
        let mut shown = Self::default();
        if cut > 0 {
            shown.push('…');
        }
        text[cut..].chars().for_each(|c| shown.push(c));
        shown
    }

    fn one(c: char) -> Self {
        let mut shown = Self::default();
        shown.push(c);
        shown
    }

    fn push(&mut self, c: char) {
        if c == '\t' {
            self.text.push(c);
            self.blank.push(c);
            self.width += 1;
            return;
        }
        let from = self.text.len();
        show_one(&mut self.text, c);
        let width = self.text[from..].chars().map(columns).sum();
        self.blank.push_str(&" ".repeat(width));
        self.width += width;
    }
}

/// Appends text with control characters made visible; newlines and tabs stay.
fn show(to: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '\n' | '\t') {
            to.push(c);
        } else {
            show_one(to, c);
        }
    }
}

/// `^[` for ESC as cat -v does it, `\u{202e}` for what would reorder or hide the line.
fn show_one(to: &mut String, c: char) {
    match c {
        '\0'..='\x1f' | '\x7f' => {
            to.push('^');
            to.push(char::from(c as u8 ^ 0x40));
        }
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => {
            let _ = write!(to, "{}", c.escape_unicode());
        }
        _ => to.push(c),
    }
}

/// How many columns a terminal gives a character: the blocks of Unicode's East Asian Width that are
/// wide as a whole, and the combining marks of Latin script.
fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8], start: u32, end: u32) -> String {
        let source = Source::at_line("boot.run", text, 12);
        render(&source, Span { start, end }, Some("mount"), "failed", None)
    }

    #[test]
    fn points_at_the_span() {
        assert_eq!(
            shown(b"mount proc\nx\n", 0, 5),
            "boot.run:12:1: mount: failed\n  12 | mount proc\n     | ^^^^^\n"
        );
        let source = Source::new("a", "x\n\ty z\n".as_bytes());
        assert_eq!(
            render(
                &source,
                Span { start: 5, end: 6 },
                None,
                "bad",
                Some("try 'help z'")
            ),
            "a:2:4: bad\n   2 | \ty z\n     | \t  ^\n     = try 'help z'\n"
        );
    }

    #[test]
    fn a_span_over_several_lines_or_past_the_end_stays_on_its_line() {
        assert_eq!(
            shown(b"a 'b\nc' d\n", 2, 7),
            "boot.run:12:3: mount: failed\n  12 | a 'b\n     |   ^^\n"
        );
        assert_eq!(
            shown(b"ab", 2, 2),
            "boot.run:12:3: mount: failed\n  12 | ab\n     |   ^\n"
        );
        assert!(shown(b"", 7, 9).ends_with("     | ^\n"));
    }

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        let text = shown(b"a\x1b[2J\x07 \xff\xfe \xe2\x80\xae b\r", 15, 16);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert!(
            text.contains("a^[[2J^G \u{fffd}\u{fffd} \\u{202e} b^M"),
            "{text}"
        );
        let source = Source::new("e\x1bvil", "x".as_bytes());
        let text = render(
            &source,
            Span::default(),
            Some("c\x1bd"),
            "m\x1b",
            Some("h\x1b"),
        );
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn long_lines_are_cut_around_the_error() {
        let mut text = vec![b'a'; 5000];
        text.extend_from_slice(b" bad ");
        text.extend(vec![b'z'; 5000]);
        let text = shown(&text, 5001, 5004);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].chars().count() < 90, "{text}");
        let at = lines[2].find('^').unwrap();
        let pointed: String = lines[1].chars().skip(at).take(3).collect();
        assert_eq!(pointed, "bad", "{text}");
        assert!(lines[2].ends_with(" ^^^"));
        let all = shown(&vec![b'x'; 5000], 0, 5000);
        assert!(all.lines().all(|line| line.chars().count() < 90), "{all}");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let text = "\u{65e5}\u{672c} x".as_bytes();
        assert!(shown(text, 7, 8).ends_with("     |      ^\n"));
    }
}
