//! What people should know of a service's change, on the console.

use std::fmt;
use std::time::Duration;

use super::machine::{Hold, Reason, Stage, State};
use super::spawn::Command;
use super::supervisor::Supervisor;
use super::table::{BOOT_ID, ServiceId};
use crate::time::Instant;

/// How many lines one service may cause in [`PERIOD`] by being started again and again.
const LINES: u8 = 5;

/// See [`LINES`].
const PERIOD: Duration = Duration::from_secs(10);

/// What a service has caused to be said of late: a console that one service fills is of no use to whoever
/// wants to stop it.
#[derive(Debug, Default)]
pub struct Lines {
    since: Option<Instant>,
    said: u8,
    left_out: u32,
}

impl Lines {
    /// Whether another line may be said, and how many were not since the last one.
    fn next(&mut self, now: Instant) -> Option<LeftOut> {
        if self.since.is_none_or(|since| now.since(since) >= PERIOD) {
            (self.since, self.said) = (Some(now), 0);
        }
        if self.said == LINES {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.said += 1;
        Some(LeftOut(std::mem::take(&mut self.left_out)))
    }
}

/// ` (57 such lines left out)`, or nothing.
struct LeftOut(u32);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} such lines left out)"),
        }
    }
}

impl Supervisor {
    /// Says on the console what somebody should know. `before`: the reason of the state before.
    pub(super) fn report(&mut self, id: ServiceId, before: Reason, now: Instant) {
        let Some(service) = self.table.get(id) else {
            return;
        };
        let often = match service.machine.state() {
            State::Backoff { .. } => true,
            State::Stopping { stage, .. } => matches!(stage, Stage::Held(_)),
            _ => false,
        };
        let left_out = match often {
            true => {
                let service = self.table.get_mut(id);
                service.and_then(|service| service.lines.next(now))
            }
            false => Some(LeftOut(0)),
        };
        let (Some(left_out), Some(service)) = (left_out, self.table.get(id)) else {
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
                    self.voice
                        .say(format_args!("{name} is stopped: {words}{left_out}"));
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
                let text = format_args!(
                    "{name} ended: {words}; starting it again in {pause} {unit}{left_out}"
                );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_a_few_lines_and_a_number() {
        let (start, mut lines, mut said) = (Instant::now(), Lines::default(), Vec::new());
        for turn in 0..2200 {
            let now = start + Duration::from_millis(10) * turn;
            said.extend(lines.next(now).map(|left_out| (turn, left_out.to_string())));
        }
        let turns: Vec<_> = said.iter().map(|(turn, _)| *turn).collect();
        let expected = [0, 1000, 2000].map(|first| (first..first + 5).collect::<Vec<_>>());
        assert_eq!(turns, expected.concat());
        assert_eq!(said[4].1, "");
        assert_eq!(said[5].1, " (995 such lines left out)");
        assert_eq!(said[6].1, "");
        assert_eq!(said[10].1, " (995 such lines left out)");
    }
}
