//! What people should know of a service's change, on the console.

use std::time::Duration;

use super::machine::{Hold, Reason, Stage, State};
use super::spawn::Command;
use super::supervisor::Supervisor;
use super::table::{BOOT_ID, ServiceId};
use crate::time::Instant;

impl Supervisor {
    /// Says on the console what somebody should know. `before`: the reason of the state before.
    pub(super) fn report(&mut self, id: ServiceId, before: Reason, now: Instant) {
        let Some(service) = self.table.get(id) else {
            return;
        };
        let name = match &service.spec {
            Some(spec) => &spec.name,
            // What people know of the boot role, or the command of container mode.
            None => self
                .boot
                .command
                .as_ref()
                .map_or("the shell", Command::name),
        };
        let machine = &service.machine;
        let (reason, words) = (machine.reason(), service.reason());
        match machine.state() {
            State::Stopping {
                stage: Stage::Held(_),
                ..
            } => {
                if let Reason::Need(..) = reason {
                    self.voice.say(format_args!("{name} is stopped: {words}"));
                }
            }
            // Said once, however often it is tried.
            State::Pending {
                hold: Hold::Retry(retry),
            } if reason != before => {
                let (pause, unit) = shown(retry.since(now));
                let text = format_args!("{name}: {words}; trying again in {pause} {unit}");
                self.voice.say(text);
            }
            State::Backoff { until } => {
                let (pause, unit) = shown(until.since(now));
                let text =
                    format_args!("{name} ended: {words}; starting it again in {pause} {unit}");
                self.voice.say(text);
            }
            // How a command ended is told by our own end.
            State::Failed if id == BOOT_ID && reason.errno().is_none() => {}
            State::Failed if id == BOOT_ID => self.voice.say(format_args!("{name}: {words}")),
            State::Failed => self.voice.say(format_args!("{name} failed: {words}")),
            _ => {}
        }
    }
}

/// A pause as people write it.
fn shown(pause: Duration) -> (u128, &'static str) {
    match pause.as_millis() {
        short @ ..1000 => (short, "ms"),
        long => (long / 1000, "s"),
    }
}
