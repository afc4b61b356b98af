//! When an address that somebody else has removed is put back. Pure. Invariant: a fight with another program
//! ends: after [`MOST`] times within [`WINDOW`] it is left alone until the lease is renewed.

use std::time::Duration;

use crate::time::Instant;

/// How long after a removal the address is looked for: whoever has set the link down, or replaces the address,
/// is done by then, and an address that has ended or that another host has is the protocol's.
const SETTLE: Duration = Duration::from_millis(200);
/// How often it is put back within [`WINDOW`].
const MOST: u8 = 3;
/// In which time they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts how often the addresses of one lease were put back.
#[derive(Debug, Default)]
pub struct PutBack {
    due: Option<Instant>,
    /// When the counting began, and how often it was since then.
    counted: Option<(Instant, u8)>,
    given_up: bool,
}

impl PutBack {
    /// Some address was removed from the link.
    pub fn removed(&mut self, now: Instant) {
        if !self.given_up {
            self.due.get_or_insert(now + SETTLE);
        }
    }

    /// The link is down: what it has lost, it gets when it is up.
    pub fn cancel(&mut self) {
        self.due = None;
    }

    /// When it must be looked whether an address of the lease is missing.
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it must be looked now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// It is missing: whether it is to be put back. It is not asked again after a `false`.
    pub fn allows(&mut self, now: Instant) -> bool {
        let counted = self.counted.filter(|(began, _)| now < *began + WINDOW);
        let (began, count) = counted.unwrap_or((now, 0));
        self.given_up = count >= MOST;
        self.counted = Some((began, count.saturating_add(1)));
        !self.given_up
    }

    /// The lease was renewed, and is configured: what was, is forgiven.
    pub fn renewed(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Removed at that second after boot: whether it is put back, if anybody asks.
    fn at(put_back: &mut PutBack, second: u64) -> Option<bool> {
        let now = Instant::BOOT + Duration::from_secs(second);
        put_back.removed(now);
        let due = put_back.deadline()?;
        assert!(due > now && !put_back.is_due(now));
        assert!(put_back.is_due(due) && !put_back.is_due(due));
        Some(put_back.allows(due))
    }

    #[test]
    fn a_fight_ends_and_patience_comes_back() {
        let mut put_back = PutBack::default();
        for second in [1, 2, 3] {
            assert_eq!(at(&mut put_back, second), Some(true));
        }
        assert_eq!(at(&mut put_back, 4), Some(false));
        assert_eq!(at(&mut put_back, 500), None);
        put_back.renewed();
        assert_eq!(at(&mut put_back, 501), Some(true));
    }

    #[test]
    fn now_and_then_is_no_fight() {
        let mut put_back = PutBack::default();
        for minute in 0..10 {
            assert_eq!(at(&mut put_back, minute * 61), Some(true));
        }
    }

    #[test]
    fn a_link_that_goes_down_is_no_removal() {
        let mut put_back = PutBack::default();
        put_back.removed(Instant::BOOT);
        put_back.cancel();
        assert_eq!(put_back.deadline(), None);
    }
}
