//! The kernel's command line, and the settings `cmdline.*`. Invariant: words are cut where the kernel
//! itself cuts them (`next_arg` in lib/cmdline.c): quotes may stand around a whole word or a value, and
//! there is no escape character.

use crate::failure::{Doing, Failure};
use crate::script::settings::Branch;
use crate::sort;

/// `${cmdline.root}` is `root=` of the kernel command line; of a name given twice, the last.
pub const SETTINGS: Branch = Branch {
    name: "cmdline",
    summary: "the kernel's command line; a word without '=' has the empty value",
    get: setting,
    list: settings,
};

/// One word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument<'a> {
    /// What stands before the first `=`, as written: `virtio_net.napi_tx`, `quiet`.
    pub name: &'a [u8],
    /// What stands behind it, without quotes around it; `None` where there is no `=`.
    pub value: Option<&'a [u8]>,
}

/// The command line of the running kernel. Errors: `/proc` is not mounted.
pub fn read() -> Result<Vec<u8>, Failure> {
    std::fs::read("/proc/cmdline").doing(|| "read /proc/cmdline")
}

/// The words of a command line, in order. `--`, which separates the kernel's words from those of init,
/// is left out; what follows it counts.
pub fn parse(line: &[u8]) -> Vec<Argument<'_>> {
    let mut found = Vec::new();
    let mut rest = skip_spaces(line);
    while !rest.is_empty() {
        let (argument, after) = next(rest);
        if argument.name != b"--" || argument.value.is_some() {
            found.push(argument);
        }
        rest = skip_spaces(after);
    }
    found
}

/// The value of the last word of that name; the empty value for one without `=`.
pub fn last<'a>(arguments: &[Argument<'a>], name: &[u8]) -> Option<&'a [u8]> {
    let found = arguments.iter().rev().find(|a| a.name == name);
    found.map(|argument| argument.value.unwrap_or_default())
}

fn next(text: &[u8]) -> (Argument<'_>, &[u8]) {
    let quoted = text.first() == Some(&b'"');
    let text = if quoted { &text[1..] } else { text };
    let mut in_quotes = quoted;
    let mut equals = None;
    let mut end = text.len();
    for (at, &byte) in text.iter().enumerate() {
        if is_space(byte) && !in_quotes {
            end = at;
            break;
        }
        match byte {
            // A word that begins with '=' has no name before it.
            b'=' if at > 0 && equals.is_none() => equals = Some(at),
            b'"' => in_quotes = !in_quotes,
            _ => {}
        }
    }
    let (mut word, rest) = text.split_at(end);
    if quoted {
        word = word.strip_suffix(b"\"").unwrap_or(word);
    }
    let argument = match equals {
        Some(at) if at < word.len() => Argument {
            name: &word[..at],
            value: Some(unquote(&word[at + 1..])),
        },
        _ => Argument {
            name: word,
            value: None,
        },
    };
    (argument, rest)
}

fn unquote(value: &[u8]) -> &[u8] {
    match value.strip_prefix(b"\"") {
        Some(inner) => inner.strip_suffix(b"\"").unwrap_or(inner),
        None => value,
    }
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte));
    &text[start.unwrap_or(text.len())..]
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b || byte == 0
}

fn setting(name: &str) -> Option<Vec<u8>> {
    let line = read().ok()?;
    last(&parse(&line), name.as_bytes()).map(<[u8]>::to_vec)
}

fn settings() -> Vec<(String, Vec<u8>)> {
    let Ok(line) = read() else { return Vec::new() };
    tree(&parse(&line))
}

/// Every name that is text, sorted, with the value that counts.
fn tree(arguments: &[Argument<'_>]) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for argument in arguments.iter().rev() {
        let Ok(name) = str::from_utf8(argument.name) else {
            continue;
        };
        if !name.is_empty() && !all.iter().any(|(known, _)| known == name) {
            all.push((name.to_owned(), argument.value.unwrap_or_default().to_vec()));
        }
    }
    sort::sort(&mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &[u8]) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let show = |a: &Argument<'_>| match a.value {
            Some(value) => format!("{}={}", text(a.name), text(value)),
            None => text(a.name),
        };
        parse(line).iter().map(show).collect()
    }

    #[test]
    fn words_as_the_kernel_cuts_them() {
        for (line, words) in [
            ("quiet root=/dev/vda\n", vec!["quiet", "root=/dev/vda"]),
            ("  a\t b=1  ", vec!["a", "b=1"]),
            ("a=\"b c\" d", vec!["a=b c", "d"]),
            ("\"a=b c\" d", vec!["a=b c", "d"]),
            ("a=b\"c d\"e f", vec!["a=b\"c d\"e", "f"]),
            ("a=\"never closed b", vec!["a=never closed b"]),
            ("a= b", vec!["a=", "b"]),
            ("a=\"", vec!["a="]),
            ("a=1=2", vec!["a=1=2"]),
            ("=x", vec!["=x"]),
            ("\"\" x", vec!["", "x"]),
            ("a -- b=1", vec!["a", "b=1"]),
            ("\"", vec![""]),
            ("", vec![]),
        ] {
            assert_eq!(shown(line.as_bytes()), words, "{line:?}");
        }
    }

    #[test]
    fn the_last_one_counts() {
        let line = parse(b"a=1 b a=2 b=x c");
        assert_eq!(last(&line, b"a"), Some(&b"2"[..]));
        assert_eq!(last(&line, b"b"), Some(&b"x"[..]));
        assert_eq!(last(&line, b"c"), Some(&b""[..]));
        assert_eq!(last(&line, b"d"), None);
        let names: Vec<_> = tree(&line).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn names_that_are_no_text_are_not_listed() {
        assert_eq!(tree(&parse(b"\xff=1 ok=\xfe")), [("ok".into(), vec![0xfe])]);
    }

    proptest! {
        #[test]
        fn any_bytes(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            tree(&parse(&line));
        }

        #[test]
        fn plain_words_come_back(words in proptest::collection::vec("[a-z][a-z0-9._=/-]{0,12}", 0..9)) {
            prop_assert_eq!(shown(words.join(" ").as_bytes()), words);
        }
    }
}
