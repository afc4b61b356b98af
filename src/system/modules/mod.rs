//! Kernel modules: which file a name or a device's modalias means, what must be loaded before it, and
//! loading it. Invariant: the tables of `/lib/modules/VERSION` (modules.dep(5)) are read once and never
//! copied; names compare with `-` and `_` alike, as everywhere in the kernel.
//!
//! `catalog` holds the tables, `depend`, `alias` and `config` read one of them each, `plan` orders,
//! `unpack` decompresses, `load` calls the kernel, `coldplug` asks the hardware.

pub mod alias;
pub mod catalog;
pub mod coldplug;
pub mod config;
pub mod depend;
pub mod load;
pub mod loaded;
pub mod plan;
pub mod unpack;

use std::cmp::Ordering;

/// A module's name: the last part of its path up to the first `.` (`9pnet` of `kernel/net/9p/9pnet.ko.xz`).
pub fn name_of(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let name = &path[start..];
    let end = name.iter().position(|&b| b == b'.').unwrap_or(name.len());
    &name[..end]
}

/// How the kernel writes a module's name: with `_` for `-`.
pub fn kernel_name(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&b| fold(b)).collect()
}

/// The order of names, `-` and `_` alike.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(|&b| fold(b)).cmp(b.iter().map(|&b| fold(b)))
}

/// Whether two names are the same module.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && compare(a, b) == Ordering::Equal
}

fn fold(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

/// The lines of a table that say something: no empty ones, no comments.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && line[0] != b'#')
}

/// The words of a line.
fn words(line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// The first word and what follows it.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    (word, rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name_of(b"kernel/net/9p/9pnet.ko.xz"), b"9pnet");
        assert_eq!(name_of(b"nf-conntrack.ko"), b"nf-conntrack");
        assert_eq!(name_of(b""), b"");
        assert!(same(b"nf-conntrack", b"nf_conntrack"));
        assert!(!same(b"nf", b"nf_"));
        assert_eq!(kernel_name(b"a-b_c"), b"a_b_c");
    }

    #[test]
    fn first_words() {
        assert_eq!(first_word(b" a  b c"), (&b"a"[..], &b"b c"[..]));
        assert_eq!(first_word(b""), (&b""[..], &b""[..]));
    }
}
