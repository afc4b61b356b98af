//! When a message is sent again (RFC 8415 §15). Pure: randomness comes in through [`Random`], which is seeded;
//! no floating point: RAND is in thousandths.

use std::time::Duration;

use super::event::Timing;
use super::wire::Kind;
use crate::net::random::Random;
use crate::time::Instant;

/// Deviation: milliseconds between the first messages of [`Timing::Fast`], as the first packet on a fresh
/// bridge port is often lost; then the RFC's schedule begins.
const QUICK: [u32; 3] = [100, 200, 400];
/// RFC 8415 §7.6: SOL_MAX_DELAY, CNF_MAX_DELAY, INF_MAX_DELAY.
const MAX_DELAY: u32 = 1000;
/// RFC 8415 §7.6: SOL_MAX_RT and INF_MAX_RT, until a server says otherwise.
pub const MAX_RT: u32 = 3600;
/// RFC 8415 §14.1: no more than so many messages at once, and one a second on the average.
const BURST: u32 = 20;

/// The parameters of RFC 8415 §15 for one kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// IRT, milliseconds.
    pub initial: u32,
    /// MRT, seconds; 0: none. SOLICIT and INFORMATION-REQUEST have those that servers can set.
    pub longest: u32,
    /// MRC; 0: none.
    pub count: u32,
    /// MRD, seconds; `None`: none, or what the leases say.
    pub duration: Option<Duration>,
}

impl Limits {
    /// RFC 8415 §7.6. `moved`: a REBIND in place of a CONFIRM (§18.2.12) has that one's.
    pub fn of(kind: Kind, moved: bool) -> Self {
        let (initial, longest, count) = match kind {
            Kind::Confirm => (1000, 4, 0),
            Kind::Rebind if moved => (1000, 4, 0),
            Kind::Solicit | Kind::InformationRequest => (1000, MAX_RT, 0),
            Kind::Request => (1000, 30, 10),
            Kind::Renew | Kind::Rebind => (10_000, 600, 0),
            Kind::Release | Kind::Decline => (1000, 0, 4),
        };
        Self {
            initial,
            longest,
            count,
            duration: (longest == 4).then_some(Duration::from_secs(10)),
        }
    }
}

/// How long to wait before the first message (§18.2.1, §18.2.3, §18.2.6).
pub fn first_delay(kind: Kind, timing: Timing, random: &mut Random) -> Duration {
    match (kind, timing) {
        (Kind::Solicit | Kind::Confirm | Kind::InformationRequest, Timing::Rfc) => {
            Duration::from_millis(random.below(MAX_DELAY + 1).into())
        }
        _ => Duration::ZERO,
    }
}

/// The waits of one exchange.
#[derive(Debug, Clone)]
pub struct Pace {
    kind: Kind,
    quick: usize,
    initial: u32,
    /// RTprev, milliseconds; 0 before the first.
    previous: u32,
}

impl Pace {
    /// At the beginning of an exchange.
    pub fn new(kind: Kind, timing: Timing, limits: Limits) -> Self {
        // RENEW and REBIND have hours.
        let patient = matches!(kind, Kind::Renew | Kind::Rebind) && limits.duration.is_none();
        let quick = match timing {
            Timing::Fast if !patient => 0,
            _ => QUICK.len(),
        };
        Self {
            kind,
            quick,
            initial: limits.initial,
            previous: 0,
        }
    }

    /// How long to wait for an answer to the message that has just been sent; `longest` is MRT in seconds.
    pub fn wait(&mut self, longest: u32, random: &mut Random) -> Duration {
        if let Some(&quick) = QUICK.get(self.quick) {
            self.quick += 1;
            // Up to an eighth more, so that a hundred clients drift apart.
            return Duration::from_millis((quick + random.below(quick / 8)).into());
        }
        // RFC 8415 §18.2.1: strictly greater than 0, so that every server had the whole of IRT.
        let lowest = match (self.kind, self.previous) {
            (Kind::Solicit, 0) => 1,
            _ => -100,
        };
        let rand = lowest + random.below((101 - lowest) as u32) as i32;
        let spread = |time: u32| i64::from(time) * i64::from(rand) / 1000;
        let next = match self.previous {
            0 => i64::from(self.initial) + spread(self.initial),
            previous => 2 * i64::from(previous) + spread(previous),
        };
        let longest = longest.saturating_mul(1000);
        let next = match longest {
            1.. if next > i64::from(longest) => i64::from(longest) + spread(longest),
            _ => next,
        };
        self.previous = u32::try_from(next).unwrap_or(u32::MAX);
        Duration::from_millis(self.previous.into())
    }
}

/// Limits the rate of all messages together (RFC 8415 §14.1).
#[derive(Debug, Clone)]
pub struct Bucket {
    left: u32,
    filled: Instant,
}

impl Bucket {
    /// With all that it can hold.
    pub fn full() -> Self {
        Self {
            left: BURST,
            filled: Instant::BOOT,
        }
    }

    /// Whether a message may be sent now; it then counts.
    pub fn take(&mut self, now: Instant) -> bool {
        let refilled = now.since(self.filled).as_secs();
        if refilled > 0 || self.left == BURST {
            let refilled = u32::try_from(refilled).unwrap_or(BURST);
            self.left = self.left.saturating_add(refilled).min(BURST);
            self.filled = now;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }
}

/// How long to wait after what a server promised `before` times already has come to nothing.
pub fn setback(before: u32, random: &mut Random) -> Duration {
    match before {
        0 => Duration::ZERO,
        before => {
            let wait = 1000 << (before - 1).min(7);
            Duration::from_millis((wait + random.below(wait / 4)).into())
        }
    }
}

/// How long to wait before an IA that a server has left empty is asked for again, beside those that it
/// has filled.
pub fn ask_again(before: u32) -> Duration {
    Duration::from_secs(60 << before.min(6)).min(Duration::from_secs(MAX_RT.into()))
}

#[cfg(test)]
mod tests;
