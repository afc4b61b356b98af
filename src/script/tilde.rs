//! Where `~` and `~user` stand in a word (POSIX XCU 2.6.1). Invariant: only unquoted text counts, and
//! only up to a `/` (in an assigned value also a `:`) or the end of the word.

use super::ast::Part;

/// A word: the tilde may be its first byte.
pub(super) fn in_word(parts: &mut Vec<Part>) {
    mark(parts, 0, false);
}

/// An assigned value, which begins at byte `from` of the first part: the tilde may also follow a `:`.
pub(super) fn in_value(parts: &mut Vec<Part>, from: usize) {
    mark(parts, from, true);
}

fn mark(parts: &mut Vec<Part>, from: usize, value: bool) {
    let candidate = |part: &Part| matches!(part, Part::Literal(text) if text.contains(&b'~'));
    if !parts.iter().any(candidate) {
        return;
    }
    let count = parts.len();
    let mut marked = Vec::with_capacity(count + 2);
    for (index, part) in std::mem::take(parts).into_iter().enumerate() {
        match part {
            Part::Literal(text) if value || index == 0 => {
                let begins = (index == 0).then_some(from);
                split(&text, begins, index + 1 == count, value, &mut marked);
            }
            part => marked.push(part),
        }
    }
    *parts = marked;
}

/// Splits a text at its tildes. `begins`: where the first one may stand; `ends`: nothing follows the
/// text, so its end ends a user's name too.
fn split(text: &[u8], begins: Option<usize>, ends: bool, value: bool, to: &mut Vec<Part>) {
    let mut done = 0;
    let mut at = begins.unwrap_or(0);
    let mut may_begin = begins.is_some();
    while at < text.len() {
        if may_begin && text[at] == b'~' {
            let name = &text[at + 1..];
            let length = name.iter().position(|&b| b == b'/' || value && b == b':');
            if length.is_none() && !ends {
                break;
            }
            let name = &name[..length.unwrap_or(name.len())];
            if done < at {
                to.push(Part::Literal(text[done..at].to_vec()));
            }
            to.push(Part::Tilde(name.to_vec()));
            at += 1 + name.len();
            done = at;
            may_begin = false;
            continue;
        }
        may_begin = value && text[at] == b':';
        at += 1;
        if !value {
            break;
        }
    }
    if done < text.len() {
        to.push(Part::Literal(text[done..].to_vec()));
    }
}
