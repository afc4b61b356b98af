//! `modules.alias`: shell patterns of modaliases (`virtio:d00000001v*`) and other names (`fs-9p`) with
//! the module that answers to each. Invariant: a match costs at most pattern × text steps, whatever the
//! pattern.

use super::{first_word, fold, lines};

/// Every module whose alias matches `name`, in the table's order; one may come twice.
pub fn modules_of<'a>(text: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    let mut modules = Vec::new();
    each_match(text, &[name], &mut |_, module| modules.push(module));
    modules
}

/// Calls `found` with the number of each name of `names` (sorted) that an alias matches, and the alias's
/// module. The table is gone through once for all of them.
pub fn each_match<'a>(text: &'a [u8], names: &[&[u8]], found: &mut dyn FnMut(usize, &'a [u8])) {
    let mut last_bus: &[u8] = b"";
    let mut candidates = 0..0;
    for (pattern, module) in lines(text).filter_map(alias_line) {
        let bus = bus_of(pattern);
        if bus != last_bus || candidates.is_empty() {
            last_bus = bus;
            candidates = if literal(bus) {
                of_bus(names, bus)
            } else {
                0..names.len()
            };
        }
        for at in candidates.clone() {
            if matches(pattern, names[at]) {
                found(at, module);
            }
        }
    }
}

fn alias_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (keyword, rest) = first_word(line);
    let (pattern, rest) = first_word(rest);
    let (module, _) = first_word(rest);
    (keyword == b"alias" && !module.is_empty()).then_some((pattern, module))
}

/// What stands before the first `:` (`virtio`, `pci`, `acpi*`), with it; nothing for a plain name.
fn bus_of(name: &[u8]) -> &[u8] {
    let colon = name.iter().position(|&b| b == b':');
    colon.map_or(b"", |at| &name[..=at])
}

fn literal(bus: &[u8]) -> bool {
    !bus.is_empty()
        && !bus
            .iter()
            .any(|b| matches!(b, b'*' | b'?' | b'[' | b'-' | b'_'))
}

/// The names (sorted) that begin with `bus`.
fn of_bus(names: &[&[u8]], bus: &[u8]) -> std::ops::Range<usize> {
    let start = names.partition_point(|name| *name < bus);
    let count = names[start..].partition_point(|name| name.starts_with(bus));
    start..start + count
}

/// fnmatch(3) without flags (`*`, `?`, `[a-z]`, `[!a-z]`), `-` and `_` alike outside brackets. A bracket
/// that is not closed stands for itself.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last star, with one more byte given to it.
    let mut retry = None;
    while t < text.len() {
        match one(pattern, p, text[t]) {
            Step::Star => {
                p += 1;
                retry = Some((p, t));
            }
            Step::Matched(next) => {
                p = next;
                t += 1;
            }
            Step::No => match &mut retry {
                None => return false,
                Some((after_star, from)) => {
                    *from += 1;
                    (p, t) = (*after_star, *from);
                }
            },
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

enum Step {
    Star,
    /// The byte matches; the pattern goes on here.
    Matched(usize),
    No,
}

fn one(pattern: &[u8], at: usize, byte: u8) -> Step {
    match pattern.get(at) {
        None => Step::No,
        Some(b'*') => Step::Star,
        Some(b'?') => Step::Matched(at + 1),
        Some(b'[') => match bracket(&pattern[at + 1..], byte) {
            Some((true, length)) => Step::Matched(at + 1 + length),
            Some((false, _)) => Step::No,
            None if byte == b'[' => Step::Matched(at + 1),
            None => Step::No,
        },
        Some(&literal) if fold(literal) == fold(byte) => Step::Matched(at + 1),
        Some(_) => Step::No,
    }
}

/// Reads what follows a `[`: whether `byte` is among it, and its length with the `]`.
fn bracket(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        // A `]` in the first place is one of the set.
        if low == b']' && at > start {
            return Some((found != negated, at + 1));
        }
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(&high)) if high != b']' => {
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                found |= low == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("virtio:d00000001v*", "virtio:d00000001v00001AF4", true),
            ("virtio:d00000001v*", "virtio:d00000002v00001AF4", false),
            (
                "pci:v*d*sv*sd*bc01sc06i01*",
                "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
                true,
            ),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("a**b", "ab", true),
            ("a*b*c", "axbxbxc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[0-9a-f]x", "cx", true),
            ("[0-9a-f]x", "gx", false),
            ("[!0-9]", "a", true),
            ("[^0-9]", "5", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("[a", "b", false),
            ("[a-]", "-", true),
            ("[", "[", true),
            ("fs-9p", "fs_9p", true),
            ("acpi*:LNXPWRBN:*", "acpi:LNXPWRBN:", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_hostile_pattern_is_quick() {
        let pattern = b"*a".repeat(2000);
        let text = [b"a".repeat(4000), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &text));
    }

    const TABLE: &[u8] = b"# Aliases\nalias virtio:d00000001v* virtio_net\nalias pci:v00001AF4d*sv* virtio_pci\n\
        alias virtio:d00000009v* 9pnet_virtio\nalias fs-9p 9p\nalias acpi*:PNP0501:* 8250_pnp\nalias broken\n\
        alias *:wild wild\noptions a b\nalias virtio:d00000001v* second\n";

    #[test]
    fn names_one_at_a_time() {
        assert_eq!(modules_of(TABLE, b"fs-9p"), [b"9p"]);
        assert_eq!(
            modules_of(TABLE, b"virtio:d00000001v00001AF4"),
            [&b"virtio_net"[..], b"second"]
        );
        assert_eq!(modules_of(TABLE, b"acpi:PNP0501:"), [b"8250_pnp"]);
        assert!(modules_of(TABLE, b"broken").is_empty());
    }

    #[test]
    fn all_names_at_once() {
        let mut names: Vec<&[u8]> = vec![
            b"virtio:d00000009v00001AF4",
            b"usb:wild",
            b"pci:v00001AF4d00001000sv1",
            b"virtio:d00000001v00001AF4",
            b"nothing",
        ];
        names.sort_unstable();
        let mut found = Vec::new();
        each_match(TABLE, &names, &mut |at, module| {
            found.push((names[at], module))
        });
        let mut one_by_one = Vec::new();
        for name in &names {
            one_by_one.extend(
                modules_of(TABLE, name)
                    .into_iter()
                    .map(|module| (*name, module)),
            );
        }
        found.sort_unstable();
        one_by_one.sort_unstable();
        assert_eq!(found, one_by_one);
        assert_eq!(found.len(), 5);
    }

    proptest! {
        #[test]
        fn as_fnmatch_does(pattern in "[ab*?\\[\\]!^-]{0,8}", text in "[ab\\[\\]!-]{0,8}") {
            let wanted = reference(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), wanted);
        }

        #[test]
        fn any_bytes(table in proptest::collection::vec(any::<u8>(), 0..300), name in proptest::collection::vec(any::<u8>(), 0..30)) {
            modules_of(&table, &name);
            matches(&table, &name);
        }
    }

    /// The same by trying everything.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        let Some(&first) = pattern.first() else {
            return text.is_empty();
        };
        if first == b'*' {
            return (0..=text.len()).any(|skip| reference(&pattern[1..], &text[skip..]));
        }
        let Some((&byte, rest)) = text.split_first() else {
            return false;
        };
        match one(pattern, 0, byte) {
            Step::Matched(next) => reference(&pattern[next..], rest),
            _ => false,
        }
    }
}
