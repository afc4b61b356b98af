//! What the client has: one [`Association`] for each IA that it wants, filled or empty. Invariant: each
//! address and prefix has the moment from which its lifetimes count, so that it ends alone, whatever was
//! granted beside it later.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::event::Config;
use super::super::lease::{DelegatedPrefix, Lease, LeasedAddress, Lifetimes};
use super::super::reply::{Granted, Item, Which};
use crate::time::Instant;

/// RFC 8415 §18.2.10.1: an IA that a RENEW did not extend is asked for again as if there had been no answer:
/// REN_TIMEOUT.
const POSTPONED: Duration = Duration::from_secs(10);

/// An IA that the client wants.
#[derive(Debug, Clone)]
pub struct Association {
    /// Its type and number.
    pub which: Which,
    /// The prefix hoped for, by address and length.
    pub hint: Option<(Ipv6Addr, u8)>,
    /// What it has.
    pub held: Vec<Held>,
    /// T1; `None`: never.
    pub renew: Option<Instant>,
    /// T2.
    pub rebind: Option<Instant>,
    /// A server has no binding for it: what a REQUEST does not grant again is lost.
    pub doubted: bool,
}

/// An address or a prefix, and from when its lifetimes count.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// What was granted.
    pub item: Item,
    /// When.
    pub since: Instant,
}

/// An IA as it goes into a message.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its type and number.
    pub which: Which,
    /// Addresses with 128, prefixes with their lengths.
    pub items: Vec<(Ipv6Addr, u8)>,
}

impl Held {
    /// When it must not be used any more; `None`: never.
    fn end(&self) -> Option<Instant> {
        after(self.since, self.item.times.valid)
    }

    /// What is left of its lifetimes.
    fn left(&self, now: Instant) -> Lifetimes {
        let gone = now.since(self.since).as_secs();
        let gone = u32::try_from(gone).unwrap_or(u32::MAX);
        let left = |time: u32| match time {
            u32::MAX => time,
            time => time.saturating_sub(gone),
        };
        let Lifetimes { preferred, valid } = self.item.times;
        Lifetimes {
            preferred: left(preferred),
            valid: left(valid),
        }
    }
}

impl Association {
    /// One for each IA of the configuration, all empty.
    pub fn all(config: &Config) -> Vec<Self> {
        let empty = |prefix, iaid, hint| Self {
            which: Which { prefix, iaid },
            hint,
            held: Vec::new(),
            renew: None,
            rebind: None,
            doubted: false,
        };
        let address = config.address.iter().map(|&iaid| empty(false, iaid, None));
        let prefixes = config.prefixes.iter().map(|wanted| {
            let hinted = wanted.length > 0 || !wanted.prefix.is_unspecified();
            let hint = hinted.then_some((wanted.prefix, wanted.length));
            empty(true, wanted.iaid, hint)
        });
        address.chain(prefixes).collect()
    }

    /// Takes over what a server grants (RFC 8415 §18.2.10.1): what it names gets new lifetimes or, with a
    /// lifetime of zero, goes; what it does not name stays as it is.
    pub fn grant(&mut self, granted: &Granted, now: Instant) {
        for &item in &granted.items {
            let held = Held { item, since: now };
            match self.held.iter_mut().find(|held| held.item.is_same(&item)) {
                Some(known) => *known = held,
                None => self.held.push(held),
            }
        }
        self.held.retain(|held| held.item.times.valid > 0);
        let (renew, rebind) = granted.moments();
        self.renew = after(now, renew);
        self.rebind = after(now, rebind);
        self.doubted = false;
    }

    /// Takes over what an earlier run had.
    pub fn resume(&mut self, item: Item, lease: &Lease, since: Instant) {
        self.held.push(Held { item, since });
        self.renew = lease.renew.and_then(|seconds| after(since, seconds));
        self.rebind = lease.rebind.and_then(|seconds| after(since, seconds));
    }

    /// A server has answered, but not extended it: later again.
    pub fn postpone(&mut self, now: Instant) {
        let end = self.rebind.filter(|&rebind| rebind > now);
        let left = end
            .or(self.end())
            .map_or(Duration::ZERO, |end| end.since(now));
        let again = now + (left / 2).max(POSTPONED);
        self.renew = Some(again);
        self.rebind = self.rebind.map(|rebind| rebind.max(again));
    }

    /// When the first of its items ends; `None`: none does.
    pub fn end(&self) -> Option<Instant> {
        self.held.iter().filter_map(Held::end).min()
    }

    /// When the last of its items ends; `None`: one never does, or there is none.
    pub fn last_end(&self) -> Option<Instant> {
        let ends: Option<Vec<_>> = self.held.iter().map(Held::end).collect();
        ends?.into_iter().max()
    }

    /// Removes what has ended; whether anything has.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.held.len();
        self.held
            .retain(|held| held.end().is_none_or(|end| end > now));
        before != self.held.len()
    }

    /// What it has as it goes into a message; where it has nothing, what is hoped for.
    pub fn wish(&self) -> Wish {
        let held = self
            .held
            .iter()
            .map(|held| (held.item.address, held.item.length));
        let mut items: Vec<_> = held.collect();
        if items.is_empty() {
            items.extend(self.hint);
        }
        Wish {
            which: self.which,
            items,
        }
    }
}

impl Granted {
    /// What of it can be used.
    pub fn usable(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.times.valid > 0)
    }

    /// T1 and T2 in seconds. Where the server leaves them to the client, they are 0.5 and 0.8 of the
    /// shortest preferred lifetime (RFC 8415 §21.4). Deviation: so they are, from the valid lifetime, where
    /// the server's own would come when the lease is over.
    fn moments(&self) -> (u32, u32) {
        let shortest = |time: fn(&Lifetimes) -> u32| {
            let times = self.usable().map(|item| time(&item.times));
            times.filter(|&time| time > 0).min().unwrap_or(u32::MAX)
        };
        let valid = shortest(|times| times.valid);
        let preferred = shortest(|times| times.preferred).min(valid);
        let tenths = |time: u32, tenths: u64| match time {
            u32::MAX => time,
            time => (u64::from(time) * tenths / 10) as u32,
        };
        let own = |given: u32, part: u64| match given {
            0 => tenths(preferred, part),
            given if given >= valid => tenths(valid, part),
            given => given,
        };
        let rebind = own(self.rebind, 8).max(1);
        let renew = own(self.renew, 5).max(1);
        match self.rebind {
            0 => (renew, rebind.max(renew)),
            _ => (renew.min(rebind), rebind),
        }
    }
}

/// Everything that is held, as a lease whose times count from now.
pub fn lease(all: &[Association], now: Instant) -> Lease {
    let seconds = |at: Instant| at.since(now).as_secs() as u32;
    let mut lease = Lease {
        renew: first(all, |ia| ia.renew).map(seconds),
        rebind: first(all, |ia| ia.rebind).map(seconds),
        ..Lease::default()
    };
    for ia in all {
        for held in &ia.held {
            let times = held.left(now);
            if ia.which.prefix {
                lease.prefixes.push(DelegatedPrefix {
                    iaid: ia.which.iaid,
                    prefix: held.item.address,
                    length: held.item.length,
                    times,
                    excluded: held.item.excluded,
                });
            } else {
                lease.addresses.push(LeasedAddress {
                    ip: held.item.address,
                    times,
                });
            }
        }
    }
    lease
}

/// The earliest of a moment of all IAs that hold something (RFC 8415 §18.2.4: they are renewed together).
pub fn first(all: &[Association], moment: fn(&Association) -> Option<Instant>) -> Option<Instant> {
    let filled = all.iter().filter(|ia| !ia.held.is_empty());
    filled.filter_map(moment).min()
}

/// `seconds` later; `None`: 2^32 - 1, which is never.
pub fn after(since: Instant, seconds: u32) -> Option<Instant> {
    (seconds != u32::MAX).then(|| since + Duration::from_secs(seconds.into()))
}
