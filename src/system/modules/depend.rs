//! `modules.dep`, `modules.softdep` and `modules.builtin`. Invariant: an [`Entry`]'s number is its place
//! in the order of names, so that it is found by halving.

use super::{compare, first_word, lines, name_of, same, words};
use crate::sort;

/// One module of `modules.dep`: `PATH: PATH…`, paths relative to the directory or absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name as in the file name (`-` and `_` as there).
    pub name: &'a [u8],
    /// Its file.
    pub path: &'a [u8],
    needs: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The names of the modules that it needs, in the order in which they must be loaded: depmod(8)
    /// writes the nearest first.
    pub fn needs(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.needs).rev().map(name_of)
    }
}

/// The modules of a `modules.dep`, sorted by name. A line without a colon is skipped; of two modules of
/// one name the first is kept.
pub fn entries(text: &[u8]) -> Vec<Entry<'_>> {
    let mut all: Vec<Entry<'_>> = lines(text).filter_map(entry).collect();
    sort::sort_by(&mut all, |a, b| compare(a.name, b.name));
    all.dedup_by(|later, first| same(later.name, first.name));
    all
}

fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let colon = line.iter().position(|&b| b == b':')?;
    let path = line[..colon].trim_ascii();
    let name = name_of(path);
    (!name.is_empty()).then_some(Entry {
        name,
        path,
        needs: &line[colon + 1..],
    })
}

/// One line `softdep NAME pre: NAME… post: NAME…` (modprobe.d(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soft<'a> {
    /// The module that asks.
    pub name: &'a [u8],
    /// Modules or aliases to be loaded before it, where there are any of that name.
    pub before: Vec<&'a [u8]>,
    /// And after it.
    pub after: Vec<&'a [u8]>,
}

/// The soft dependencies of a table, in its order.
pub fn soft(text: &[u8]) -> Vec<Soft<'_>> {
    lines(text).filter_map(soft_line).collect()
}

fn soft_line(line: &[u8]) -> Option<Soft<'_>> {
    let (keyword, rest) = first_word(line);
    let (name, rest) = first_word(rest);
    if keyword != b"softdep" || name.is_empty() {
        return None;
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut list = None;
    for word in words(rest) {
        match word {
            b"pre:" => list = Some(&mut before),
            b"post:" => list = Some(&mut after),
            word => {
                if let Some(list) = &mut list {
                    list.push(word);
                }
            }
        }
    }
    Some(Soft {
        name,
        before,
        after,
    })
}

/// Whether `modules.builtin` names this module.
pub fn is_builtin(text: &[u8], name: &[u8]) -> bool {
    lines(text).any(|path| same(name_of(path), name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEP: &[u8] =
        b"kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko\n\
        kernel/net/9p/9pnet.ko:\n# comment\n\nno colon here\nkernel/drivers/virtio/virtio.ko: \n\
        extra/nf-conntrack.ko.xz: kernel/x.ko\nupdates/9pnet.ko: second\n: nameless\n";

    #[test]
    fn entries_are_sorted_and_unique() {
        let all = entries(DEP);
        let names: Vec<_> = all
            .iter()
            .map(|e| str::from_utf8(e.name).unwrap())
            .collect();
        assert_eq!(names, ["9pnet", "9pnet_virtio", "nf-conntrack", "virtio"]);
        assert_eq!(all[0].path, b"kernel/net/9p/9pnet.ko");
        assert_eq!(all[0].needs().count(), 0);
        let needs: Vec<_> = all[1].needs().collect();
        assert_eq!(needs, [&b"virtio"[..], b"9pnet"]);
    }

    #[test]
    fn soft_dependencies() {
        let text = b"# Soft dependencies\nsoftdep virtio_net pre: a b-c post: d\nsoftdep x post: y pre: z\n\
            softdep lonely\nsoftdep\noptions x a=1\nsoftdep q stray pre:";
        let all = soft(text);
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].name, b"virtio_net");
        assert_eq!(all[0].before, [&b"a"[..], b"b-c"]);
        assert_eq!(all[0].after, [b"d"]);
        assert_eq!(all[1].before, [b"z"]);
        assert_eq!(all[1].after, [b"y"]);
        assert!(all[2].before.is_empty() && all[3].before.is_empty());
    }

    #[test]
    fn builtin() {
        let text = b"kernel/fs/ext4/ext4.ko\nkernel/net/nf-conntrack.ko\n";
        assert!(is_builtin(text, b"ext4"));
        assert!(is_builtin(text, b"nf_conntrack"));
        assert!(!is_builtin(text, b"ext"));
    }

    proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            for entry in entries(&text) {
                entry.needs().count();
            }
            soft(&text);
            is_builtin(&text, b"x");
        }
    }
}
