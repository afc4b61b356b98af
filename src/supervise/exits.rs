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
    /// The service's name; for others the program's name in parentheses, or `-`.
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
    unread: usize,
    lost: u64,
}

impl Exits {
    /// Notes an exit, at the cost of the oldest one.
    pub fn push(&mut self, ended: Ended) {
        if self.ring.len() == CAPACITY {
            self.ring.pop_front();
            if self.unread == CAPACITY {
                self.unread -= 1;
                self.lost += 1;
            }
        }
        self.ring.push_back(ended);
        self.unread += 1;
    }

    /// Up to `limit` exits that were not taken before, oldest first, and how many were forgotten unread.
    pub fn take(&mut self, limit: usize) -> (Vec<Ended>, u64) {
        let first = self.ring.len() - self.unread;
        let taken: Vec<_> = self.ring.iter().skip(first).take(limit).cloned().collect();
        self.unread -= taken.len();
        (taken, std::mem::take(&mut self.lost))
    }

    /// Whether there are exits that nobody has taken.
    pub fn has_unread(&self) -> bool {
        self.unread > 0
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
}
