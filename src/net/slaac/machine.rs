//! The host's state machine (RFC 4861 §6.3, RFC 4862 §5.5, RFC 7559): no I/O, no clock, no randomness of
//! its own. Invariant: whatever is handed in, a default router is known, or [`Machine::deadline`] says when
//! it asks again, or it waits for the link; and nothing ends later than it was told to.

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::event::{Config, Input, Output, Phase};
use super::learn::{self, Learner, MOST_RETRIES};
use super::lease::{Settings, prefix_of};
use crate::net::nd::wire::RouterAdvertisement;
use crate::net::random::Random;
use crate::time::Instant;

/// A flood of advertisements changes the kernel once in this time, after the first few.
const PAUSE: Duration = Duration::from_secs(1);
/// How many changes are made without a pause.
const BURST: Duration = Duration::from_secs(8);
/// Addresses that others have are remembered up to this number.
const MOST_TAKEN: usize = 64;

/// A solicitation that was sent, or is to be.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    sent: u32,
    next: Instant,
    delay: Duration,
}

/// A host on one interface.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    random: Random,
    link: bool,
    attempt: Option<Attempt>,
    /// Solicitations since the link came up.
    asked: u32,
    /// The last router that said anything valid.
    heard: Option<Ipv6Addr>,
    known: Settings,
    /// The shape of what was handed out last, and when.
    told: Settings,
    told_at: Instant,
    /// When to hand out what is known now.
    due: Option<Instant>,
    /// When the next change would be made if each took [`PAUSE`].
    paced: Instant,
    taken: Vec<Ipv6Addr>,
    output: VecDeque<Output>,
}

impl Machine {
    /// A host that waits for its link. `entropy` decides its jitter.
    pub fn new(config: Config, entropy: u64) -> Self {
        Self {
            config,
            random: Random::new(entropy),
            link: false,
            attempt: None,
            asked: 0,
            heard: None,
            known: Settings::default(),
            told: Settings::default(),
            told_at: Instant::BOOT,
            due: None,
            paced: Instant::BOOT,
            taken: Vec::new(),
            output: VecDeque::new(),
        }
    }

    /// The only way in. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::LinkUp => self.link_up(now),
            Input::LinkDown => {
                self.link = false;
                self.attempt = None;
            }
            Input::Advertisement(from, said) => self.advertised(from, said, now),
            Input::Duplicate(ip) => self.duplicate(ip),
            Input::Resume(settings) => {
                self.known = settings.clone();
                self.told = settings.shape();
            }
            Input::Timeout => {}
        }
        self.expire(now);
        self.tell(now);
        self.ask(now);
    }

    /// The only way out.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When to hand in [`Input::Timeout`]; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        let next = self.attempt.map(|attempt| attempt.next);
        let ends = learn::next_end(&self.known);
        [next, self.due, ends].into_iter().flatten().min()
    }

    /// The state that it is in.
    pub fn phase(&self) -> Phase {
        match (self.link, self.attempt) {
            (false, _) => Phase::Idle,
            (true, Some(_)) => Phase::Soliciting,
            (true, None) => Phase::Listening,
        }
    }

    /// What is known now.
    pub fn known(&self) -> &Settings {
        &self.known
    }

    /// Whether a router has said anything.
    pub fn has_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// Why there is no address, in words for the person who waits for one.
    pub fn explain(&self) -> String {
        let Some(router) = self.heard else {
            return match (self.link, self.asked) {
                (false, _) => "no carrier".to_owned(),
                (_, 1) => "no router answered 1 solicitation".to_owned(),
                (_, asked) => format!("no router answered {asked} solicitations"),
            };
        };
        match (self.taken.last(), self.known.managed) {
            (Some(taken), _) => format!("another host has the address {taken}"),
            (None, true) => format!(
                "router {router} has no prefix for addresses but says that they come by DHCPv6 \
                 ('slaac --follow', 'dhcp6')"
            ),
            (None, false) => format!("router {router} has no prefix to make addresses of"),
        }
    }

    /// Why there is no address, once that is worth telling: the quick repetitions are over, or there is no
    /// carrier, or the answer was of no use.
    pub fn trouble(&self) -> Option<String> {
        let troubled = !self.link || self.asked > 3 || self.heard.is_some();
        (troubled && self.known.addresses.is_empty()).then(|| self.explain())
    }

    /// What is configured stays: cables are pulled and put back. It is handed out again, as the kernel
    /// removes addresses from an interface that is set down.
    fn link_up(&mut self, now: Instant) {
        if self.link {
            return;
        }
        self.link = true;
        self.asked = 0;
        self.taken.clear();
        let timing = self.config.timing;
        let wait = timing.first(&mut self.random);
        self.solicit_after(wait, now);
        if !self.known.is_empty() {
            self.due = Some(now);
        }
    }

    fn solicit_after(&mut self, wait: Duration, now: Instant) {
        self.attempt = Some(Attempt {
            sent: 0,
            next: now + wait,
            delay: Duration::ZERO,
        });
    }

    fn ask(&mut self, now: Instant) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        if attempt.next > now {
            return;
        }
        attempt.sent = attempt.sent.saturating_add(1);
        let timing = self.config.timing;
        attempt.delay = timing.next(attempt.sent, attempt.delay, &mut self.random);
        attempt.next = now + attempt.delay;
        self.asked = self.asked.saturating_add(1);
        self.output.push_back(Output::Solicit);
    }

    fn advertised(&mut self, from: Ipv6Addr, said: &RouterAdvertisement, now: Instant) {
        self.heard = Some(from);
        let output = &mut self.output;
        let mut learner = Learner {
            config: &self.config,
            taken: &self.taken,
            from,
            now,
            dropped: &mut |why| output.push_back(Output::Dropped(why)),
        };
        learner.learn(&mut self.known, said);
        // RFC 7559 §2: only a default router ends the asking.
        if !self.known.routers.is_empty() {
            self.attempt = None;
        } else if self.attempt.is_none() && self.link {
            self.ask_later(now);
        }
        // The kernel's lifetimes are to be renewed.
        let again = (self.told_at + PAUSE).max(now);
        self.due = Some(self.due.map_or(again, |due| due.min(again)));
    }

    /// No default router is left. Nobody can make this host ask more than once in a moment.
    fn ask_later(&mut self, now: Instant) {
        let wait = Duration::from_millis(u64::from(500 + self.random.below(500)));
        self.solicit_after(wait, now);
    }

    /// Deviation: the next address is tried at once; RFC 7217 §6 waits a second (IDGEN_DELAY) so that two hosts
    /// do not collide in step, which two secrets do not.
    fn duplicate(&mut self, ip: Ipv6Addr) {
        let Some(at) = self.known.addresses.iter().position(|item| item.ip == ip) else {
            return;
        };
        if self.taken.len() < MOST_TAKEN {
            self.taken.push(ip);
        }
        let item = &mut self.known.addresses[at];
        let identifier = &self.config.identifier;
        let most = if identifier.varies() { MOST_RETRIES } else { 0 };
        // The counter of an address of an earlier client is not known.
        let mut made = (item.counter + 1..=most)
            .map(|n| (identifier.address(prefix_of(ip), self.config.mac, n), n));
        let free = made.find(|(ip, _)| !self.taken.contains(ip));
        let next = free.map(|(next, counter)| {
            (item.ip, item.counter) = (next, counter);
            next
        });
        if next.is_none() {
            self.known.addresses.remove(at);
        }
        self.output.push_back(Output::Conflict(ip, next));
    }

    fn expire(&mut self, now: Instant) {
        let had = self.known.routers.is_empty();
        learn::expire(&mut self.known, now);
        let lost = !had && self.known.routers.is_empty();
        if lost && self.attempt.is_none() && self.link {
            self.ask_later(now);
        }
    }

    /// Hands out what is known: at once if it looks different, within [`PAUSE`] if only its lifetimes are
    /// others.
    fn tell(&mut self, now: Instant) {
        let shape = self.known.shape();
        if shape != self.told {
            let free = (self.paced - BURST).max(now);
            self.due = Some(self.due.map_or(free, |due| due.min(free)));
        }
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        self.paced = self.paced.max(now) + PAUSE;
        self.told = shape;
        self.told_at = now;
        self.output.push_back(Output::Configure(self.known.clone()));
    }
}

#[cfg(test)]
mod tests;
