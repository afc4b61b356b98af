//! What keeps PID 1 from spinning and from repeating itself when the machine is short of something.
//! Invariant: whatever fails, and however often, PID 1 turns a hundred times a second at most for it,
//! and says it once.

use std::time::Duration;

use nix::errno::Errno;

use super::Init;
use crate::sys::call::{self, Trouble};
use crate::time::Instant;

/// The rest after a turn that led to nothing. Short enough for whoever is served in the next one.
const REST: Duration = Duration::from_millis(10);

/// A turn that waited for less has not slept.
const SLEPT: Duration = Duration::from_millis(1);

/// So many turns without sleep may come to nothing: clients that go away, children that only stop.
const FRUITLESS: u32 = 4;

/// After so long without it, a trouble is news again.
const QUIET: Duration = Duration::from_secs(60);

/// What is said where nobody can be sent away.
const FULL: &str = "control socket: every place is taken by a client that waits";

#[derive(Debug, Default)]
pub(super) struct Brake {
    done: u32,
    fruitless: u32,
    troubles: Vec<(Trouble, Instant)>,
}

impl Brake {
    /// Takes in a turn: how long its wait was, how many calls had succeeded by its end, whether one failed for
    /// want of something. The rest to take before the next one.
    fn turn(&mut self, waited: Duration, done: u32, trouble: bool) -> Duration {
        self.fruitless = match done == self.done && waited < SLEPT {
            true => self.fruitless.saturating_add(1),
            false => 0,
        };
        self.done = done;
        match trouble || self.fruitless > FRUITLESS {
            true => REST,
            false => Duration::ZERO,
        }
    }

    /// Whether this is to be said. There are as many as there are calls and errors.
    fn is_news(&mut self, trouble: Trouble, now: Instant) -> bool {
        match self
            .troubles
            .iter_mut()
            .find(|(known, _)| *known == trouble)
        {
            Some((_, last)) => now.since(std::mem::replace(last, now)) >= QUIET,
            None => {
                self.troubles.push((trouble, now));
                true
            }
        }
    }
}

impl Init {
    /// Ends a turn: says what has failed, and rests where it came to nothing.
    /// `waited`: how long the turn's wait was.
    pub(super) fn brake(&mut self, waited: Duration) {
        let now = Instant::now();
        let mut trouble = false;
        for (call, errno) in call::take_troubles() {
            trouble = true;
            if self.brake.is_news((call, errno), now) {
                self.complain(call, errno);
            }
        }
        if self.server.take_turned_away() && self.brake.is_news((FULL, Errno::EUSERS), now) {
            let text = format_args!("{FULL}; another one was sent away");
            self.supervisor.voice.say(text);
        }
        let rest = self.brake.turn(waited, call::done(), trouble);
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
    }

    fn complain(&mut self, call: &str, errno: Errno) {
        let why = errno.desc();
        let text = format_args!("{call}: {errno:?} ({why}); PID 1 goes on and tries again");
        self.supervisor.voice.say(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_that_come_to_nothing_are_slowed_down() {
        let mut brake = Brake::default();
        let rests = |brake: &mut Brake, done| !brake.turn(Duration::ZERO, done, false).is_zero();
        let rested: Vec<_> = (0..7).map(|_| rests(&mut brake, 1)).collect();
        assert_eq!(rested, [false, false, false, false, false, true, true]);
        assert!(!rests(&mut brake, 2));
        assert_eq!(brake.turn(SLEPT, 2, false), Duration::ZERO);
        assert_eq!(brake.turn(Duration::from_secs(1), 3, true), REST);
        // Thousands of turns in which something is done are no trouble at all.
        assert!((4..9999).all(|done| !rests(&mut brake, done)));
    }

    #[test]
    fn a_trouble_is_said_once() {
        let mut brake = Brake::default();
        let second = |n| Instant::BOOT + Duration::from_secs(n);
        let trouble = ("fork", Errno::EAGAIN);
        assert!(brake.is_news(trouble, second(1)));
        assert!((2..300).all(|n| !brake.is_news(trouble, second(n))));
        assert!(brake.is_news(("fork", Errno::ENOMEM), second(300)));
        assert!(brake.is_news(trouble, second(400)));
    }
}
