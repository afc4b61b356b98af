//! The conditions of `test` and `[`. Up to four words are read by their number, as POSIX has it, so
//! that no value of a variable is taken for an operator where it cannot be one; longer ones by the
//! precedence `!`, `-a`, `-o` with parentheses.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{FileStat, SFlag, lstat, stat};
use nix::unistd::{AccessFlags, faccessat, isatty};

use super::lexer::DEEPEST;
use crate::failure::Failure;
use crate::sys::process::borrow_number;

/// Whether the condition holds.
///
/// Errors (status 2): not a condition, not a number.
pub fn holds(words: &[OsString]) -> Result<bool, Failure> {
    let [first, rest @ ..] = words else {
        return Ok(false);
    };
    let last = rest.last();
    let in_parentheses = first == "(" && last.is_some_and(|last| last == ")");
    match (words, rest) {
        ([only], _) => Ok(!only.is_empty()),
        ([left, operator, right], _) if is_binary(operator) || is_connector(operator) => {
            binary(left, operator, right)
        }
        (_, [_] | [_, _] | [_, _, _]) if first == "!" => holds(rest).map(|held| !held),
        (_, [inner @ .., _]) if matches!(inner.len(), 1 | 2) && in_parentheses => holds(inner),
        ([operator, operand], _) => match unary(operator, operand) {
            Some(held) => held,
            None => Err(unknown(operator)),
        },
        ([_, operator, _], _) => Err(unknown(operator)),
        _ => Reader {
            words,
            at: 0,
            depth: 0,
        }
        .all(),
    }
}

fn unknown(operator: &OsStr) -> Failure {
    let failure = Failure::usage(format!(
        "'{}' is not an operator",
        operator.to_string_lossy()
    ));
    match operator.as_bytes() {
        b"==" => failure.with_hint("equal texts are tested with ="),
        _ => failure,
    }
}

/// A condition of more than four words.
struct Reader<'a> {
    words: &'a [OsString],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn all(mut self) -> Result<bool, Failure> {
        let held = self.or()?;
        match self.words.get(self.at) {
            None => Ok(held),
            Some(word) => Err(Failure::usage(format!(
                "expected -a, -o or the end, found '{}'",
                word.to_string_lossy()
            ))),
        }
    }

    fn peek(&self, ahead: usize) -> Option<&'a OsStr> {
        self.words.get(self.at + ahead).map(OsString::as_os_str)
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.peek(0).is_some_and(|word| word == wanted);
        self.at += usize::from(found);
        found
    }

    // Both sides are always read; a side that is not needed is evaluated all the same, which does
    // nothing but look at files.
    fn or(&mut self) -> Result<bool, Failure> {
        let mut held = self.and()?;
        while self.eat("-o") {
            held |= self.and()?;
        }
        Ok(held)
    }

    fn and(&mut self) -> Result<bool, Failure> {
        let mut held = self.not()?;
        while self.eat("-a") {
            held &= self.not()?;
        }
        Ok(held)
    }

    fn not(&mut self) -> Result<bool, Failure> {
        let mut inverted = false;
        let negates = |reader: &Self| {
            reader.peek(0).is_some_and(|word| word == "!")
                && reader.peek(1).is_some()
                && !reader.is_comparison()
        };
        while negates(self) {
            self.at += 1;
            inverted = !inverted;
        }
        self.primary().map(|held| held != inverted)
    }

    fn is_comparison(&self) -> bool {
        self.peek(1).is_some_and(is_binary) && self.peek(2).is_some()
    }

    fn primary(&mut self) -> Result<bool, Failure> {
        if self.is_comparison()
            && let (Some(left), Some(operator), Some(right)) =
                (self.peek(0), self.peek(1), self.peek(2))
        {
            self.at += 3;
            return binary(left, operator, right);
        }
        if self.eat("(") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(Failure::usage(format!("nested more than {DEEPEST} deep")));
            }
            let held = self.or()?;
            self.depth -= 1;
            if !self.eat(")") {
                return Err(Failure::usage("expected ')'"));
            }
            return Ok(held);
        }
        let Some(word) = self.peek(0) else {
            return Err(Failure::usage("expected a condition at the end"));
        };
        self.at += 1;
        if let Some(operand) = self.peek(0)
            && let Some(held) = unary(word, operand)
        {
            self.at += 1;
            return held;
        }
        Ok(!word.is_empty())
    }
}

fn is_connector(word: &OsStr) -> bool {
    matches!(word.as_bytes(), b"-a" | b"-o")
}

fn is_binary(word: &OsStr) -> bool {
    matches!(
        word.as_bytes(),
        b"=" | b"!="
            | b"<"
            | b">"
            | b"-eq"
            | b"-ne"
            | b"-lt"
            | b"-le"
            | b"-gt"
            | b"-ge"
            | b"-nt"
            | b"-ot"
            | b"-ef"
    )
}

fn binary(left: &OsStr, operator: &OsStr, right: &OsStr) -> Result<bool, Failure> {
    let files = |compare: fn(&FileStat, &FileStat) -> bool| match (stat(left), stat(right)) {
        (Ok(left), Ok(right)) => compare(&left, &right),
        _ => false,
    };
    let modified = |file: &FileStat| (file.st_mtime, file.st_mtime_nsec);
    Ok(match operator.as_bytes() {
        b"=" => left == right,
        b"!=" => left != right,
        b"<" => left < right,
        b">" => left > right,
        b"-a" => !left.is_empty() && !right.is_empty(),
        b"-o" => !left.is_empty() || !right.is_empty(),
        b"-nt" => match (stat(left), stat(right)) {
            (Ok(left), Ok(right)) => modified(&left) > modified(&right),
            _ => false,
        },
        b"-ot" => match (stat(left), stat(right)) {
            (Ok(left), Ok(right)) => modified(&left) < modified(&right),
            _ => false,
        },
        b"-ef" => files(|left, right| (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino)),
        name => {
            let (left, right) = (number(left)?, number(right)?);
            match name {
                b"-eq" => left == right,
                b"-ne" => left != right,
                b"-lt" => left < right,
                b"-le" => left <= right,
                b"-gt" => left > right,
                _ => left >= right,
            }
        }
    })
}

/// A decimal number, blanks around it allowed.
fn number(word: &OsStr) -> Result<i64, Failure> {
    let bytes = word.as_bytes().trim_ascii();
    let number = str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::usage(format!("'{}' is not a number", word.to_string_lossy())))
}

/// The value of a unary operator; `None` where the word is none.
fn unary(operator: &OsStr, operand: &OsStr) -> Option<Result<bool, Failure>> {
    let [b'-', letter] = operator.as_bytes() else {
        return None;
    };
    let is = |kind: SFlag| {
        let found = stat(operand);
        found.is_ok_and(|file| file.st_mode & SFlag::S_IFMT.bits() == kind.bits())
    };
    let mode = |bits: u32| stat(operand).is_ok_and(|file| file.st_mode & bits != 0);
    let may =
        |access: AccessFlags| faccessat(AT_FDCWD, operand, access, AtFlags::AT_EACCESS).is_ok();
    Some(Ok(match letter {
        b'n' => !operand.is_empty(),
        b'z' => operand.is_empty(),
        b'e' => stat(operand).is_ok(),
        b'f' => is(SFlag::S_IFREG),
        b'd' => is(SFlag::S_IFDIR),
        b'b' => is(SFlag::S_IFBLK),
        b'c' => is(SFlag::S_IFCHR),
        b'p' => is(SFlag::S_IFIFO),
        b'S' => is(SFlag::S_IFSOCK),
        b'h' | b'L' => {
            let found = lstat(operand);
            found.is_ok_and(|file| file.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits())
        }
        b's' => stat(operand).is_ok_and(|file| file.st_size > 0),
        b'r' => may(AccessFlags::R_OK),
        b'w' => may(AccessFlags::W_OK),
        b'x' => may(AccessFlags::X_OK),
        b'u' => mode(libc::S_ISUID),
        b'g' => mode(libc::S_ISGID),
        b'k' => mode(libc::S_ISVTX),
        b'O' => stat(operand).is_ok_and(|file| file.st_uid == nix::unistd::geteuid().as_raw()),
        b'G' => stat(operand).is_ok_and(|file| file.st_gid == nix::unistd::getegid().as_raw()),
        b't' => return Some(number(operand).map(is_terminal)),
        _ => return None,
    }))
}

fn is_terminal(fd: i64) -> bool {
    let fd = i32::try_from(fd).ok().and_then(borrow_number);
    fd.is_some_and(|fd| isatty(fd).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(words: &str) -> Result<bool, u8> {
        let words: Vec<OsString> = words
            .split(' ')
            .map(|word| OsString::from(if word == "\"\"" { "" } else { word }))
            .collect();
        let words = if words == [OsString::new()] {
            &[]
        } else {
            &words[..]
        };
        holds(words).map_err(|failure| failure.status())
    }

    /// Values were taken from dash 0.5.12.
    #[test]
    fn as_dash_decides() {
        for words in [
            "a",
            "( a )",
            "! \"\"",
            "! a = b",
            "a = a -a b = b",
            "a = b -o b = b",
            "( a = a )",
            "-n",
            "-z",
            "-f",
            "-n = -n",
            "! = !",
            "-a",
            "-a -a -a",
            "=",
            "= = =",
            "(",
            ")",
            "1 -eq 1",
            "010 -eq 10",
            "+1 -eq 1",
            "a < b",
            "b > a",
            "! -f f -o -d /",
            "! ! a",
            "! ( a = b )",
            "( a = a ) -a ( b = b )",
            "( = (",
            "( ! )",
            "! ! !",
            "-n (",
            "a -o b",
            "1 -lt 2 -a 2 -gt 1",
            "]",
            "] = ]",
            "\"\" = \"\"",
            "/ -ef /",
            "-c /dev/null",
            "-e /dev/null -a -w /dev/null",
            "-z \"\" -o -z a",
            "a -o b -a \"\"",
        ] {
            assert_eq!(test(words), Ok(true), "{words}");
        }
        for words in [
            "",
            "\"\"",
            "! a",
            "! a = a",
            "( \"\" )",
            "( = )",
            "-e nosuch",
            "/ -nt nosuch",
            "nosuch -ot /",
            "! = a",
            "-f = a",
            "\"\" -o \"\"",
            "-e \"\"",
            "-h /",
            "-f /",
            "1 -gt 2",
            "-z a -a -n a",
            "-t 99",
            "! a -o b",
        ] {
            assert_eq!(test(words), Ok(false), "{words}");
        }
        for words in [
            "a b",
            "a b c",
            "1 -eq x",
            "1x -eq 1",
            "\"\" -eq 0",
            "0x1 -eq 1",
            "99999999999999999999 -eq 1",
            "( a",
            "a =",
            "a == a",
            "1 -foo 1",
            "-Q f",
            "-t x",
            "-n x -o 1 -eq x",
            "a b c d",
            "a = a b",
            "a = a -a",
            "( a = a -a b",
        ] {
            assert_eq!(test(words), Err(2), "{words}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let many = |word: &str| vec![OsString::from(word); 100_000];
        assert!(holds(&many("(")).is_err());
        assert_eq!(holds(&many("!")).ok(), Some(false));
    }
}
