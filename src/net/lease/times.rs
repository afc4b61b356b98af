//! When a lease was granted and how long it still lasts, from its record. Pure; seconds.

use std::time::Duration;

use super::Record;
use crate::net::dhcp6::lease::DelegatedPrefix;
use crate::net::slaac::lease::{FOR_EVER, Settings};
use crate::time::Instant;

/// What a record says of time, seen from now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Seconds since it was first configured.
    pub bound: Option<u64>,
    /// Seconds since it was last confirmed.
    pub renewed: Option<u64>,
    /// Seconds until it is to be renewed; 0: that time has passed.
    pub renew: Option<u64>,
    /// How long it lasts.
    pub left: Left,
}

/// For how long something lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Left {
    /// Nobody says.
    #[default]
    Unknown,
    /// For ever.
    ForEver,
    /// For so many seconds.
    Seconds(u64),
}

impl Left {
    /// What is left of a lifetime in seconds, `u32::MAX` being for ever, of which so much has passed.
    pub fn of(lifetime: u64, passed: u64) -> Self {
        match lifetime {
            lifetime if lifetime == u64::from(u32::MAX) => Self::ForEver,
            lifetime => Self::Seconds(lifetime.saturating_sub(passed)),
        }
    }

    /// The seconds, if they are limited.
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            _ => None,
        }
    }
}

/// `23h59m`, `for ever`, `-`
impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Unknown => f.write_str("-"),
            Self::ForEver => f.write_str("for ever"),
            Self::Seconds(seconds) => f.write_str(&span(seconds)),
        }
    }
}

impl Times {
    /// What the record says.
    pub fn of(record: &Record, now: Instant) -> Self {
        let number = |key: &str| record.get(key).and_then(|text| text.parse::<u64>().ok());
        let since = |at: Duration| now.since(Instant::from_boot(at)).as_secs();
        let bound = number("bound").map(|at| since(Duration::from_secs(at)));
        let renewed = number("renewed").map(|at| since(Duration::from_millis(at)));
        // A record without `renewed` has been bound once.
        let passed = renewed.or(bound).unwrap_or(0);
        let lease = record.get("lease").or_else(|| record.get("lease6"));
        let left = match lease {
            None => last_end(record, now),
            Some(text) => text
                .parse()
                .map_or(Left::ForEver, |lifetime| Left::of(lifetime, passed)),
        };
        Self {
            bound,
            renewed,
            renew: number("t1").and_then(|t1| Left::of(t1, passed).seconds()),
            left,
        }
    }
}

/// When the last of the addresses ends that routers have given, or the first of them where they give none.
fn last_end(record: &Record, now: Instant) -> Left {
    if record.get("times6").is_none() {
        return Left::Unknown;
    }
    let known = Settings::read(record);
    let addresses = known.addresses.iter().map(|item| item.valid);
    let last = addresses
        .max()
        .or(known.routers.first().map(|item| item.until));
    match last {
        None => Left::Unknown,
        Some(FOR_EVER) => Left::ForEver,
        Some(end) => Left::Seconds(end.since(now).as_secs()),
    }
}

/// `bound 2m3s ago, renewed 10s ago, renews in 11h59m, ends in 23h59m`; empty where nothing is known.
impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if let Some(bound) = self.bound {
            parts.push(format!("bound {} ago", span(bound)));
        }
        if let Some(renewed) = self.renewed.filter(|at| Some(*at) != self.bound) {
            parts.push(format!("confirmed {} ago", span(renewed)));
        }
        if let Some(renew) = self.renew {
            parts.push(format!("renews in {}", span(renew)));
        }
        match self.left {
            Left::Unknown => {}
            Left::ForEver => parts.push("for ever".to_owned()),
            Left::Seconds(left) => parts.push(format!("ends in {}", span(left))),
        }
        f.write_str(&parts.join(", "))
    }
}

/// The delegated prefixes of a record of `dhcp6` with how long each lasts.
pub fn delegations(record: &Record, now: Instant) -> Vec<(String, Left)> {
    let passed = Times::of(record, now).renewed.unwrap_or(0);
    let words = record.get("delegations").unwrap_or_default();
    let read = words.split(' ').filter_map(DelegatedPrefix::read);
    let read = read.map(|one| {
        let prefix = format!("{}/{}", one.prefix, one.length);
        (prefix, Left::of(one.times.valid.into(), passed))
    });
    read.collect()
}

/// Seconds as people read them, in the two largest units: `45s`, `2m3s`, `23h59m`, `6d4h`.
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    for pair in UNITS.windows(2) {
        let [(large, name), (small, next)] = *pair else {
            continue;
        };
        if seconds >= large {
            let rest = seconds % large / small;
            return match rest {
                0 => format!("{}{name}", seconds / large),
                rest => format!("{}{name}{rest}{next}", seconds / large),
            };
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn spans() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (123, "2m3s"),
            (86_399, "23h59m"),
            (86_400, "1d"),
            (600_000, "6d22h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn times_count_from_the_last_confirmation() {
        let record = Record::parse("lease=600\nt1=300\nbound=100\nrenewed=400000\n");
        let times = Times::of(&record, at(450));
        assert_eq!(
            times.to_string(),
            "bound 5m50s ago, confirmed 50s ago, renews in 4m10s, ends in 9m10s"
        );
        assert_eq!(Times::of(&record, at(5000)).left, Left::Seconds(0));
        let once = Record::parse("lease=600\nt1=300\nbound=100\n");
        assert_eq!(
            Times::of(&once, at(110)).to_string(),
            "bound 10s ago, renews in 4m50s, ends in 9m50s"
        );
    }

    #[test]
    fn without_end_and_without_knowledge() {
        for text in ["lease=infinite\n", "lease6=4294967295\n"] {
            assert_eq!(Times::of(&Record::parse(text), at(9)).left, Left::ForEver);
        }
        assert_eq!(Times::of(&Record::default(), at(9)).to_string(), "");
        let odd = Record::parse(
            "bound=x\nrenewed=99999999999999999999\nt1=-1\nlease6=18446744073709551615\n",
        );
        Times::of(&odd, at(9)).to_string();
    }

    #[test]
    fn what_routers_give_ends_with_its_last_address() {
        let record = Record::parse(
            "ip6=fd00::5/64 fd01::5/64\ngateway6=fe80::1\ntimes6=150 120 600 300 90\nbound=40\n",
        );
        let times = Times::of(&record, at(100));
        assert_eq!(times.to_string(), "bound 1m ago, ends in 8m20s");
        let record = Record::parse("gateway6=fe80::1\ntimes6=190\n");
        assert_eq!(Times::of(&record, at(100)).left, Left::Seconds(90));
        let record = Record::parse("ip6=fd00::5/64\ntimes6=- -\n");
        assert_eq!(Times::of(&record, at(100)).left, Left::ForEver);
    }

    #[test]
    fn prefixes_with_their_own_times() {
        let record = Record::parse(
            "renewed=1000\ndelegations=2001:db8:1::/56,1,100,200 rubbish 2001:db8:2::/60,2,1,4294967295\n",
        );
        let expected = [
            ("2001:db8:1::/56".to_owned(), Left::Seconds(150)),
            ("2001:db8:2::/60".to_owned(), Left::ForEver),
        ];
        assert_eq!(delegations(&record, at(51)), expected);
    }
}
