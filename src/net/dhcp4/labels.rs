//! Domain names as they stand in packets (RFC 1035 §4.1.4): labels with lengths, and pointers to earlier
//! labels. Invariant: a pointer leads before everything that its name has read, so reading ends.

use crate::net::resolv::domain_name;

/// No name is longer (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;

/// The names of a list (RFC 3397), up to the first that is not well-formed; what is no domain name is
/// left out.
pub(super) fn names(list: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some((text, next)) = name(list, at) {
        names.extend(text);
        at = next;
    }
    names
}

/// The name at an offset, where it is a domain name, and the offset of what follows it.
fn name(list: &[u8], start: usize) -> Option<(Option<String>, usize)> {
    let mut text = Vec::new();
    let mut next = None;
    // A dot inside a label would make two of it.
    let mut whole = true;
    let (mut at, mut run) = (start, start);
    loop {
        match *list.get(at)? {
            0 => break,
            length @ 1..64 => {
                let end = at + 1 + usize::from(length);
                let label = list.get(at + 1..end)?;
                whole &= !label.contains(&b'.');
                text.extend_from_slice(label);
                text.push(b'.');
                at = end;
            }
            high @ 0xc0.. => {
                let to = usize::from(high & 0x3f) << 8 | usize::from(*list.get(at + 1)?);
                next.get_or_insert(at + 2);
                if to >= run {
                    return None;
                }
                (at, run) = (to, to);
            }
            _ => return None,
        }
        if text.len() > MAX_NAME {
            return None;
        }
    }
    let name = domain_name(&text).filter(|_| whole);
    Some((name, next.unwrap_or(at + 1)))
}
