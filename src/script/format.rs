//! What `printf` and `echo` make of their arguments. Pure: bytes in, bytes and complaints out.
//! Invariant: whatever the format says, no field is wider than [`WIDEST`].

use std::fmt::Write;

/// The widest field, in bytes, so that a format cannot ask for all memory.
pub const WIDEST: usize = 1 << 20;

/// What a format printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The output, also where the format proved wrong further on.
    pub text: Vec<u8>,
    /// Arguments that were not the numbers they should be; the output has a 0 or what could be read.
    pub complaints: Vec<String>,
    /// The format is wrong: output ended there.
    pub wrong: Option<String>,
}

/// Text with the escapes of `echo` applied, and whether `\c` ended it.
pub fn unescape(text: &[u8], to: &mut Vec<u8>) -> bool {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            to.push(byte);
        } else if rest.first() == Some(&b'c') {
            return true;
        } else {
            // In echo's \0ooo three digits follow the 0.
            let zero = usize::from(rest.first() == Some(&b'0'));
            rest = escape(rest, zero, to);
        }
    }
    false
}

/// Reads what follows a backslash, of which `skipped` digits do not count, and gives the rest.
fn escape<'a>(text: &'a [u8], skipped: usize, to: &mut Vec<u8>) -> &'a [u8] {
    let octal = |b: &&u8| matches!(**b, b'0'..=b'7');
    let digits = text[skipped..].iter().take(3).take_while(octal).count();
    if skipped + digits > 0 {
        let (number, rest) = text.split_at(skipped + digits);
        let add = |sum: u8, digit: &u8| sum.wrapping_mul(8).wrapping_add(digit - b'0');
        to.push(number.iter().fold(0, add));
        return rest;
    }
    let Some((&letter, rest)) = text.split_first() else {
        to.push(b'\\');
        return text;
    };
    match letter {
        b'a' => to.push(7),
        b'b' => to.push(8),
        b'e' => to.push(27),
        b'f' => to.push(12),
        b'n' => to.push(b'\n'),
        b'r' => to.push(b'\r'),
        b't' => to.push(b'\t'),
        b'v' => to.push(11),
        b'\\' => to.push(b'\\'),
        _ => to.extend([b'\\', letter]),
    }
    rest
}

/// Prints by a format (printf(1)) as often as it takes to use all arguments.
pub fn format<'a>(format: &[u8], arguments: impl IntoIterator<Item = &'a [u8]>) -> Formatted {
    let arguments: Vec<&[u8]> = arguments.into_iter().collect();
    let mut printer = Printer {
        done: Formatted::default(),
        arguments: &arguments,
    };
    loop {
        let before = printer.arguments.len();
        let more = printer.once(format);
        let used = printer.arguments.len() < before;
        if !more || !used || printer.arguments.is_empty() {
            return printer.done;
        }
    }
}

/// What has been printed, and the arguments that have not been used yet.
struct Printer<'a> {
    done: Formatted,
    arguments: &'a [&'a [u8]],
}

/// One conversion: `%-5.3d`
#[derive(Default)]
struct Field {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl<'a> Printer<'a> {
    /// Goes through the format once; false where output ends for good.
    fn once(&mut self, format: &[u8]) -> bool {
        let mut rest = format;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                b'\\' => escape(after, 0, &mut self.done.text),
                b'%' if after.first() == Some(&b'%') => {
                    self.done.text.push(b'%');
                    &after[1..]
                }
                b'%' => match self.conversion(after) {
                    Some(rest) => rest,
                    None => return false,
                },
                _ => {
                    self.done.text.push(byte);
                    after
                }
            };
        }
        true
    }

    /// Reads and prints one conversion; `None` where output ends with it.
    fn conversion<'f>(&mut self, text: &'f [u8]) -> Option<&'f [u8]> {
        let mut field = Field::default();
        let flags = text.iter().take_while(|b| b"-+ #0".contains(b)).count();
        let (flags, rest) = text.split_at(flags);
        field.set_flags(flags);
        let (width, mut rest) = self.size(rest);
        field.left |= width < 0;
        field.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
        if let [b'.', after @ ..] = rest {
            let (precision, after) = self.size(after);
            rest = after;
            field.precision = usize::try_from(precision).ok();
        }
        if field.width.max(field.precision.unwrap_or(0)) > WIDEST {
            self.done.wrong = Some(format!("a field is wider than {WIDEST}"));
            return None;
        }
        let Some((&letter, rest)) = rest.split_first() else {
            self.done.wrong = Some("expected a letter after '%' at the end".to_owned());
            return None;
        };
        self.print(&field, letter).then_some(rest)
    }

    /// A width or precision: digits, or `*` for an argument.
    fn size<'f>(&mut self, text: &'f [u8]) -> (i64, &'f [u8]) {
        if let [b'*', rest @ ..] = text {
            return (self.signed(), rest);
        }
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(digits);
        let add = |sum: i64, digit: &u8| {
            let digit = i64::from(digit - b'0');
            sum.saturating_mul(10).saturating_add(digit)
        };
        (digits.iter().fold(0, add), rest)
    }

    /// Prints one field; false where output ends with it.
    fn print(&mut self, field: &Field, letter: u8) -> bool {
        match letter {
            b's' => {
                let text = self.argument().unwrap_or_default();
                field.text(text, &mut self.done.text);
            }
            b'b' => {
                let mut text = Vec::new();
                let ended = unescape(self.argument().unwrap_or_default(), &mut text);
                field.text(&text, &mut self.done.text);
                return !ended;
            }
            b'c' => {
                let text = self.argument().unwrap_or_default();
                // As in C, an empty argument is the byte 0.
                let byte = text.first().copied().unwrap_or(0);
                field.text(&[byte], &mut self.done.text);
            }
            b'd' | b'i' => {
                let number = self.signed();
                let sign = match number {
                    ..=-1 => "-",
                    _ if field.plus => "+",
                    _ if field.blank => " ",
                    _ => "",
                };
                let digits = number.unsigned_abs().to_string();
                field.number(sign, &digits, &mut self.done.text);
            }
            b'u' | b'o' | b'x' | b'X' => self.print_unsigned(field, letter),
            _ => {
                let letter = String::from_utf8_lossy(&[letter]).into_owned();
                self.done.wrong = Some(format!("'%{letter}' is not a conversion"));
                return false;
            }
        }
        true
    }

    fn print_unsigned(&mut self, field: &Field, letter: u8) {
        let number = self.unsigned();
        let mut digits = String::new();
        // Writing to a String cannot fail.
        let _ = match letter {
            b'o' => write!(digits, "{number:o}"),
            b'x' => write!(digits, "{number:x}"),
            b'X' => write!(digits, "{number:X}"),
            _ => write!(digits, "{number}"),
        };
        let mut prefix = "";
        match letter {
            b'o' if field.alternate && number != 0 => digits.insert(0, '0'),
            b'x' if field.alternate && number != 0 => prefix = "0x",
            b'X' if field.alternate && number != 0 => prefix = "0X",
            _ => {}
        }
        field.number(prefix, &digits, &mut self.done.text);
    }

    fn argument(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.arguments.split_first()?;
        self.arguments = rest;
        Some(first)
    }

    fn signed(&mut self) -> i64 {
        let (negative, size) =
            self.number(|negative| i64::MAX.unsigned_abs() + u64::from(negative));
        let size = if negative { size.wrapping_neg() } else { size };
        size.cast_signed()
    }

    fn unsigned(&mut self) -> u64 {
        let (negative, size) = self.number(|_| u64::MAX);
        if negative { size.wrapping_neg() } else { size }
    }

    /// The next argument as sign and size, read as by strtoimax(3) with base 0; complaints are noted.
    fn number(&mut self, largest: fn(negative: bool) -> u64) -> (bool, u64) {
        let Some(text) = self.argument().filter(|text| !text.is_empty()) else {
            return (false, 0);
        };
        if let [b'\'' | b'"', rest @ ..] = text {
            return (false, rest.first().copied().unwrap_or(0).into());
        }
        let number = text.trim_ascii_start();
        let (negative, digits) = match number {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        let (size, length) = digits_value(digits);
        let largest = largest(negative);
        let why = if length == 0 {
            "is not a number"
        } else if length < digits.len() {
            "is not a number to its end"
        } else if size.is_none_or(|size| size > largest) {
            "is out of range"
        } else {
            ""
        };
        if !why.is_empty() {
            let text = String::from_utf8_lossy(text);
            self.done.complaints.push(format!("'{text}' {why}"));
        }
        (negative, size.unwrap_or(largest).min(largest))
    }
}

/// The value of the digits that a text begins with (`None`: over 64 bits), and their length.
fn digits_value(text: &[u8]) -> (Option<u64>, usize) {
    let (radix, prefix) = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, 2),
        [b'0', ..] => (8, 0),
        _ => (10, 0),
    };
    let digits = text[prefix..].iter();
    let digits = digits.map_while(|&b| char::from(b).to_digit(radix));
    let (mut value, mut length) = (Some(0u64), prefix);
    for digit in digits {
        value = value.and_then(|value| value.checked_mul(radix.into())?.checked_add(digit.into()));
        length += 1;
    }
    (value, length)
}

impl Field {
    fn set_flags(&mut self, flags: &[u8]) {
        self.left = flags.contains(&b'-');
        self.plus = flags.contains(&b'+');
        self.blank = flags.contains(&b' ');
        self.alternate = flags.contains(&b'#');
        self.zero = flags.contains(&b'0');
    }

    fn text(&self, text: &[u8], to: &mut Vec<u8>) {
        let length = text.len().min(self.precision.unwrap_or(usize::MAX));
        self.pad(&text[..length], to);
    }

    fn number(&self, prefix: &str, digits: &str, to: &mut Vec<u8>) {
        // C: no digits at all for a zero with precision 0.
        let digits = if self.precision == Some(0) && digits == "0" {
            ""
        } else {
            digits
        };
        let fill = match self.precision {
            Some(precision) => precision,
            None if self.zero && !self.left => self.width.saturating_sub(prefix.len()),
            None => 0,
        };
        let zeros = fill.saturating_sub(digits.len());
        let mut text = prefix.as_bytes().to_vec();
        text.resize(text.len() + zeros, b'0');
        text.extend_from_slice(digits.as_bytes());
        self.pad(&text, to);
    }

    fn pad(&self, text: &[u8], to: &mut Vec<u8>) {
        let blanks = self.width.saturating_sub(text.len());
        if !self.left {
            to.resize(to.len() + blanks, b' ');
        }
        to.extend_from_slice(text);
        if self.left {
            to.resize(to.len() + blanks, b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(words: &[&str]) -> Formatted {
        format(
            words[0].as_bytes(),
            words[1..].iter().map(|word| word.as_bytes()),
        )
    }

    /// Outputs were taken from dash 0.5.12.
    #[test]
    fn as_dash_prints() {
        for (words, expected) in [
            (&["%s\n", "a", "b", "c"][..], "a\nb\nc\n"),
            (&["%s-%s\n", "a", "b", "c"], "a-b\nc-\n"),
            (&["%d %i\n", "5", "0x10", "010"], "5 16\n8 0\n"),
            (&["%d|%d|%d\n", "", "'a", "\"a"], "0|97|97\n"),
            (
                &[
                    "%5d|%-5d|%05d|%+d|% d|%5.3d\n",
                    "1",
                    "2",
                    "3",
                    "4",
                    "5",
                    "6",
                ],
                "    1|2    |00003|+4| 5|  006\n",
            ),
            (
                &["%x %X %o %u %#x %#o\n", "255", "255", "8", "-1", "255", "8"],
                "ff FF 10 18446744073709551615 0xff 010\n",
            ),
            (&["%c%c|%c\n", "abc", "def", ""], "ad|\0\n"),
            (&["%b|", "a\\tb\\0101\\101\\x"], "a\tbAA\\x|"),
            (&["%b|", "a\\cb", "c"], "a"),
            (&["a\\cb\\e\\8"], "a\\cb\x1b\\8"),
            (&["%%|\\101|\\x41|\\1234|\\0101"], "%|A|\\x41|S4|\x081"),
            (
                &["%5s|%-5s|%.2s|%5.1s", "abc", "abc", "abc", "abc"],
                "  abc|abc  |ab|    a",
            ),
            (
                &[
                    "%*d|%-*d|%.*s|%*d|",
                    "5",
                    "1",
                    "5",
                    "2",
                    "2",
                    "abc",
                    "-5",
                    "1",
                ],
                "    1|2    |ab|1    |",
            ),
            (&["a\n", "b", "c"], "a\n"),
            (&["", "a"], ""),
            (&["%s|%d"], "|0"),
            (&["%x", "-1"], "ffffffffffffffff"),
            (&["%d %d", " 5", "-0x10"], "5 -16"),
            (
                &["%10b|%-10b|%.1b", "a\\tb", "a\\tb", "xyz"],
                "       a\tb|a\tb       |x",
            ),
            (
                &["%.3x|%08.3d|%-+5d|", "5", "5", "5"],
                "005|     005|+5   |",
            ),
            (&["%.d|%.0d|", "0", "0"], "||"),
            (
                &["% +d|%+u|%#X|%#o|%#x", "5", "5", "255", "0", "0"],
                "+5|5|0XFF|0|0",
            ),
        ] {
            let done = printed(words);
            assert_eq!(
                String::from_utf8(done.text.clone()).unwrap(),
                expected,
                "{words:?}"
            );
            assert!(
                done.complaints.is_empty() && done.wrong.is_none(),
                "{words:?} {done:?}"
            );
        }
    }

    #[test]
    fn wrong_numbers_are_printed_as_far_as_they_go() {
        for (words, text) in [
            (["%d", "abc"], "0"),
            (["%d", "12abc"], "12"),
            (["%d", "5 "], "5"),
            (["%i", "0x"], "0"),
            (["%d", "9223372036854775808"], "9223372036854775807"),
            (["%d", "-9999999999999999999999"], "-9223372036854775808"),
            (["%u", "18446744073709551616"], "18446744073709551615"),
        ] {
            let done = printed(&words);
            assert_eq!(done.text, text.as_bytes(), "{words:?}");
            assert_eq!(done.complaints.len(), 1, "{words:?}");
        }
        assert_eq!(
            printed(&["%d", "-9223372036854775808"]).text,
            b"-9223372036854775808"
        );
    }

    #[test]
    fn wrong_formats_end_the_output() {
        for format in [
            "a%q",
            "a%",
            "a%l",
            "a%5%",
            "a%f",
            "a%9999999999999999999d",
            "a%.99999999s",
            "a%\u{e9}",
        ] {
            let done = printed(&[format, "1"]);
            assert_eq!(done.text, b"a", "{format}");
            assert!(done.wrong.is_some(), "{format}");
        }
    }

    #[test]
    fn escapes_of_echo() {
        let echo = |text: &str| {
            let mut done = Vec::new();
            let ended = unescape(text.as_bytes(), &mut done);
            (done, ended)
        };
        assert_eq!(
            echo("a\\nb\\tc\\\\d\\0101e\\101f\\x41").0,
            b"a\nb\tc\\dAeAf\\x41"
        );
        assert_eq!(
            echo("\\a\\b\\f\\v\\r\\e\\q\\").0,
            b"\x07\x08\x0c\x0b\r\x1b\\q\\"
        );
        assert_eq!(echo("\\08\\00101\\0777").0, b"\x008\x081\xff");
        assert_eq!(echo("a\\cb"), (b"a".to_vec(), true));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn any_format(text in "[%dsxbc*.0-9+# \\\\-]{0,20}", words in prop::collection::vec("[0-9a-z'*-]{0,6}", 0..5)) {
            let done = format(text.as_bytes(), words.iter().map(String::as_bytes));
            prop_assert!(done.text.len() < 64 << 20);
        }
    }
}
