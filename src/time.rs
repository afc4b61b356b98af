//! Time since boot. Machines never read a clock: they are handed an [`Instant`], so that tests hand
//! them any. Invariant: only `CLOCK_BOOTTIME` is read here; the wall clock jumps at boot.

use std::ops::{Add, Sub};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A moment, as the time since the machine was started (`CLOCK_BOOTTIME`, includes suspend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The beginning of time: the boot itself.
    pub const BOOT: Self = Self(Duration::ZERO);

    /// Now, from `CLOCK_BOOTTIME` (`CLOCK_MONOTONIC` where the kernel lacks it).
    pub fn now() -> Self {
        let read = clock_gettime(ClockId::CLOCK_BOOTTIME)
            .or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC));
        read.map(|time| Self(time.into())).unwrap_or(Self::BOOT)
    }

    /// The moment `since_boot` after the boot.
    pub const fn from_boot(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// How long after the boot this is.
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What this thread has computed for so far: what a test may bound, however busy the machine is.
#[cfg(test)]
pub fn processor_time() -> Duration {
    let read = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    read.map(Duration::from).unwrap_or_default()
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

/// Seconds as [`parse_duration`] reads them: `10`, `0.25`. Floating point would be 10 kB of program.
pub fn seconds(duration: Duration) -> String {
    let exact = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads a duration as people write it: `5`, `0.25`, `1.5s`, `200ms`, `2m`, `1h`, `1d`; a bare number
/// is seconds, as in sleep(1).
///
/// Errors name the text and what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let nanoseconds_each: u128 = match unit {
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => {
            return Err(format!(
                "'{text}' is not a time: unknown unit '{unit}' (ms, s, m, h, d)"
            ));
        }
    };
    let bad = || format!("'{text}' is not a time: expected a number such as 5, 0.5 or 200ms");
    let nanoseconds = decimal(number, nanoseconds_each).ok_or_else(bad)?;
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).map_err(|_| bad())?;
    let rest = u32::try_from(nanoseconds % 1_000_000_000).map_err(|_| bad())?;
    Ok(Duration::new(seconds, rest))
}

/// A decimal number times `scale`, rounded down; digits beyond the ninth place count nothing.
fn decimal(number: &str, scale: u128) -> Option<u128> {
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && places.is_empty() {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        _ => text.parse::<u64>().ok().map(u128::from),
    };
    let all_digits = places.bytes().all(|byte| byte.is_ascii_digit());
    let kept = &places[..places.len().min(9)];
    let fraction = digits(kept).filter(|_| all_digits)? * scale;
    let unit = 10_u128.pow(u32::try_from(kept.len()).ok()?);
    Some(digits(whole)? * scale + fraction / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_as_people_read_them() {
        for (text, millis) in [("0", 0), ("10", 10_000), ("0.25", 250), ("100.5", 100_500)] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn durations_as_people_write_them() {
        for (text, millis) in [
            ("5", 5000),
            ("0.25", 250),
            ("1.5s", 1500),
            ("200ms", 200),
            (".5", 500),
            ("5.", 5000),
            ("0.0015s", 1),
            ("1.9999999999999999999999", 1999),
            ("2m", 120_000),
        ] {
            let read = parse_duration(text).map(|time| time.as_millis());
            assert_eq!(read, Ok(millis), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "1 s",
            "1w",
            "1e3",
            "..",
            "99999999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
