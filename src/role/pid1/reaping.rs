//! How PID 1 takes in the ends of its children. Invariants: an exit is looked up and written down while the
//! zombie still holds its number, then released, and counts once; a flood of them leaves time for others.

use nix::errno::Errno;

use super::Init;
use crate::sys::child::{self, Exit, Peek};
use crate::time::Instant;

/// How many children are reaped in one turn; clients are served in between.
const REAPED: usize = 512;

impl Init {
    /// Reaps what has ended: looked up while the zombie still holds its number, then released.
    pub(super) fn reap(&mut self, now: Instant) {
        self.more_to_reap = true;
        for _ in 0..REAPED {
            let (pid, exit) = match child::peek() {
                Peek::Ended(pid, exit) => (pid, exit),
                // The next turn looks again.
                Peek::Unknown => return,
                none => {
                    self.childless = none == Peek::Childless;
                    self.more_to_reap = false;
                    return;
                }
            };
            let number = pid.as_raw();
            if self.half_reaped != Some(number) {
                self.take_exit(number, exit, now);
            }
            match child::reap(pid) {
                Ok(()) | Err(Errno::ECHILD) => self.half_reaped = None,
                // It is still there, and its exit must not count twice.
                Err(_) => {
                    self.half_reaped = Some(number);
                    return;
                }
            }
        }
    }

    fn take_exit(&mut self, pid: i32, exit: Exit, now: Instant) {
        if self.helper == Some(pid) {
            self.helper_ended(exit);
        } else if !self.end_check(pid, exit) {
            let storm = &mut self.storm;
            let orphan = (self.supervisor).ended(pid, exit, || storm.may_look_up(now), now);
            self.storm.reaped(orphan);
            let minded = self.server.minds(pid);
            self.server.note_exit(pid, exit);
            match orphan && !minded {
                true => self.record_exit(),
                false => self.record(),
            }
        }
    }
}
