//! Making another program PID 1 (`switch_root`, `exec --pid1`): [`check`] looks at everything first, in a
//! child; then what is to end is ended, by the stages here (pure); [`roots`] changes the root. Invariant:
//! whatever fails before exec(2) itself succeeds, PID 1 stays what it was.

pub mod check;
pub mod image;
pub mod roots;

use std::time::Duration;

use super::wire::{wire_enum, wire_struct};
use crate::time::Instant;

/// How long the check may take; a new root on a dead server does not answer.
pub const CHECK: Duration = Duration::from_secs(10);

/// How long services may take together.
const SERVICES: Duration = Duration::from_secs(30);

/// How long everything else may take between SIGTERM and SIGKILL.
const EVERYONE: Duration = Duration::from_secs(5);

/// How long killed processes may take to go.
const KILLED: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Stop every service.
    StopServices,
    /// End the boot role.
    StopBoot,
    /// End the boot role, and SIGTERM to every other process.
    TerminateAll,
    /// SIGKILL to every process.
    KillAll,
    /// Execute the program.
    Execute,
}

/// What is known when a step is taken.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether a service still has a process or gets one.
    pub services: bool,
    /// Whether the boot role has a process.
    pub boot: bool,
    /// Whether PID 1 has any child.
    pub others: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Services,
    Boot,
    Everyone,
    Killed,
    Over,
}

/// How far it is, from the check's success to exec.
#[derive(Debug)]
pub struct Progress {
    stage: Stage,
    until: Instant,
}

wire_struct!(Progress { stage, until });
wire_enum!(Stage { 0 => Services, 1 => Boot, 2 => Everyone, 3 => Killed, 4 => Over });

impl Progress {
    /// Begins. `keep`: nothing is ended but the boot role.
    pub fn begin(keep: bool, now: Instant) -> (Self, Step) {
        let (stage, limit, step) = match keep {
            true => (Stage::Boot, EVERYONE + KILLED, Step::StopBoot),
            false => (Stage::Services, SERVICES, Step::StopServices),
        };
        let until = now + limit;
        (Self { stage, until }, step)
    }

    /// When the next step is due at the latest.
    pub fn deadline(&self) -> Instant {
        self.until
    }

    /// Goes on if this stage is done or its time is over. Called until there is nothing to do.
    pub fn step(&mut self, facts: Facts, now: Instant) -> Option<Step> {
        let over = self.until <= now;
        let (stage, limit, step) = match self.stage {
            Stage::Services if !facts.services || over => {
                (Stage::Everyone, EVERYONE, Step::TerminateAll)
            }
            Stage::Boot if !facts.boot || over => (Stage::Over, EVERYONE, Step::Execute),
            Stage::Everyone | Stage::Killed if !facts.others => {
                (Stage::Over, EVERYONE, Step::Execute)
            }
            Stage::Everyone if over => (Stage::Killed, KILLED, Step::KillAll),
            Stage::Killed if over => (Stage::Over, EVERYONE, Step::Execute),
            _ => return None,
        };
        (self.stage, self.until) = (stage, now + limit);
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    const BUSY: Facts = Facts {
        services: true,
        boot: true,
        others: true,
    };

    fn history(keep: bool, facts: impl Fn(u64) -> Facts) -> Vec<(Step, u64)> {
        let (mut progress, first) = Progress::begin(keep, at(0));
        let mut all = vec![(first, 0)];
        for second in 0..100 {
            while let Some(step) = progress.step(facts(second), at(second)) {
                all.push((step, second));
            }
            assert!(all.len() < 9);
        }
        all
    }

    #[test]
    fn everything_ends_in_order_and_then_the_program_is_executed() {
        use Step::{Execute, StopServices, TerminateAll};
        let obedient = |second| Facts {
            services: second < 2,
            boot: second < 3,
            others: second < 4,
        };
        let expected = [(StopServices, 0), (TerminateAll, 2), (Execute, 4)];
        assert_eq!(history(false, obedient), expected);
    }

    #[test]
    fn what_does_not_end_is_killed_and_keeps_nobody() {
        use Step::{Execute, KillAll, StopServices, TerminateAll};
        let expected = [
            (StopServices, 0),
            (TerminateAll, 30),
            (KillAll, 35),
            (Execute, 37),
        ];
        assert_eq!(history(false, |_| BUSY), expected);
    }

    #[test]
    fn kept_services_are_not_waited_for() {
        use Step::{Execute, StopBoot};
        let boot = |second| Facts {
            boot: second < 1,
            ..BUSY
        };
        assert_eq!(history(true, boot), [(StopBoot, 0), (Execute, 1)]);
        assert_eq!(history(true, |_| BUSY), [(StopBoot, 0), (Execute, 7)]);
    }
}
