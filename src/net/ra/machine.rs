//! The advertising router of one link (RFC 4861 §6.2). No I/O, no clock, no randomness. Invariant: all hosts
//! are told at most every three seconds, whoever asks; while the link is up and there is something to tell,
//! there is a deadline.

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::content::{self, Content, Difference, Network, Prefix};
use super::event::{Config, Input, Output};
use crate::net::nd::wire::{ALL_NODES, RouterAdvertisement};
use crate::net::random::Random;
use crate::time::Instant;

// RFC 4861 §10.
const INITIAL_INTERVAL: Duration = Duration::from_secs(16);
const INITIAL: u8 = 3;
const BETWEEN: Duration = Duration::from_secs(3);
const ANSWER_DELAY: u32 = 500;
/// What changes together is told together: addresses come one after the other.
const GATHER: Duration = Duration::from_millis(50);
/// Hosts that are answered alone within a second; more are answered all together.
const ALONE: u32 = 20;
/// For how long hosts keep a prefix that was withdrawn, at most (RFC 4862 §5.5.3 e).
const TWO_HOURS: Duration = Duration::from_secs(7200);
/// Prefixes in a message with those that are over, and things that are gone of each kind: messages are split,
/// but there must be an end.
const MOST: usize = 48;

/// The state of one link.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    random: Random,
    up: bool,
    content: Option<Content>,
    /// What hosts still have, and nobody else will take from them.
    ending: Vec<Prefix>,
    gone_routes: Vec<Network>,
    gone_dns: Vec<Ipv6Addr>,
    gone_search: Vec<String>,
    /// Messages to all that are still to follow one another quickly.
    quick: u8,
    last: Option<Instant>,
    next: Option<Instant>,
    /// When the current second began, and how many hosts it has seen answered.
    second: (Instant, u32),
    /// Whether there is another router on the link.
    company: bool,
    complaints: Vec<&'static str>,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// Waits for the link and for something to tell. `seed` decides all of its random numbers.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            random: Random::new(seed),
            up: false,
            content: None,
            ending: Vec::new(),
            gone_routes: Vec::new(),
            gone_dns: Vec::new(),
            gone_search: Vec::new(),
            quick: INITIAL,
            last: None,
            next: None,
            second: (Instant::BOOT, 0),
            company: false,
            complaints: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The only way in.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::LinkUp if !self.up => {
                self.up = true;
                self.again(now, Duration::ZERO);
            }
            Input::LinkUp => {}
            Input::LinkDown => (self.up, self.next) = (false, None),
            Input::Content(content) => self.learn(content, now),
            Input::Solicited(host) => self.answer(host, now),
            Input::Heard(other) => self.compare(other, now),
            Input::Timeout => {
                if self.next.is_some_and(|next| next <= now) {
                    self.advertise(now);
                }
            }
            Input::Stop => self.end(),
        }
    }

    /// The only way out; drained after each call of [`Self::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to send [`Input::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Has something to tell soon, and a few times (§6.2.4).
    fn again(&mut self, now: Instant, wait: Duration) {
        self.quick = INITIAL;
        self.schedule(now + wait);
    }

    /// The next message to all is not later than `at`, unless the last was too short a time ago (§6.2.6).
    fn schedule(&mut self, at: Instant) {
        let earliest = self.last.map_or(Instant::BOOT, |last| last + BETWEEN);
        let at = at.max(earliest);
        if self.up && self.content.is_some() {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    fn learn(&mut self, content: &Content, now: Instant) {
        let before = self.content.replace(content.clone());
        let Some(before) = before else {
            let until = Some(now + TWO_HOURS);
            let earlier = std::mem::take(&mut self.config.earlier);
            let all = earlier.into_iter().map(|network| Prefix {
                network,
                preferred: until,
                valid: until,
            });
            let all: Vec<_> = all.collect();
            self.end_prefixes(&all, now);
            return self.again(now, Duration::ZERO);
        };
        let difference = content.differs(&before);
        if difference == Difference::None {
            return;
        }
        self.end_prefixes(&before.prefixes, now);
        missing(&mut self.gone_routes, &before.routes, &content.routes);
        missing(&mut self.gone_dns, &before.dns, &content.dns);
        missing(&mut self.gone_search, &before.search, &content.search);
        match difference {
            Difference::Substance => self.again(now, GATHER),
            // Hosts may be about to give up what was renewed.
            _ => self.schedule(now + GATHER),
        }
    }

    /// Those that are not there any more are told to be over (RFC 9096 §3.3), for as long as hosts may have
    /// them.
    fn end_prefixes(&mut self, before: &[Prefix], now: Instant) {
        let Some(content) = &self.content else {
            return;
        };
        let current = |network: Network| content.prefixes.iter().any(|p| p.network == network);
        let longest =
            now + Duration::from_secs(2 * u64::from(content::lifetime(self.config.interval)));
        let longest = longest
            .max(now + Duration::from_secs(5400))
            .min(now + TWO_HOURS);
        for prefix in before.iter().filter(|prefix| !current(prefix.network)) {
            self.ending.retain(|known| known.network != prefix.network);
            self.ending.push(Prefix {
                network: prefix.network,
                preferred: Some(now),
                valid: Some(prefix.valid.map_or(longest, |valid| valid.min(longest))),
            });
        }
        self.ending.retain(|prefix| !current(prefix.network));
        let surplus = (self.ending.len() + content.prefixes.len()).saturating_sub(MOST);
        self.ending.drain(..surplus.min(self.ending.len()));
    }

    /// RFC 4861 §6.2.6. Deviation: a host that has an address is answered alone and at once, and where no
    /// other router was heard, all are answered at once: the random wait keeps several routers from
    /// answering at the same time.
    fn answer(&mut self, host: Ipv6Addr, now: Instant) {
        if !self.up || self.content.is_none() {
            return;
        }
        if now.since(self.second.0) >= Duration::from_secs(1) {
            self.second = (now, 0);
        }
        if !host.is_unspecified() && self.second.1 < ALONE {
            self.second.1 += 1;
            return self.tell(host, now);
        }
        let wait = if self.company {
            self.random.below(ANSWER_DELAY)
        } else {
            0
        };
        self.schedule(now + Duration::from_millis(wait.into()));
        if self.next.is_some_and(|next| next <= now) {
            self.advertise(now);
        }
    }

    /// Tells all hosts, and decides when to tell them again (§6.2.4).
    fn advertise(&mut self, now: Instant) {
        self.tell(ALL_NODES, now);
        self.last = Some(now);
        self.quick = self.quick.saturating_sub(1);
        if self.quick == 0 {
            self.gone_routes.clear();
            self.gone_dns.clear();
            self.gone_search.clear();
        }
        // §6.2.1: MinRtrAdvInterval is a third of the other, or three quarters of a short one.
        let most = u32::try_from(self.config.interval.as_millis()).unwrap_or(u32::MAX);
        let least = if most >= 9000 {
            most / 100 * 33
        } else {
            most / 4 * 3
        };
        let wait = least + self.random.below(most - least + 1);
        let wait = Duration::from_millis(wait.into());
        self.next = Some(match self.quick {
            0 => now + wait,
            _ => now + wait.min(INITIAL_INTERVAL),
        });
    }

    fn tell(&mut self, to: Ipv6Addr, now: Instant) {
        self.ending
            .retain(|prefix| prefix.valid.is_some_and(|until| until > now));
        let Some(content) = &self.content else {
            return;
        };
        let mut all = content.clone();
        all.prefixes.extend(&self.ending);
        all.prefixes.truncate(MOST);
        let mut message = all.message(self.config.interval, now);
        let over = self
            .gone_routes
            .iter()
            .map(|&route| content::information(route, 0));
        message.routes.extend(over);
        content::add_dns(&mut message, &self.gone_dns, 0);
        content::add_search(&mut message, &self.gone_search, 0);
        self.outputs.push_back(Output::Advertise(message, to));
    }

    /// RFC 4861 §6.2.7.
    fn compare(&mut self, other: &RouterAdvertisement, now: Instant) {
        self.company = true;
        let Some(content) = &self.content else {
            return;
        };
        let own = content.message(self.config.interval, now);
        let both = |one: u32, other: u32| one != 0 && other != 0 && one != other;
        let apart = |one: u32, other: u32| one.abs_diff(other) > 60;
        let lifetimes = own.prefixes.iter().any(|own| {
            let mut same = other
                .prefixes
                .iter()
                .filter(|p| (p.prefix, p.length) == (own.prefix, own.length));
            same.any(|other| apart(own.valid, other.valid) || apart(own.preferred, other.preferred))
        });
        let found = [
            (
                both(own.hop_limit.into(), other.hop_limit.into()),
                "another hop limit",
            ),
            (own.managed != other.managed, "another M flag"),
            (own.other != other.other, "another O flag"),
            (
                both(own.mtu.unwrap_or(0), other.mtu.unwrap_or(0)),
                "another MTU",
            ),
            (lifetimes, "other lifetimes of the same prefix"),
        ];
        for (_, what) in found.into_iter().filter(|(differs, _)| *differs) {
            if !self.complaints.contains(&what) {
                self.complaints.push(what);
                self.outputs.push_back(Output::Inconsistent(what));
            }
        }
    }

    /// RFC 4861 §6.2.5: not a default router any more, nor a way to name servers. The prefixes stay: another
    /// router, or this one when it comes back, may go on with them.
    fn end(&mut self) {
        let (up, content) = (self.up, self.content.take());
        (self.up, self.next) = (false, None);
        let Some(content) = content.filter(|_| up && self.last.is_some()) else {
            return;
        };
        let over = Content {
            lifetime: 0,
            prefixes: Vec::new(),
            ..content
        };
        // What is repeated never is kept for no time.
        let message = over.message(Duration::ZERO, Instant::BOOT);
        self.outputs
            .push_back(Output::Advertise(message, ALL_NODES));
    }
}

/// Adds to `gone` what was there before and is not now; takes from it what is there again.
fn missing<T: PartialEq + Clone>(gone: &mut Vec<T>, before: &[T], now: &[T]) {
    gone.extend(before.iter().cloned());
    gone.retain(|item| !now.contains(item));
    gone.dedup();
    gone.truncate(MOST);
}

#[cfg(test)]
mod tests;
