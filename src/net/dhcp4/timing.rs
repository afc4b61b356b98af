//! When a message is sent again. Pure: entropy comes in through [`Random`], which is seeded.

use std::time::Duration;

use crate::net::random::Random;

/// How patient a client is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timing {
    /// Deviation: a few repetitions within 60–120 ms of each other, because the first packet on a fresh
    /// bridge port is often lost, then the RFC's.
    #[default]
    Fast,
    /// RFC 2131 §4.1.
    Rfc,
}

/// Milliseconds before the RFC's schedule takes over.
const FAST: [u32; 6] = [60, 90, 120, 500, 1000, 2000];
/// RFC 2131 §4.1: 4 s, doubling to 64 s, each ± 1 s.
const FIRST: u64 = 4;
const LONGEST: u64 = 64;
/// RFC 2131 §4.4.5: renewals are not repeated more often.
const RENEWAL_FLOOR: Duration = Duration::from_secs(60);

impl Timing {
    /// How long to wait for an answer after `sent` earlier messages.
    pub fn delay(self, sent: u32, random: &mut Random) -> Duration {
        let sent = sent as usize;
        let later = match self {
            Self::Rfc => sent,
            Self::Fast => match FAST.get(sent) {
                // ± 1/8, so that a hundred clients drift apart.
                Some(&milliseconds) => {
                    let spread = milliseconds / 4;
                    let jitter = random.below(spread + 1);
                    return Duration::from_millis(u64::from(milliseconds - spread / 2 + jitter));
                }
                None => sent - FAST.len(),
            },
        };
        let seconds = FIRST
            .checked_shl(later.min(8) as u32)
            .unwrap_or(LONGEST)
            .min(LONGEST);
        Duration::from_millis(seconds * 1000 - 1000 + u64::from(random.below(2001)))
    }

    /// How long to wait for an answer to a renewal: half of what is `left` until the next state, not less
    /// than a minute. Deviation: [`Self::Fast`] goes down to an eighth of the lease's `length`, so that
    /// one lost packet does not cost a short lease its server.
    pub fn renewal(self, left: Duration, length: Duration) -> Duration {
        let floor = match self {
            Self::Rfc => RENEWAL_FLOOR,
            Self::Fast => RENEWAL_FLOOR.min((length / 8).max(Duration::from_secs(1))),
        };
        (left / 2).max(floor)
    }

    /// How long to wait before the first ARP probe: PROBE_WAIT of RFC 5227 §1.1.
    pub fn first_probe(self, random: &mut Random) -> Duration {
        match self {
            Self::Rfc => milliseconds(0, 1000, random),
            Self::Fast => Duration::ZERO,
        }
    }

    /// How long to wait after an ARP probe: PROBE_MIN to PROBE_MAX, ANNOUNCE_WAIT after the `last`.
    pub fn next_probe(self, last: bool, random: &mut Random) -> Duration {
        match self {
            Self::Rfc if last => Duration::from_secs(2),
            Self::Rfc => milliseconds(1000, 2000, random),
            Self::Fast => milliseconds(150, 250, random),
        }
    }

    /// How long to wait after a DECLINE, `before` of which came before it: at least 10 s (RFC 2131
    /// §3.1.5). Deviation: [`Self::Fast`] does not wait the first time.
    pub fn declined(self, before: u32) -> Duration {
        let floor = match self {
            Self::Rfc => Duration::from_secs(10),
            Self::Fast => Duration::ZERO,
        };
        Self::setback(before).max(floor)
    }

    /// How often it asks whether a lease that it knows of is still good, before it goes on without an
    /// answer: with the lease where `held`, else with DISCOVER.
    pub fn reboots(self, held: bool) -> u32 {
        match (self, held) {
            (Self::Fast, true) => 4,
            (_, _) => 2,
        }
    }

    /// How long to wait after the server has refused or fallen silent `before` times already.
    pub fn setback(before: u32) -> Duration {
        match before {
            0 => Duration::ZERO,
            before => Duration::from_secs(1 << (before - 1).min(6)),
        }
    }
}

fn milliseconds(least: u32, most: u32, random: &mut Random) -> Duration {
    Duration::from_millis(u64::from(least + random.below(most - least + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfc_schedule() {
        let mut random = Random::new(1);
        for seed in 0..200 {
            random.mix(seed);
            for (sent, seconds) in [
                (0, 4),
                (1, 8),
                (2, 16),
                (3, 32),
                (4, 64),
                (5, 64),
                (u32::MAX, 64),
            ] {
                let delay = Timing::Rfc.delay(sent, &mut random).as_millis();
                let middle = seconds * 1000;
                assert!(
                    (middle - 1000..=middle + 1000).contains(&delay),
                    "{sent}: {delay}"
                );
            }
        }
    }

    #[test]
    fn fast_begins_within_a_tenth_of_a_second_and_ends_as_the_rfc() {
        let mut random = Random::new(2);
        for _ in 0..200 {
            assert!(Timing::Fast.delay(0, &mut random) <= Duration::from_millis(100));
            assert!(Timing::Fast.delay(0, &mut random) >= Duration::from_millis(50));
            assert!(Timing::Fast.delay(6, &mut random) >= Duration::from_secs(3));
            assert!(Timing::Fast.delay(11, &mut random) >= Duration::from_secs(63));
        }
    }

    #[test]
    fn setbacks_grow_and_stop_growing() {
        let waits: Vec<_> = (0..10).map(|n| Timing::setback(n).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }
}
