//! Shell patterns (POSIX XCU 2.13) on bytes: `*`, `?`, `[…]`, quoting. Invariant: no pattern takes more
//! than (its length) × (the text's length) steps, whatever it holds.

/// A pattern, ready to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    atoms: Vec<Atom>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    /// This byte.
    Byte(u8),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `[…]`
    Set(Box<Set>),
}

/// A set of bytes, one bit for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Set([u64; 4]);

impl Set {
    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    fn invert(&mut self) {
        self.0.iter_mut().for_each(|bits| *bits = !*bits);
    }
}

impl Atom {
    fn accepts(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::Any | Self::Star => true,
            Self::Set(set) => set.contains(byte),
        }
    }
}

impl Pattern {
    /// Builds a pattern from bytes with whether each was quoted; a quoted byte stands for itself, and
    /// an unquoted backslash quotes what follows it.
    pub fn new(bytes: &[(u8, bool)]) -> Self {
        let bytes = without_backslashes(bytes);
        let mut atoms = Vec::with_capacity(bytes.len());
        // Behind the last closing bracket no `[` begins a set: not looking keeps `[[[[…` linear.
        let last_close = bytes.iter().rposition(|&b| b == (b']', false));
        let mut at = 0;
        while let Some(&(byte, quoted)) = bytes.get(at) {
            at += 1;
            atoms.push(match byte {
                _ if quoted => Atom::Byte(byte),
                b'?' => Atom::Any,
                b'*' if atoms.last() == Some(&Atom::Star) => continue,
                b'*' => Atom::Star,
                b'[' if last_close.is_some_and(|close| close > at) => match set(&bytes[at..]) {
                    Some((set, length)) => {
                        at += length;
                        Atom::Set(Box::new(set))
                    }
                    None => Atom::Byte(byte),
                },
                _ => Atom::Byte(byte),
            });
        }
        Self { atoms }
    }

    /// Whether it can match only one text: [`Pattern::literal`] gives it.
    pub fn is_literal(&self) -> bool {
        self.atoms.iter().all(|atom| matches!(atom, Atom::Byte(_)))
    }

    /// The only text that it matches, quoting removed; `None` where it holds `*`, `?` or `[…]`.
    pub fn literal(&self) -> Option<Vec<u8>> {
        self.atoms
            .iter()
            .map(|atom| match atom {
                Atom::Byte(byte) => Some(*byte),
                _ => None,
            })
            .collect()
    }

    /// Whether it matches all of `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        // Only the last star that was met can have to take more: earlier ones took as little as they
        // could, so going back to them could not help.
        let (mut atom, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.atoms.get(atom), text.get(at)) {
                (Some(Atom::Star), _) => {
                    atom += 1;
                    star = Some((atom, at));
                }
                (Some(own), Some(&byte)) if own.accepts(byte) => {
                    atom += 1;
                    at += 1;
                }
                (None, None) => return true,
                (_, rest) => match &mut star {
                    Some((after, from)) if rest.is_some() => {
                        *from += 1;
                        (atom, at) = (*after, *from);
                    }
                    _ => return false,
                },
            }
        }
    }

    /// The length of the shortest or longest beginning of `text` that it matches.
    pub fn prefix(&self, text: &[u8], longest: bool) -> Option<usize> {
        if let Some(literal) = self.literal() {
            return text.starts_with(&literal).then_some(literal.len());
        }
        self.run(text, longest, false)
    }

    /// Where the shortest or longest end of `text` that it matches begins.
    pub fn suffix(&self, text: &[u8], longest: bool) -> Option<usize> {
        if let Some(literal) = self.literal() {
            return text.ends_with(&literal).then(|| text.len() - literal.len());
        }
        let length = self.run(text, longest, true)?;
        Some(text.len() - length)
    }

    /// Runs over the text with all states at once, from its end if `backwards`, and gives how many
    /// bytes the shortest or longest match took.
    fn run(&self, text: &[u8], longest: bool, backwards: bool) -> Option<usize> {
        let states = self.atoms.len();
        let atom = |state: usize| {
            let index = if backwards { states - 1 - state } else { state };
            &self.atoms[index]
        };
        // In which step a state was last entered: none is entered twice in one.
        let mut entered = vec![usize::MAX; states + 1];
        let mut enter = |state: usize, step: usize, to: &mut Vec<usize>| {
            let mut state = state;
            while entered[state] != step {
                entered[state] = step;
                to.push(state);
                // A star may also take nothing.
                if state == states || *atom(state) != Atom::Star {
                    break;
                }
                state += 1;
            }
        };
        let mut now = Vec::new();
        let mut next = Vec::new();
        enter(0, 0, &mut now);
        let mut found = None;
        for step in 0..=text.len() {
            if now.contains(&states) {
                found = Some(step);
                if !longest {
                    break;
                }
            }
            let index = if backwards {
                text.len().wrapping_sub(step + 1)
            } else {
                step
            };
            let Some(&byte) = text.get(index) else { break };
            for &state in now.iter().filter(|&&state| state < states) {
                let own = atom(state);
                if own.accepts(byte) {
                    let stays = *own == Atom::Star;
                    enter(state + usize::from(!stays), step + 1, &mut next);
                }
            }
            now.clear();
            std::mem::swap(&mut now, &mut next);
            if now.is_empty() {
                break;
            }
        }
        found
    }
}

/// Applies unquoted backslashes; one at the very end stands for itself.
fn without_backslashes(bytes: &[(u8, bool)]) -> Vec<(u8, bool)> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some((byte, quoted)) = rest.next() {
        plain.push(match (byte, quoted) {
            (b'\\', false) => (rest.next().map_or(b'\\', |(byte, _)| byte), true),
            other => other,
        });
    }
    plain
}

/// Reads a bracket expression from behind its `[`, and how long it is; `None` where it is not closed,
/// so that the `[` stands for itself.
fn set(bytes: &[(u8, bool)]) -> Option<(Set, usize)> {
    // As in dash, `^` is a member like any other; POSIX leaves it open.
    let inverted = bytes.first() == Some(&(b'!', false));
    let first = usize::from(inverted);
    let mut set = Set::default();
    let mut at = first;
    loop {
        let &(byte, quoted) = bytes.get(at)?;
        if byte == b']' && !quoted && at > first {
            break;
        }
        if byte == b'['
            && !quoted
            && let Some(length) = class(&bytes[at + 1..], &mut set)
        {
            at += 1 + length;
            continue;
        }
        at += 1;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some((b'-', false)), Some(&(end, end_quoted))) if end != b']' || end_quoted => {
                (byte..=end).for_each(|byte| set.insert(byte));
                at += 2;
            }
            _ => set.insert(byte),
        }
    }
    if inverted {
        set.invert();
    }
    Some((set, at + 1))
}

/// Reads `:alpha:]` into the set and gives its length; `None` where it is no class.
fn class(bytes: &[(u8, bool)], set: &mut Set) -> Option<usize> {
    const LONGEST: usize = ":xdigit:]".len();
    let text: Vec<u8> = bytes
        .iter()
        .take(LONGEST)
        .map_while(|&(byte, quoted)| (!quoted).then_some(byte))
        .collect();
    let inner = text.strip_prefix(b":")?;
    let length = inner.iter().position(|&b| b == b':')?;
    if inner.get(length + 1) != Some(&b']') {
        return None;
    }
    let is_member: fn(&u8) -> bool = match &inner[..length] {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    (0..=u8::MAX)
        .filter(is_member)
        .for_each(|byte| set.insert(byte));
    Some(1 + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::processor_time;
    use proptest::prelude::*;

    fn pattern(text: &[u8]) -> Pattern {
        Pattern::new(&text.iter().map(|&byte| (byte, false)).collect::<Vec<_>>())
    }

    #[test]
    fn as_dash_matches() {
        for (text, shell, expected) in [
            ("a", "[!b]", true),
            ("a", "[^b]", false),
            ("^", "[^b]", true),
            ("]", "[]a]", true),
            ("b", "[!]a]", true),
            ("-", "[a-]", true),
            ("-", "[-a]", true),
            ("[", "[", true),
            ("[a", "[a", true),
            ("a", "[a", false),
            ("b", "[z-a]", false),
            ("a", "[[:alpha:]x]", true),
            ("n]", "[[:nope:]]", true),
            ("a", "[[:nope:]]", false),
            ("\\", "\\", true),
            ("*", "\\*", true),
            ("a", "[\\a]", true),
            ("]", "[\\]]", true),
            ("-", "[a\\-z]", true),
            ("b", "[a\\-z]", false),
            ("\u{e9}", "?", false),
            ("\u{e9}", "??", true),
            ("[a", "[[:upper:]", false),
            ("[e", "[[:upper:]", true),
            ("a]", "[]]", false),
            ("[!]", "[!]", true),
            ("[]", "[]", true),
            ("d", "[a-c-e]", false),
            ("-", "[a-c-e]", true),
            ("[[:alpha:", "[[:alpha:", true),
            ("y", "[[:digit:]-z]", false),
            ("", "*", true),
            ("", "", true),
            ("abXcdXef", "*X*X*", true),
            ("abc", "a?c*", true),
        ] {
            assert_eq!(
                pattern(shell.as_bytes()).matches(text.as_bytes()),
                expected,
                "{text} in {shell}"
            );
        }
    }

    #[test]
    fn quoted_bytes_stand_for_themselves() {
        let quoted = Pattern::new(&[(b'*', true), (b'[', true), (b'?', false)]);
        assert!(quoted.matches(b"*[x"));
        assert!(!quoted.matches(b"ab[x"));
        assert!(!quoted.is_literal());
        let literal = Pattern::new(&[(b'*', true), (b'\\', false), (b'?', false)]);
        assert!(literal.is_literal());
        assert_eq!(literal.literal().unwrap(), b"*?");
        let not_a_range = Pattern::new(&[
            (b'[', false),
            (b'a', false),
            (b'-', true),
            (b'c', false),
            (b']', false),
        ]);
        assert!(!not_a_range.matches(b"b") && not_a_range.matches(b"-"));
    }

    #[test]
    fn prefixes_and_suffixes() {
        let x = b"aXbXc";
        assert_eq!(pattern(b"*X").prefix(x, false), Some(2));
        assert_eq!(pattern(b"*X").prefix(x, true), Some(4));
        assert_eq!(pattern(b"X*").suffix(x, false), Some(3));
        assert_eq!(pattern(b"X*").suffix(x, true), Some(1));
        assert_eq!(pattern(b"*").prefix(x, false), Some(0));
        assert_eq!(pattern(b"*").suffix(x, true), Some(0));
        assert_eq!(pattern(b"b").prefix(x, true), None);
        assert_eq!(pattern(b"").suffix(x, true), Some(5));
    }

    #[test]
    fn hostile_patterns_end() {
        let begun = processor_time();
        let text = vec![b'a'; 20_000];
        let stars = pattern(&b"*a".repeat(50));
        assert!(stars.matches(&text));
        assert!(!pattern(&[b"*a".repeat(50), b"b".to_vec()].concat()).matches(&text));
        assert_eq!(stars.prefix(&text, false), Some(50));
        assert_eq!(stars.suffix(&text, true), Some(0));
        pattern(&vec![b'['; 1 << 20]);
        pattern(&b"[[:".repeat(1 << 18));
        assert!((processor_time() - begun).as_secs() < 20);
    }

    /// By definition: a star takes every length in turn.
    fn naive(atoms: &[Atom], text: &[u8]) -> bool {
        match atoms {
            [] => text.is_empty(),
            [Atom::Star, rest @ ..] => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            [own, rest @ ..] => {
                text.first().is_some_and(|&b| own.accepts(b)) && naive(rest, &text[1..])
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn as_by_definition(shell in "[ab*?]{0,8}|[ab*?\\[\\]!\\\\-]{0,10}", text in "[ab\\]\\[-]{0,9}") {
            let (pattern, text) = (pattern(shell.as_bytes()), text.as_bytes());
            prop_assert_eq!(pattern.matches(text), naive(&pattern.atoms, text));
            let mut prefixes = (0..=text.len()).filter(|&at| naive(&pattern.atoms, &text[..at]));
            prop_assert_eq!(pattern.prefix(text, false), prefixes.clone().next());
            prop_assert_eq!(pattern.prefix(text, true), prefixes.next_back());
            let mut suffixes = (0..=text.len()).filter(|&at| naive(&pattern.atoms, &text[at..]));
            prop_assert_eq!(pattern.suffix(text, true), suffixes.clone().next());
            prop_assert_eq!(pattern.suffix(text, false), suffixes.next_back());
        }

        #[test]
        fn bytes(shell in prop::collection::vec(any::<(u8, bool)>(), 0..40), text in prop::collection::vec(any::<u8>(), 0..40)) {
            let pattern = Pattern::new(&shell);
            let matched = pattern.matches(&text);
            prop_assert_eq!(matched, pattern.prefix(&text, true) == Some(text.len()));
        }
    }
}
