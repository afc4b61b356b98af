//! When a solicitation is sent again. Pure: entropy comes in through [`Random`], which is seeded.

use std::time::Duration;

use crate::net::random::Random;

/// How patient a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Deviation: no random wait before the first solicitation, and a few repetitions within 60–120 ms of
    /// each other, because the first packet on a fresh bridge port is often lost; then the RFC's.
    Fast,
    /// RFC 4861 §6.3.7 before the first, then RFC 7559 §2.
    Rfc,
}

/// Milliseconds before the RFC's schedule takes over.
const FAST: [u32; 6] = [60, 90, 120, 500, 1000, 2000];
/// RFC 4861 §10: MAX_RTR_SOLICITATION_DELAY, in milliseconds.
const BEFORE_FIRST: u32 = 1000;
/// RFC 7559 §2: IRT and MRT, in milliseconds.
const INITIAL: u32 = 4000;
const LONGEST: u32 = 3_600_000;

impl Timing {
    /// How long to wait before the first solicitation.
    pub fn first(self, random: &mut Random) -> Duration {
        match self {
            Self::Fast => Duration::ZERO,
            Self::Rfc => Duration::from_millis(random.below(BEFORE_FIRST).into()),
        }
    }

    /// How long to wait for an answer after `sent` solicitations (1 or more), the last of which has waited
    /// for `last`: never for ever, never less than 45 ms.
    pub fn next(self, sent: u32, last: Duration, random: &mut Random) -> Duration {
        let step = match self {
            Self::Fast => FAST.get((sent.max(1) - 1) as usize),
            Self::Rfc => None,
        };
        let milliseconds = match step {
            // ± 1/8, so that a hundred clients drift apart.
            Some(&step) => step - step / 8 + random.below(step / 4 + 1),
            None => {
                let last = u32::try_from(last.as_millis()).unwrap_or(LONGEST);
                let next = match last < INITIAL - INITIAL / 10 {
                    true => INITIAL,
                    false => last.saturating_mul(2).min(LONGEST),
                };
                // RFC 8415 §15: RAND is between -0.1 and +0.1 of the time it is added to.
                next - next / 10 + random.below(next / 5 + 1)
            }
        };
        Duration::from_millis(milliseconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(timing: Timing, seed: u64) -> Vec<u64> {
        let mut random = Random::new(seed);
        let mut last = Duration::ZERO;
        let steps = (1..=24).map(|sent| {
            last = timing.next(sent, last, &mut random);
            last.as_millis() as u64
        });
        steps.collect()
    }

    #[test]
    fn doubles_from_four_seconds_to_an_hour() {
        for seed in 0..200 {
            let steps = schedule(Timing::Rfc, seed);
            assert!((3600..=4400).contains(&steps[0]), "{steps:?}");
            for pair in steps.windows(2) {
                let middle = (pair[0] * 2).min(3_600_000);
                assert!(pair[1] >= middle - middle / 10, "{steps:?}");
                assert!(pair[1] <= middle + middle / 10, "{steps:?}");
            }
            assert!(*steps.last().unwrap() >= 3_240_000, "{steps:?}");
        }
    }

    #[test]
    fn fast_sends_five_within_a_second_and_ends_as_the_rfc() {
        for seed in 0..200 {
            let steps = schedule(Timing::Fast, seed);
            assert!(steps[..4].iter().sum::<u64>() < 1000, "{steps:?}");
            assert!(steps[0] >= 45, "{steps:?}");
            assert!((3600..=4400).contains(&steps[6]), "{steps:?}");
        }
    }

    #[test]
    fn the_rfc_waits_a_second_at_most_before_it_begins() {
        let mut random = Random::new(1);
        for _ in 0..200 {
            assert!(Timing::Rfc.first(&mut random) < Duration::from_secs(1));
            assert!(Timing::Fast.first(&mut random).is_zero());
        }
    }
}
