//! What keeps orphans by the thousand from costing more than they are worth. Invariants: what nobody waits
//! for is reaped within three milliseconds; nothing else is delayed by more than two.

use std::time::Duration;

use crate::time::Instant;

/// Of how many orphans the names are looked up in [`NAMES_PER`]: four system calls each.
const NAMED: u32 = 8;

/// For how long that number counts.
const NAMES_PER: Duration = Duration::from_millis(100);

/// Turns for orphans alone that come faster than this rest in between: waking up costs more than what is
/// done then, and several orphans are reaped for one waking.
const FAST: Duration = Duration::from_millis(5);

/// How long they rest.
const REST: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Storm {
    named: u32,
    names_until: Instant,
    orphans: u32,
    others: u32,
    before: Instant,
}

impl Storm {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            named: 0,
            names_until: now,
            orphans: 0,
            others: 0,
            before: Instant::BOOT,
        }
    }

    /// Whether there is time to look up an orphan's name.
    pub(super) fn may_look_up(&mut self, now: Instant) -> bool {
        if self.names_until <= now {
            self.names_until = now + NAMES_PER;
            self.named = 0;
        }
        let may = self.named < NAMED;
        self.named += u32::from(may);
        may
    }

    /// One more child was reaped.
    pub(super) fn reaped(&mut self, orphan: bool) {
        match orphan {
            true => self.orphans += 1,
            false => self.others += 1,
        }
    }

    /// A turn is over that began to work at `now`; rests where there is a storm.
    pub(super) fn turn(&mut self, now: Instant) {
        if self.rests(now) {
            std::thread::sleep(REST);
        }
    }

    fn rests(&mut self, now: Instant) -> bool {
        let only = self.orphans > 0 && self.others == 0;
        (self.orphans, self.others) = (0, 0);
        if !only {
            return false;
        }
        // The rest itself is no time without orphans.
        now.since(std::mem::replace(&mut self.before, now)) < FAST + REST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::BOOT + Duration::from_secs(9) + Duration::from_micros(micros)
    }

    #[test]
    fn only_orphans_in_a_row_are_kept_waiting() {
        let mut storm = Storm::new(at(0));
        let mut turn = |micros, orphans, others| {
            (0..orphans).for_each(|_| storm.reaped(true));
            (0..others).for_each(|_| storm.reaped(false));
            storm.rests(at(micros))
        };
        assert!(!turn(0, 1, 0));
        assert!(!turn(8_000, 1, 0));
        assert!(turn(9_000, 1, 0));
        // While it lasts, with its own rests in it.
        assert!(turn(15_900, 3, 0));
        // The end of a service, or a turn for something else, is not delayed.
        assert!(!turn(16_000, 3, 1));
        assert!(!turn(16_100, 0, 0));
    }

    #[test]
    fn eight_names_in_a_tenth_of_a_second() {
        let mut storm = Storm::new(at(0));
        let looked = (0..1000).filter(|n| storm.may_look_up(at(n * 250)));
        assert_eq!(looked.count(), 24);
    }
}
