//! What services say about themselves (sd_notify(3)): lines `NAME=VALUE`, several in a datagram. Pure.
//! Invariant: what it does not understand is nothing.

use std::time::Duration;

/// The longest datagram that is read; a longer one counts as empty.
pub const LONGEST: usize = 2048;

/// How many bytes of a status are shown.
const STATUS: usize = 160;

/// Something that a service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It is ready.
    Ready,
    /// How it is, fit to be shown.
    Status(String),
    /// It is alive.
    Alive,
    /// It is not well and wants to be ended (`WATCHDOG=trigger`).
    Unwell,
    /// It says that often from now on that it is alive.
    Every(Duration),
    /// It is ending.
    Stopping,
}

/// What a datagram says, in its order.
pub fn words(datagram: &[u8]) -> impl Iterator<Item = Word> {
    datagram.split(|&byte| byte == b'\n').filter_map(word)
}

fn word(line: &[u8]) -> Option<Word> {
    let at = line.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&line[..at], &line[at + 1..]);
    match (name, value) {
        (b"READY", b"1") => Some(Word::Ready),
        (b"WATCHDOG", b"1") => Some(Word::Alive),
        (b"WATCHDOG", b"trigger") => Some(Word::Unwell),
        (b"WATCHDOG_USEC", value) => every(value).map(Word::Every),
        (b"STOPPING", b"1") => Some(Word::Stopping),
        (b"STATUS", value) => Some(Word::Status(shown(value))),
        _ => None,
    }
}

/// A number of microseconds, as in `WATCHDOG_USEC`; a millisecond at least.
pub fn every(value: &[u8]) -> Option<Duration> {
    let micros = std::str::from_utf8(value).ok()?.parse().ok()?;
    let every = Duration::from_micros(micros);
    (every >= Duration::from_millis(1)).then_some(every)
}

/// One line without control characters.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let plain = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut shown = String::new();
    for c in plain {
        if shown.len() + c.len_utf8() > STATUS {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(datagram: &[u8]) -> Vec<Word> {
        words(datagram).collect()
    }

    #[test]
    fn several_in_a_datagram_and_junk_between_them() {
        let datagram =
            b"READY=1\nSTATUS=serving on 80\nMAINPID=4\n\nnonsense\n=\nREADY=2\nSTOPPING=1";
        let status = Word::Status("serving on 80".into());
        assert_eq!(said(datagram), [Word::Ready, status, Word::Stopping]);
        assert_eq!(
            said(b"WATCHDOG=1\nWATCHDOG=trigger"),
            [Word::Alive, Word::Unwell]
        );
        let second = Word::Every(Duration::from_secs(1));
        assert_eq!(said(b"WATCHDOG_USEC=1000000"), [second]);
        for junk in [
            "",
            "READY",
            "ready=1",
            "READY=1 ",
            "WATCHDOG_USEC=0",
            "WATCHDOG_USEC=-1",
        ] {
            assert_eq!(said(junk.as_bytes()), [], "{junk}");
        }
    }

    #[test]
    fn a_status_is_one_short_line() {
        assert_eq!(
            said(b"STATUS=a\x1b[2J\xff"),
            [Word::Status("a?[2J\u{fffd}".into())]
        );
        let long = [b"STATUS=".as_slice(), &[b'x'; 1000]].concat();
        let cut = format!("{}…", "x".repeat(STATUS));
        assert_eq!(said(&long), [Word::Status(cut)]);
    }

    proptest! {
        #[test]
        fn nothing_is_shown_as_it_is_or_at_length(datagram: Vec<u8>) {
            for word in words(&[b"STATUS=", datagram.as_slice()].concat()) {
                if let Word::Status(text) = word {
                    prop_assert!(text.len() <= STATUS + 3 && !text.contains(char::is_control));
                }
            }
        }
    }
}
