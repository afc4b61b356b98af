//! How much a client says on the console. Pure. Invariant: whatever the network does, it is a line in half a
//! minute in the long run, and a line that was left out is counted in the next one.

use std::time::Duration;

use crate::time::Instant;

/// Lines that may follow one another at once.
const BURST: u32 = 20;
/// After which there is room for another.
const PAUSE: Duration = Duration::from_secs(30);

/// The lines of one client.
#[derive(Debug, Clone)]
pub struct Talk {
    room: u32,
    filled: Instant,
    left_out: u32,
}

impl Talk {
    /// Nothing was said yet.
    pub fn new(now: Instant) -> Self {
        Self {
            room: BURST,
            filled: now,
            left_out: 0,
        }
    }

    /// Whether a line may be said now: how many were left out before it.
    pub fn may(&mut self, now: Instant) -> Option<u32> {
        while self.room < BURST && now.since(self.filled) >= PAUSE {
            self.room += 1;
            self.filled = self.filled + PAUSE;
        }
        if self.room == BURST {
            self.filled = now;
        }
        if self.room == 0 {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.room -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_line_in_half_a_minute() {
        let at = |seconds| Instant::from_boot(Duration::from_secs(seconds));
        let mut talk = Talk::new(at(100));
        let told: Vec<_> = (100..4100).map(|second| talk.may(at(second))).collect();
        let said: Vec<u32> = told.iter().flatten().copied().collect();
        assert!(told[..20].iter().all(|told| *told == Some(0)));
        assert_eq!(said.len(), 20 + 4000 / 30);
        assert!(
            said[21..].iter().all(|left_out| *left_out == 29),
            "{said:?}"
        );
        // Whoever was silent for long may say much again, and no more than at first.
        let later: Vec<_> = (0..40).filter_map(|_| talk.may(at(90_000))).collect();
        assert_eq!(later.len(), 20);
    }
}
