//! The client's state machine (RFC 2131 §4.4, RFC 4039, RFC 5227, RFC 8925): no I/O, no clock, no
//! randomness of its own. Invariant: whatever is handed in, it is bound, or [`Machine::deadline`] says when
//! it tries again, or it waits for the link. `replies` judges what comes in, `message` words what goes out,
//! `reboot` asks about a lease that is known, `ours` gives addresses up, `words` explains it to people.
//!
//! Deviations: the first OFFER is taken (RFC 2131 lets a client collect); no random wait of 1–10 s
//! before the first DISCOVER, as a VM's network is its own.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{MessageType, OptionCode};

use super::arp::Mac;
use super::conflict::Guard;
use super::event::{Config, Destination, Input, Loss, Output, Phase};
use super::lease::{Lease, Times};
use super::timing::Timing;
use super::wire::Message;
use crate::net::random::Random;
use crate::time::Instant;

mod message;
mod ours;
mod reboot;
mod replies;
mod words;

/// REQUESTs without an answer before it begins again with DISCOVER.
const MAX_REQUESTS: u32 = 4;

#[derive(Debug, Clone)]
enum State {
    Idle,
    Waiting {
        until: Instant,
    },
    Selecting {
        attempt: Attempt,
    },
    Requesting {
        attempt: Attempt,
        offer: Offer,
    },
    /// Asks whether the address may be used here; `held`: it is in use meanwhile.
    Rebooting {
        attempt: Attempt,
        address: Ipv4Addr,
        held: Option<Held>,
    },
    Bound {
        held: Held,
    },
    Renewing {
        held: Held,
        attempt: Attempt,
    },
    Rebinding {
        held: Held,
        attempt: Attempt,
    },
    Informing {
        attempt: Attempt,
        address: Ipv4Addr,
    },
    /// INFORM was answered.
    Informed,
}

/// A message that was sent and may have to be sent again.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    count: u32,
    /// When it was first sent with this xid: a lease begins then, at the latest.
    sent: Instant,
    next: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    address: Ipv4Addr,
    server: Ipv4Addr,
}

/// A lease and when it began.
#[derive(Debug, Clone)]
struct Held {
    lease: Lease,
    since: Instant,
}

impl Held {
    /// The moments T1, T2 and the end; `None` where it never ends.
    fn moments(&self) -> Option<(Instant, Instant, Instant)> {
        let at = |seconds: u32| self.since + Duration::from_secs(seconds.into());
        match self.lease.times {
            Times::Infinite => None,
            Times::Limited {
                renew,
                rebind,
                expire,
            } => Some((at(renew), at(rebind), at(expire))),
        }
    }

    fn ends(&self) -> Option<Instant> {
        self.moments().map(|(.., expire)| expire)
    }
}

/// Why there is no lease, where it is not just silence.
#[derive(Debug, Clone, Copy)]
enum Reason {
    /// Others have the addresses that were leased.
    Conflict(Ipv4Addr, Mac),
    /// Option 108.
    Ipv6Only,
}

/// A client of one interface.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    random: Random,
    state: State,
    /// The link has a carrier.
    up: bool,
    xid: u32,
    /// When the current acquisition or renewal began, for `secs`.
    began: Instant,
    /// An address that it had once and asks for again.
    hint: Option<Ipv4Addr>,
    guard: Option<Guard>,
    /// NAKs and unanswered REQUESTs since the last lease: each waits longer.
    setbacks: u32,
    /// DECLINEs since the last address that nobody else had.
    declines: u32,
    /// Who claimed the address of the last DECLINE, and how many in a row.
    claimant: Option<(Mac, u8)>,
    reason: Option<Reason>,
    discovers: u32,
    refusals: u32,
    output: VecDeque<Output>,
}

impl Machine {
    /// A client that waits for its link. `entropy` decides its transaction numbers and its jitter.
    pub fn new(config: Config, entropy: u64) -> Self {
        Self {
            config,
            random: Random::new(entropy),
            state: State::Idle,
            up: false,
            xid: 0,
            began: Instant::BOOT,
            hint: None,
            guard: None,
            setbacks: 0,
            declines: 0,
            claimant: None,
            reason: None,
            discovers: 0,
            refusals: 0,
            output: VecDeque::new(),
        }
    }

    /// The same client, whose predecessor has configured this lease: it is kept while the server is
    /// asked whether it is still good (RFC 2131 §3.2).
    pub fn with_lease(mut self, lease: Lease, since: Instant) -> Self {
        let held = Held { lease, since };
        self.state = State::Bound { held };
        self
    }

    /// The same client, which had this address once, and asks for it first.
    pub fn with_hint(mut self, address: Ipv4Addr) -> Self {
        self.hint = Some(address);
        self
    }

    /// The only way in. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::LinkUp => self.link_up(now),
            Input::LinkDown => self.link_down(),
            Input::Received(message) => self.received(message, now),
            Input::Arp(arp) => self.heard(arp, now),
            Input::Release => self.release(),
            Input::Timeout => {
                self.probe(now);
                if self.state_deadline().is_some_and(|at| at <= now) {
                    self.timeout(now);
                }
            }
        }
    }

    /// The only way out.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When to hand in [`Input::Timeout`]; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        let guard = self.guard.as_ref().and_then(Guard::deadline);
        self.state_deadline().into_iter().chain(guard).min()
    }

    fn state_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle | State::Informed => None,
            State::Waiting { until } => Some(*until),
            State::Selecting { attempt }
            | State::Requesting { attempt, .. }
            | State::Informing { attempt, .. } => Some(attempt.next),
            State::Rebooting { attempt, held, .. } => {
                let ends = held.as_ref().and_then(Held::ends);
                Some(ends.map_or(attempt.next, |ends| ends.min(attempt.next)))
            }
            State::Bound { held } => held.moments().map(|(renew, ..)| renew),
            State::Renewing { held, attempt } => held
                .moments()
                .map(|(_, rebind, _)| rebind.min(attempt.next)),
            State::Rebinding { held, attempt } => held.ends().map(|ends| ends.min(attempt.next)),
        }
    }

    /// The state that it is in.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Idle | State::Informed => Phase::Idle,
            State::Waiting { .. } => Phase::Waiting,
            State::Selecting { .. } => Phase::Selecting,
            State::Requesting { .. } => Phase::Requesting,
            State::Rebooting { .. } => Phase::Rebooting,
            State::Bound { .. } => Phase::Bound,
            State::Renewing { .. } => Phase::Renewing,
            State::Rebinding { .. } => Phase::Rebinding,
            State::Informing { .. } => Phase::Informing,
        }
    }

    /// Whether there is nothing left to wait for: it has its lease, or its settings, or was told to do
    /// without.
    pub fn is_ready(&self) -> bool {
        match self.state {
            State::Waiting { .. } => matches!(self.reason, Some(Reason::Ipv6Only)),
            State::Bound { .. } => self.up,
            State::Renewing { .. } | State::Rebinding { .. } | State::Informed => true,
            _ => false,
        }
    }

    /// The address whose ARP packets it wants to see, and whether it only watches over it by now.
    pub fn guarded(&self) -> Option<(Ipv4Addr, bool)> {
        let guard = self.guard.as_ref()?;
        Some((guard.address(), guard.is_watching()))
    }

    fn link_up(&mut self, now: Instant) {
        self.up = true;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {
                (self.discovers, self.refusals) = (0, 0);
                self.begin(now);
            }
            State::Bound { held }
            | State::Renewing { held, .. }
            | State::Rebinding { held, .. } => {
                self.began = now;
                self.reboot(held.lease.address, Some(held), now);
            }
            other => self.state = other,
        }
    }

    fn begin(&mut self, now: Instant) {
        self.began = now;
        match (self.config.inform, self.hint) {
            (Some((address, _)), _) => self.inform(address, now),
            (None, Some(address)) => self.reboot(address, None, now),
            (None, None) => self.discover(now),
        }
    }

    /// A lease outlives its carrier: cables are pulled and put back.
    fn link_down(&mut self) {
        self.up = false;
        self.guard = None;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Rebooting {
                held: Some(held), ..
            } => self.state = State::Bound { held },
            kept @ (State::Bound { .. }
            | State::Renewing { .. }
            | State::Rebinding { .. }
            | State::Informed) => self.state = kept,
            _ => {}
        }
    }

    fn timeout(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Informed => {}
            State::Waiting { .. } => self.discover(now),
            State::Selecting { attempt } => {
                let attempt = self.again(attempt, now);
                self.send_discover(attempt, now);
            }
            State::Requesting { attempt, .. } if attempt.count >= MAX_REQUESTS => {
                self.set_back(now);
            }
            State::Requesting { attempt, offer } => {
                let attempt = self.again(attempt, now);
                self.send_request(attempt, offer, now);
            }
            State::Rebooting {
                attempt,
                address,
                held,
            } => self.reboot_again(attempt, address, held, now),
            State::Bound { held } => {
                self.began = now;
                self.keep(held, now);
            }
            State::Renewing { held, .. } | State::Rebinding { held, .. } => self.keep(held, now),
            State::Informing { attempt, address } => {
                let attempt = self.again(attempt, now);
                self.send_inform(attempt, address, now);
            }
        }
    }

    /// INIT → SELECTING.
    fn discover(&mut self, now: Instant) {
        self.reason = match self.reason {
            Some(Reason::Ipv6Only) => None,
            other => other,
        };
        if !self.up {
            self.state = State::Idle;
            return;
        }
        self.began = now;
        let attempt = self.first(now);
        self.send_discover(attempt, now);
    }

    fn send_discover(&mut self, attempt: Attempt, now: Instant) {
        let mut message = self.question(MessageType::Discover, attempt, now);
        // Some networks break on option 80: after one silent try it goes on without.
        if self.config.rapid_commit && attempt.count == 1 {
            message.options.set(OptionCode::RapidCommit, &[]);
        }
        if let Some(address) = self.hint {
            message
                .options
                .set(OptionCode::RequestedIpAddress, &address.octets());
        }
        self.discovers = self.discovers.saturating_add(1);
        self.send(message, Destination::Link);
        self.state = State::Selecting { attempt };
    }

    /// SELECTING → REQUESTING. `secs` and xid stay those of the DISCOVER (RFC 2131 §4.4.1).
    fn send_request(&mut self, attempt: Attempt, offer: Offer, now: Instant) {
        let mut message = self.question(MessageType::Request, attempt, now);
        let options = &mut message.options;
        options.set(OptionCode::RequestedIpAddress, &offer.address.octets());
        options.set(OptionCode::ServerIdentifier, &offer.server.octets());
        self.send(message, Destination::Link);
        self.state = State::Requesting { attempt, offer };
    }

    /// BOUND, or what the clock says comes after it.
    fn stay(&mut self, held: Held, now: Instant) {
        match held.moments() {
            Some((renew, ..)) if renew <= now => {
                self.began = now;
                self.keep(held, now);
            }
            _ => self.state = State::Bound { held },
        }
    }

    /// BOUND → RENEWING → REBINDING → INIT, by what the clock says: after a suspend all may be due.
    fn keep(&mut self, held: Held, now: Instant) {
        let Some((_, rebind, expire)) = held.moments() else {
            self.state = State::Bound { held };
            return;
        };
        if now >= expire {
            self.hint = Some(held.lease.address);
            self.lose(Loss::Expired, now);
            return;
        }
        // Each with a transaction of its own: an ACK says from when on the lease counts.
        self.xid = self.random.next_u32();
        let length = expire.since(held.since);
        let until = if now < rebind { rebind } else { expire };
        let attempt = Attempt {
            count: 1,
            sent: now,
            next: now + self.config.timing.renewal(until.since(now), length),
        };
        let mut message = self.question(MessageType::Request, attempt, now);
        message.ciaddr = held.lease.address;
        // A server that did not name itself can only be asked with all others.
        let destination = match held.lease.server {
            Some(server) if now < rebind => Destination::Server(server),
            _ => Destination::Everyone,
        };
        self.send(message, destination);
        self.state = match now < rebind {
            true => State::Renewing { held, attempt },
            false => State::Rebinding { held, attempt },
        };
    }

    /// RFC 2131 §3.4.
    fn inform(&mut self, address: Ipv4Addr, now: Instant) {
        let attempt = self.first(now);
        self.send_inform(attempt, address, now);
    }

    fn send_inform(&mut self, attempt: Attempt, address: Ipv4Addr, now: Instant) {
        let mut message = self.question(MessageType::Inform, attempt, now);
        message.ciaddr = address;
        self.discovers = self.discovers.saturating_add(1);
        self.send(message, Destination::Everyone);
        self.state = State::Informing { attempt, address };
    }

    fn lose(&mut self, loss: Loss, now: Instant) {
        self.guard = None;
        self.output.push_back(Output::Deconfigure(loss));
        self.discover(now);
    }

    /// Begins again, later each time, so that a server that keeps refusing is not flooded.
    fn set_back(&mut self, now: Instant) {
        let wait = Timing::setback(self.setbacks);
        self.setbacks = self.setbacks.saturating_add(1);
        self.wait(wait, now);
    }

    fn wait(&mut self, wait: Duration, now: Instant) {
        if wait.is_zero() || !self.up {
            self.discover(now);
        } else {
            self.state = State::Waiting { until: now + wait };
        }
    }

    /// The first of a series of messages, with a transaction of its own.
    fn first(&mut self, now: Instant) -> Attempt {
        self.xid = self.random.next_u32();
        self.begin_series(now)
    }

    fn begin_series(&mut self, now: Instant) -> Attempt {
        Attempt {
            count: 1,
            sent: now,
            next: now + self.config.timing.delay(0, &mut self.random),
        }
    }

    fn again(&mut self, attempt: Attempt, now: Instant) -> Attempt {
        Attempt {
            count: attempt.count.saturating_add(1),
            sent: attempt.sent,
            next: now + self.config.timing.delay(attempt.count, &mut self.random),
        }
    }

    fn send(&mut self, message: Message, destination: Destination) {
        self.output.push_back(Output::Send(message, destination));
    }
}

#[cfg(test)]
mod tests;
