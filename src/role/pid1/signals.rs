//! The signals that PID 1 understands. Invariant: all are blocked and read from one descriptor, so that
//! none interrupts anything and none is lost.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::Init;
use crate::supervise::protocol::Power;
use crate::sys::call;
use crate::time::Instant;

impl Init {
    pub(super) fn take_signals(&mut self, now: Instant) {
        // As many as there are signals; a flood of them must not keep the loop here.
        for _ in 0..64 {
            let Some(Ok(Some(info))) = self.signals.as_ref().map(call::read_signal) else {
                return;
            };
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            if self.container.is_some() {
                self.forward(number, now);
                continue;
            }
            match Signal::try_from(number) {
                Ok(Signal::SIGTERM | Signal::SIGPWR) => self.begin(Power::Off(0), now),
                Ok(Signal::SIGINT) => self.begin(Power::Reboot, now),
                Ok(signal @ (Signal::SIGUSR1 | Signal::SIGUSR2)) => {
                    let text = format_args!("{signal} means nothing yet");
                    self.supervisor.voice.say(text);
                }
                // SIGCHLD: every turn reaps. Others mean nothing to PID 1.
                _ => {}
            }
        }
    }
}

/// The descriptor from which every signal is read.
pub(super) fn open() -> Option<SignalFd> {
    call::signalfd(&SigSet::all()).ok()
}
