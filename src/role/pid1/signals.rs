//! The signals that PID 1 understands. Invariant: all but those of its own faults are blocked and read from
//! one descriptor, so that none interrupts anything and none is lost.

use std::ffi::OsString;

use nix::sys::signalfd::SignalFd;

use super::Init;
use crate::supervise::protocol::{Power, Urgency};
use crate::sys::{call, crash};
use crate::time::Instant;

/// The first real-time signal for programs, as glibc, and so every container engine, counts: the kernel's
/// first is 32, of which glibc keeps two for itself. musl keeps three, so that `SIGRTMIN` in a program
/// linked with it is 35; what PID 1 understands does not depend on its C library.
const RTMIN: u32 = 34;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    End(Power, Urgency),
    Upgrade,
    Reload,
}

/// systemd(1) "SIGNALS" has the same, and SIGPWR from init(8): the power is about to fail.
fn meaning(number: u32) -> Option<Meaning> {
    use Meaning::{End, Reload, Upgrade};
    let orderly = |power| End(power, Urgency::Orderly);
    let forced = |power| End(power, Urgency::Forced);
    let libc_signal = i32::try_from(number).unwrap_or(0);
    Some(match libc_signal {
        libc::SIGTERM | libc::SIGPWR => orderly(Power::Off(0)),
        libc::SIGINT => orderly(Power::Reboot),
        libc::SIGUSR1 => orderly(Power::Soft),
        libc::SIGUSR2 => Upgrade,
        libc::SIGHUP => Reload,
        _ => match number.checked_sub(RTMIN)? {
            3 => orderly(Power::Halt),
            4 => orderly(Power::Off(0)),
            5 => orderly(Power::Reboot),
            7 => orderly(Power::Soft),
            13 => forced(Power::Halt),
            14 => forced(Power::Off(0)),
            15 => forced(Power::Reboot),
            _ => return None,
        },
    })
}

impl Init {
    pub(super) fn take_signals(&mut self, now: Instant) {
        // A flood of them must not keep the loop here; what is left is there in the next turn.
        for _ in 0..64 {
            let Some(Ok(Some(info))) = self.signals.as_ref().map(call::read_signal) else {
                return;
            };
            // Every turn reaps. Most turns are for it alone, and there looking for more costs a call: what is
            // left (the real-time signals, which come after it) wakes the next turn at once.
            if info.ssi_signo == libc::SIGCHLD as u32 {
                return;
            }
            if self.container.is_some() {
                self.forward(i32::try_from(info.ssi_signo).unwrap_or(0), now);
                continue;
            }
            match meaning(info.ssi_signo) {
                Some(Meaning::End(power, urgency)) => self.begin(power, urgency, now),
                Some(Meaning::Upgrade) => self.begin_upgrade(OsString::new(), None, now),
                Some(Meaning::Reload) => self.supervisor.read_files_again(),
                // Others mean nothing to PID 1.
                None => {}
            }
        }
    }
}

/// The descriptor from which every signal is read.
pub(super) fn open() -> Option<SignalFd> {
    call::signalfd(&crash::blocked()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_container_engines_send_them() {
        let end = |power, urgency| Some(Meaning::End(power, urgency));
        for (number, expected) in [
            (15, end(Power::Off(0), Urgency::Orderly)),
            (30, end(Power::Off(0), Urgency::Orderly)),
            (2, end(Power::Reboot, Urgency::Orderly)),
            (10, end(Power::Soft, Urgency::Orderly)),
            (12, Some(Meaning::Upgrade)),
            (1, Some(Meaning::Reload)),
            // `docker stop` with `STOPSIGNAL SIGRTMIN+3`.
            (37, end(Power::Halt, Urgency::Orderly)),
            (38, end(Power::Off(0), Urgency::Orderly)),
            (39, end(Power::Reboot, Urgency::Orderly)),
            (41, end(Power::Soft, Urgency::Orderly)),
            (47, end(Power::Halt, Urgency::Forced)),
            (48, end(Power::Off(0), Urgency::Forced)),
            (49, end(Power::Reboot, Urgency::Forced)),
        ] {
            assert_eq!(meaning(number), expected, "{number}");
        }
        for nothing in [0, 17, 18, 34, 35, 36, 40, 46, 64, u32::MAX] {
            assert_eq!(meaning(nothing), None, "{nothing}");
        }
    }
}
