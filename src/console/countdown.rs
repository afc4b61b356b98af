//! The countdown before `autoexec.run` and before power-off, as a pure machine: bytes and the time go
//! in, what to show and the outcome come out. Invariant: no input ever moves the deadline.

use std::time::Duration;

use crate::time::Instant;

/// Which key ends a countdown. Line noise looks like keys, so the choice is the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Any key. NUL (a serial break) and bytes outside ASCII (noise) are none.
    Any,
    /// Enter: CR or LF.
    Enter,
    /// Escape.
    Escape,
    /// No key at all.
    None,
    /// These bytes, one after the other.
    Text(Vec<u8>),
}

impl Key {
    /// Reads `any`, `enter`, `esc`, `none` or a text of the user's choice (`initsh.interrupt=`).
    pub fn parse(text: &[u8]) -> Self {
        match text {
            b"any" | b"" => Self::Any,
            b"enter" | b"return" => Self::Enter,
            b"esc" | b"escape" => Self::Escape,
            b"none" => Self::None,
            text => Self::Text(text.to_vec()),
        }
    }

    /// How a person is told: `any key`, `Enter`.
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "any key".into(),
            Self::Enter => "Enter".into(),
            Self::Escape => "Esc".into(),
            Self::None => "no key".into(),
            Self::Text(text) => format!("'{}'", String::from_utf8_lossy(text).escape_debug()),
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The key was pressed.
    Pressed,
    /// Nobody pressed it in time.
    TimeOver,
}

/// A countdown that runs.
#[derive(Debug)]
pub struct Countdown {
    key: Key,
    /// `None`: waits for ever.
    deadline: Option<Instant>,
    /// How much of [`Key::Text`] has come.
    matched: usize,
    /// The byte that was, or completed, the key.
    pressed: Option<u8>,
}

impl Countdown {
    /// Starts one of this length (`None`: until the key is pressed).
    pub fn new(key: Key, length: Option<Duration>, now: Instant) -> Self {
        Self {
            key,
            deadline: length.map(|length| now + length),
            matched: 0,
            pressed: None,
        }
    }

    /// Takes input. Bytes that are not the key are forgotten.
    pub fn input(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let pressed = match &self.key {
                Key::Any => (1..=0x7e).contains(&byte),
                Key::Enter => matches!(byte, b'\r' | b'\n'),
                Key::Escape => byte == 0x1b,
                Key::None => false,
                Key::Text(text) => {
                    self.matched = advance(text, self.matched, byte);
                    self.matched == text.len()
                }
            };
            if pressed {
                self.pressed.get_or_insert(byte);
            }
        }
    }

    /// Whether the key was ESC, with which arrow keys begin too.
    pub fn ended_by_escape(&self) -> bool {
        self.pressed == Some(0x1b)
    }

    /// The outcome, once there is one. A key that came in time counts even if it is seen late.
    pub fn outcome(&self, now: Instant) -> Option<Outcome> {
        if self.pressed.is_some() {
            Some(Outcome::Pressed)
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            Some(Outcome::TimeOver)
        } else {
            None
        }
    }

    /// Whole seconds left, rounded up; `None` where it waits for ever.
    pub fn seconds_left(&self, now: Instant) -> Option<u64> {
        let left = self.deadline?.since(now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// How long nothing will change without input: until the next whole second, or for ever.
    pub fn next_change(&self, now: Instant) -> Option<Duration> {
        let left = self.deadline?.since(now);
        let part = Duration::from_nanos(left.subsec_nanos().into());
        Some(if part.is_zero() {
            left.min(Duration::from_secs(1))
        } else {
            part
        })
    }
}

/// How much of `text` has been typed after one more byte, `before` of it having been typed.
fn advance(text: &[u8], before: usize, byte: u8) -> usize {
    let mut typed = text[..before.min(text.len())].to_vec();
    typed.push(byte);
    // The longest end of what was typed that is a beginning of the text.
    (0..=typed.len().min(text.len()))
        .rev()
        .find(|&length| typed.ends_with(&text[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_boot(Duration::from_millis(millis))
    }

    fn five(key: Key) -> Countdown {
        Countdown::new(key, Some(Duration::from_secs(5)), at(1000))
    }

    #[test]
    fn every_byte_against_every_key() {
        for byte in 0..=255u8 {
            for (key, ends) in [
                (Key::Any, (1..=0x7e).contains(&byte)),
                (Key::Enter, byte == 13 || byte == 10),
                (Key::Escape, byte == 27),
                (Key::None, false),
                (Key::Text(b"x".to_vec()), byte == b'x'),
            ] {
                let mut countdown = five(key.clone());
                countdown.input(&[byte]);
                let outcome = countdown.outcome(at(1001));
                assert_eq!(outcome, ends.then_some(Outcome::Pressed), "{key:?} {byte}");
            }
        }
    }

    #[test]
    fn noise_never_moves_the_deadline() {
        for key in [
            Key::Enter,
            Key::Escape,
            Key::None,
            Key::Text(b"stop".to_vec()),
        ] {
            let mut countdown = five(key.clone());
            for millis in 1000..6000 {
                countdown.input(b"\x00\xffs~st");
                assert_eq!(countdown.outcome(at(millis)), None, "{key:?} at {millis}");
            }
            assert_eq!(
                countdown.outcome(at(6000)),
                Some(Outcome::TimeOver),
                "{key:?}"
            );
        }
    }

    #[test]
    fn a_text_is_found_wherever_it_begins() {
        for (input, found) in [
            ("stop", true),
            ("ststop", true),
            ("s top", false),
            ("xxstopxx", true),
            ("sto", false),
        ] {
            let mut countdown = five(Key::Text(b"stop".to_vec()));
            for byte in input.bytes() {
                countdown.input(&[byte]);
            }
            assert_eq!(countdown.outcome(at(1000)).is_some(), found, "{input}");
        }
        let mut countdown = five(Key::Text(b"aab".to_vec()));
        countdown.input(b"aaab");
        assert_eq!(countdown.outcome(at(1000)), Some(Outcome::Pressed));
    }

    #[test]
    fn shows_whole_seconds_and_wakes_when_they_change() {
        let countdown = five(Key::Any);
        for (millis, left, wake) in [
            (1000, 5, 1000),
            (1001, 5, 999),
            (1999, 5, 1),
            (2000, 4, 1000),
            (5999, 1, 1),
            (6000, 0, 0),
            (9000, 0, 0),
        ] {
            assert_eq!(countdown.seconds_left(at(millis)), Some(left), "{millis}");
            let wake = Duration::from_millis(wake);
            assert_eq!(countdown.next_change(at(millis)), Some(wake), "{millis}");
        }
    }

    #[test]
    fn zero_is_over_at_once_and_none_never() {
        let zero = Countdown::new(Key::Any, Some(Duration::ZERO), at(7));
        assert_eq!(zero.outcome(at(7)), Some(Outcome::TimeOver));
        let never = Countdown::new(Key::Any, None, at(7));
        assert_eq!(never.outcome(at(u64::MAX / 2)), None);
        assert_eq!(never.next_change(at(7)), None);
    }

    #[test]
    fn keys_as_the_kernel_command_line_names_them() {
        assert_eq!(Key::parse(b"any"), Key::Any);
        assert_eq!(Key::parse(b"enter"), Key::Enter);
        assert_eq!(Key::parse(b"esc"), Key::Escape);
        assert_eq!(Key::parse(b"none"), Key::None);
        assert_eq!(Key::parse(b"stop"), Key::Text(b"stop".to_vec()));
        assert_eq!(Key::Text(b"a\x07".to_vec()).describe(), "'a\\u{7}'");
    }
}
