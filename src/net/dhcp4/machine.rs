//! The client's state machine (RFC 2131 §4.4, RFC 4039): no I/O, no clock, no randomness of its own.
//! Invariant: whatever is handed in, it is bound, or [`Machine::deadline`] says when it tries again, or
//! it waits for the link.
//!
//! Deviations: the first OFFER is taken (RFC 2131 lets a client collect); no random wait of 1–10 s
//! before the first DISCOVER, as a VM's network is its own.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{MessageType, OptionCode};

use super::event::{Config, Destination, Input, Loss, Output, Phase};
use super::lease::{Lease, Times};
use super::options::is_host;
use super::timing::Timing;
use super::wire::{Message, REPLY};
use crate::net::random::Random;
use crate::time::Instant;

/// REQUESTs without an answer before it begins again with DISCOVER.
const MAX_REQUESTS: u32 = 4;
/// The largest message that fits an unfragmented packet on Ethernet.
const MAX_MESSAGE: u16 = 1472;
/// What servers are asked for: option 55. RFC 3442 wants 121 before 3 and 33.
const PARAMETERS: [u8; 15] = [1, 121, 249, 3, 33, 6, 12, 15, 26, 28, 42, 51, 58, 59, 119];

#[derive(Debug, Clone)]
enum State {
    Idle,
    Waiting { until: Instant },
    Selecting { attempt: Attempt },
    Requesting { attempt: Attempt, offer: Offer },
    Bound { held: Held },
    Renewing { held: Held, attempt: Attempt },
    Rebinding { held: Held, attempt: Attempt },
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
}

/// A client of one interface.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    random: Random,
    state: State,
    xid: u32,
    /// When the current acquisition or renewal began, for `secs`.
    began: Instant,
    /// NAKs and unanswered REQUESTs since the last lease: each waits longer.
    setbacks: u32,
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
            xid: 0,
            began: Instant::BOOT,
            setbacks: 0,
            discovers: 0,
            refusals: 0,
            output: VecDeque::new(),
        }
    }

    /// The only way in. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::LinkUp => self.link_up(now),
            Input::LinkDown => self.link_down(),
            Input::Received(message) => self.received(message, now),
            Input::Timeout if self.deadline().is_some_and(|at| at <= now) => self.timeout(now),
            Input::Timeout => {}
        }
    }

    /// The only way out.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When to hand in [`Input::Timeout`]; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Waiting { until } => Some(*until),
            State::Selecting { attempt } | State::Requesting { attempt, .. } => Some(attempt.next),
            State::Bound { held } => held.moments().map(|(renew, ..)| renew),
            State::Renewing { held, attempt } => held
                .moments()
                .map(|(_, rebind, _)| rebind.min(attempt.next)),
            State::Rebinding { held, attempt } => {
                held.moments().map(|(.., expire)| expire.min(attempt.next))
            }
        }
    }

    /// The state that it is in.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Idle => Phase::Idle,
            State::Waiting { .. } => Phase::Waiting,
            State::Selecting { .. } => Phase::Selecting,
            State::Requesting { .. } => Phase::Requesting,
            State::Bound { .. } => Phase::Bound,
            State::Renewing { .. } => Phase::Renewing,
            State::Rebinding { .. } => Phase::Rebinding,
        }
    }

    /// Why there is no lease, in words for the person who waits for one.
    pub fn explain(&self) -> String {
        let tries = |count: u32| match count {
            1 => "1 try".to_owned(),
            count => format!("{count} tries"),
        };
        match &self.state {
            State::Idle => "no carrier".to_owned(),
            _ if self.refusals > 0 => format!("the server refuses (NAK), {} so far", self.refusals),
            State::Requesting { attempt, offer } => format!(
                "{} offered {} but did not confirm it after {}",
                offer.server,
                offer.address,
                tries(attempt.count)
            ),
            _ => format!("no answer after {}", tries(self.discovers)),
        }
    }

    /// Why there is no lease, once that is worth telling: the quick repetitions are over, a server
    /// refuses, or there is no carrier.
    pub fn trouble(&self) -> Option<String> {
        let troubled = match self.state {
            State::Idle | State::Waiting { .. } => true,
            State::Selecting { .. } => self.discovers > 3 || self.refusals > 0,
            State::Requesting { attempt, .. } => attempt.count > 3,
            State::Bound { .. } | State::Renewing { .. } | State::Rebinding { .. } => false,
        };
        troubled.then(|| self.explain())
    }

    fn link_up(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.discovers = 0;
            self.refusals = 0;
            self.discover(now);
        }
    }

    /// A lease outlives its carrier: cables are pulled and put back.
    fn link_down(&mut self) {
        match self.state {
            State::Waiting { .. } | State::Selecting { .. } | State::Requesting { .. } => {
                self.state = State::Idle;
            }
            _ => {}
        }
    }

    fn timeout(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {}
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
            State::Bound { held } => {
                self.began = now;
                self.keep(held, now);
            }
            State::Renewing { held, .. } | State::Rebinding { held, .. } => self.keep(held, now),
        }
    }

    /// INIT → SELECTING.
    fn discover(&mut self, now: Instant) {
        self.began = now;
        self.xid = self.random.next_u32();
        let attempt = self.first(now);
        self.send_discover(attempt, now);
    }

    fn send_discover(&mut self, attempt: Attempt, now: Instant) {
        let mut message = self.message(MessageType::Discover, now);
        // Some networks break on option 80: after one silent try it goes on without.
        if self.config.rapid_commit && attempt.count == 1 {
            message.options.set(OptionCode::RapidCommit, &[]);
        }
        self.discovers = self.discovers.saturating_add(1);
        self.send(message, Destination::Link);
        self.state = State::Selecting { attempt };
    }

    /// SELECTING → REQUESTING. `secs` and xid stay those of the DISCOVER (RFC 2131 §4.4.1).
    fn send_request(&mut self, attempt: Attempt, offer: Offer, now: Instant) {
        let mut message = self.message(MessageType::Request, now);
        let options = &mut message.options;
        options.set(OptionCode::RequestedIpAddress, &offer.address.octets());
        options.set(OptionCode::ServerIdentifier, &offer.server.octets());
        self.send(message, Destination::Link);
        self.state = State::Requesting { attempt, offer };
    }

    /// BOUND → RENEWING → REBINDING → INIT, by what the clock says: after a suspend all may be due.
    fn keep(&mut self, held: Held, now: Instant) {
        let Some((_, rebind, expire)) = held.moments() else {
            self.state = State::Bound { held };
            return;
        };
        if now >= expire {
            self.lose(Loss::Expired, now);
            return;
        }
        // Each with a transaction of its own: an ACK says from when on the lease counts.
        self.xid = self.random.next_u32();
        let mut message = self.message(MessageType::Request, now);
        message.ciaddr = held.lease.address;
        let length = expire.since(held.since);
        let retry = |until: Instant| Attempt {
            count: 1,
            sent: now,
            next: now + self.config.timing.renewal(until.since(now), length),
        };
        match held.lease.server {
            Some(server) if now < rebind => {
                let attempt = retry(rebind);
                self.send(message, Destination::Server(server));
                self.state = State::Renewing { held, attempt };
            }
            // A server that did not name itself can only be asked with all others.
            None if now < rebind => {
                let attempt = retry(rebind);
                self.send(message, Destination::Everyone);
                self.state = State::Renewing { held, attempt };
            }
            _ => {
                let attempt = retry(expire);
                self.send(message, Destination::Everyone);
                self.state = State::Rebinding { held, attempt };
            }
        }
    }

    fn received(&mut self, message: &Message, now: Instant) {
        let Some(kind) = self.for_us(message) else {
            return;
        };
        let server = message.options.address(OptionCode::ServerIdentifier);
        // slirp's NAK names no server.
        let from = |expected: Ipv4Addr| server.is_none_or(|server| server == expected);
        match (&self.state, kind) {
            (State::Selecting { .. }, MessageType::Offer) => self.offered(message, server, now),
            // RFC 4039 §3.1: an ACK counts here only if it carries option 80.
            (State::Selecting { attempt }, MessageType::Ack)
                if self.config.rapid_commit
                    && message.options.get(OptionCode::RapidCommit).is_some() =>
            {
                self.bind(message, attempt.sent);
            }
            (State::Requesting { attempt, offer }, MessageType::Ack) if from(offer.server) => {
                self.bind(message, attempt.sent);
            }
            (State::Requesting { offer, .. }, MessageType::Nak) if from(offer.server) => {
                self.refusals = self.refusals.saturating_add(1);
                self.set_back(now);
            }
            (State::Renewing { held, attempt }, MessageType::Ack)
                if held.lease.server.is_none_or(from) =>
            {
                self.bind(message, attempt.sent);
            }
            (State::Renewing { held, .. }, MessageType::Nak)
                if held.lease.server.is_none_or(from) =>
            {
                self.lose(Loss::Refused, now);
            }
            (State::Rebinding { attempt, .. }, MessageType::Ack) => {
                self.bind(message, attempt.sent);
            }
            (State::Rebinding { .. }, MessageType::Nak) => self.lose(Loss::Refused, now),
            _ => {}
        }
    }

    /// What kind of reply it is, if it answers this client's current transaction.
    fn for_us(&self, message: &Message) -> Option<MessageType> {
        let ours = message.op == REPLY
            && message.xid == self.xid
            && message.chaddr == self.config.mac
            // RFC 6842: a server that echoes the client identifier must echo ours.
            && message
                .options
                .get(OptionCode::ClientIdentifier)
                .is_none_or(|id| id == self.config.client_id);
        message.options.message_type().filter(|_| ours)
    }

    fn offered(&mut self, message: &Message, server: Option<Ipv4Addr>, now: Instant) {
        let Some(server) = server.filter(|_| is_host(message.yiaddr)) else {
            return;
        };
        let offer = Offer {
            address: message.yiaddr,
            server,
        };
        let attempt = self.first(now);
        self.send_request(attempt, offer, now);
    }

    fn bind(&mut self, message: &Message, since: Instant) {
        let Some(lease) = Lease::read(message) else {
            return;
        };
        self.setbacks = 0;
        self.discovers = 0;
        self.refusals = 0;
        self.output.push_back(Output::Configure(lease.clone()));
        self.state = State::Bound {
            held: Held { lease, since },
        };
    }

    fn lose(&mut self, loss: Loss, now: Instant) {
        self.output.push_back(Output::Deconfigure(loss));
        self.discover(now);
    }

    /// Begins again, later each time, so that a server that keeps refusing is not flooded.
    fn set_back(&mut self, now: Instant) {
        let wait = Timing::setback(self.setbacks);
        self.setbacks = self.setbacks.saturating_add(1);
        if wait.is_zero() {
            self.discover(now);
        } else {
            self.state = State::Waiting { until: now + wait };
        }
    }

    fn first(&mut self, now: Instant) -> Attempt {
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

    fn message(&self, kind: MessageType, now: Instant) -> Message {
        let mut message = Message::request(self.xid, &self.config.mac);
        let secs = now.since(self.began).as_secs();
        message.secs = u16::try_from(secs).unwrap_or(u16::MAX);
        let options = &mut message.options;
        options.set(OptionCode::MessageType, &[kind.into()]);
        options.set(OptionCode::ClientIdentifier, &self.config.client_id);
        options.set(OptionCode::MaxMessageSize, &MAX_MESSAGE.to_be_bytes());
        if let Some(hostname) = &self.config.hostname {
            options.set(OptionCode::Hostname, hostname.as_bytes());
        }
        options.set(OptionCode::ParameterRequestList, &PARAMETERS);
        message
    }

    fn send(&mut self, message: Message, destination: Destination) {
        self.output.push_back(Output::Send(message, destination));
    }
}

#[cfg(test)]
mod tests;
