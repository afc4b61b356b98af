//! The record of processes that have ended, for `reap`. Invariant: it never holds more than
//! [`CAPACITY`] exits, and what it had to forget unread is counted.

use std::collections::VecDeque;

use crate::sys::child::Exit;
use crate::time::Instant;

/// How many exits are remembered.
pub const CAPACITY: usize = 256;

/// One process that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its pid at that time.
    pub pid: i32,
    /// The service's name; for others the program's name in parentheses, or nothing.
    pub name: String,
    /// How it ended.
    pub exit: Exit,
    /// When PID 1 reaped it.
    pub at: Instant,
}

/// The last exits, oldest first, and which of them nobody has asked for yet.
#[derive(Debug, Default)]
pub struct Exits {
    ring: VecDeque<Ended>,
    /// How many there have ever been.
    total: u64,
    /// How many of them were told or forgotten.
    pub taken: u64,
    /// How many were forgotten since the last question.
    pub lost: u64,
    /// How many the journal has.
    pub saved: u64,
}

impl Exits {
    /// Notes an exit, at the cost of the oldest one.
    pub fn push(&mut self, ended: Ended) {
        match self.ring.len() {
            // At once, so that growing leaves no holes in PID 1's memory.
            0 => self.ring.reserve_exact(CAPACITY),
            CAPACITY => drop(self.ring.pop_front()),
            _ => {}
        }
        self.ring.push_back(ended);
        self.total += 1;
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let first = self.total - self.ring.len() as u64;
        self.lost += first.saturating_sub(self.taken);
        self.taken = self.taken.max(first);
    }

    /// How many there have ever been.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Those that are remembered, from this number on, each with its number (the first ever is 0).
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Ended)> {
        let first = self.total - self.ring.len() as u64;
        // Directly there: this is done for every exit.
        let known = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        let known = known.min(self.ring.len());
        (first + known as u64..).zip(self.ring.range(known..))
    }

    /// Takes back what [`Self::since`] told, in order; `taken` and `lost` are set apart from it.
    pub fn restore(&mut self, exits: impl IntoIterator<Item = (u64, Ended)>) {
        for (number, ended) in exits {
            // Numbers without a gap; where one is missing, those before it are as good as forgotten.
            if number != self.total {
                self.ring.clear();
            }
            self.ring.push_back(ended);
            self.total = number.saturating_add(1);
        }
        self.forget_oldest();
    }

    /// Up to `limit` exits that were not taken before, oldest first, and how many were forgotten unread.
    pub fn take(&mut self, limit: usize) -> (Vec<Ended>, u64) {
        let news = self.since(self.taken).take(limit);
        let told: Vec<_> = news.map(|(_, ended)| ended.clone()).collect();
        self.taken += told.len() as u64;
        (told, std::mem::take(&mut self.lost))
    }

    /// Whether there are exits that nobody has taken.
    pub fn has_unread(&self) -> bool {
        self.taken < self.total
    }

    /// The last process of that pid.
    pub fn find(&self, pid: i32) -> Option<&Ended> {
        self.ring.iter().rev().find(|ended| ended.pid == pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(pid: i32) -> Ended {
        Ended {
            pid,
            name: String::new(),
            exit: Exit::Code(0),
            at: Instant::BOOT,
        }
    }

    #[test]
    fn each_exit_is_told_once_and_found_later() {
        let mut exits = Exits::default();
        exits.push(ended(1));
        exits.push(ended(2));
        assert_eq!(exits.take(1).0, [ended(1)]);
        exits.push(ended(3));
        assert_eq!(exits.take(9), (vec![ended(2), ended(3)], 0));
        assert_eq!(exits.take(9), (vec![], 0));
        assert!(exits.find(2).is_some());
        assert!(exits.find(4).is_none());
    }

    #[test]
    fn what_is_forgotten_unread_is_counted() {
        let mut exits = Exits::default();
        for pid in 0..300 {
            exits.push(ended(pid));
        }
        let (taken, lost) = exits.take(1000);
        assert_eq!((taken.len(), lost), (CAPACITY, 44));
        assert_eq!(taken[0].pid, 44);
        for pid in 0..CAPACITY as i32 {
            exits.push(ended(pid));
        }
        assert_eq!(exits.take(1000).1, 0);
    }

    #[test]
    fn what_is_written_down_comes_back() {
        for (pushed, taken) in [(0, 0), (3, 1), (300, 0), (300, 200)] {
            let mut exits = Exits::default();
            (0..pushed).for_each(|pid| exits.push(ended(pid)));
            exits.take(taken);
            let written: Vec<_> = exits.since(0).map(|(n, e)| (n, e.clone())).collect();
            let mut again = Exits {
                taken: exits.taken,
                lost: exits.lost,
                ..Exits::default()
            };
            again.restore(written);
            assert_eq!(again.total(), exits.total());
            assert_eq!(again.take(999), exits.take(999), "{pushed} {taken}");
        }
    }
}
