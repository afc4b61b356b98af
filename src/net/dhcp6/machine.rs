//! The client's state machine (RFC 8415 §18.2, RFC 9915): no I/O, no clock, no randomness of its own.
//! Invariant: whatever is handed in, it has something for ever, or [`Machine::deadline`] says when it goes
//! on, or it waits for the link; and nothing that it has handed out outlives its valid lifetime.
//!
//! What it holds ([`bindings`]) and what it asks for ([`exchange`]) are apart, because a lease is kept while
//! its renewal, its confirmation or a request for what is missing goes on. `receive` reads answers, `holding` ends what is held.
//!
//! Deviations: [`Timing::Fast`](super::event::Timing::Fast) does not wait before the first message, repeats
//! quickly at first, and takes the first ADVERTISE that fills every IA, or the best one after 100 ms.
//! Configuration is asked for without user class and vendor options.

use std::collections::VecDeque;
use std::time::Duration;

use super::authentication::Key;
use super::event::{Config, Input, Output, Phase, Timing};
use super::lease::Other;
use super::timing::{Bucket, Limits, MAX_RT, Pace, ask_again, first_delay, setback};
use super::wire::Kind;
use crate::net::random::Random;
use crate::time::Instant;
use bindings::{Association, Wish, after, first};
use exchange::{Exchange, compose};

mod bindings;
mod exchange;
mod holding;
mod receive;

/// After so many messages without an answer it is worth telling: the quick ones are over.
const PATIENCE: u32 = 4;

#[derive(Debug, Clone)]
enum State {
    Idle,
    /// Before it begins again.
    Waiting {
        until: Instant,
    },
    /// Nothing to ask for: bound, or informed.
    Settled,
    Busy(Box<Exchange>),
}

/// A client of one interface.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    random: Random,
    state: State,
    link: bool,
    /// What is wanted, and of it what is held.
    held: Vec<Association>,
    /// The DUID of the server that granted it.
    server: Vec<u8>,
    other: Other,
    /// Configuration without a lease has been handed out.
    informed: bool,
    /// When that is to be asked for again.
    refresh: Option<Instant>,
    /// What is held has been handed out in this run.
    told: bool,
    /// When empty IAs are asked for again, and how often they have been.
    again: Option<Instant>,
    retries: u32,
    /// Promises of servers that came to nothing since the last renewal: each waits longer.
    setbacks: u32,
    /// SOL_MAX_RT and INF_MAX_RT, seconds.
    max_rt: [u32; 2],
    bucket: Bucket,
    key: Option<Key>,
    /// What the server said last about granting nothing, or not all.
    reason: Option<String>,
    output: VecDeque<Output>,
}

impl Machine {
    /// A client that waits for its link. `entropy` decides its transaction numbers and its jitter.
    pub fn new(config: Config, entropy: u64) -> Self {
        Self {
            held: Association::all(&config),
            config,
            random: Random::new(entropy),
            state: State::Idle,
            link: false,
            server: Vec::new(),
            other: Other::default(),
            informed: false,
            refresh: None,
            told: false,
            again: None,
            retries: 0,
            setbacks: 0,
            max_rt: [MAX_RT; 2],
            bucket: Bucket::full(),
            key: None,
            reason: None,
            output: VecDeque::new(),
        }
    }

    /// The only way in. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.expire(now);
        match input {
            Input::LinkUp => self.link_up(now),
            Input::LinkDown => self.link_down(),
            Input::Received(datagram) => self.received(datagram, now),
            Input::Timeout if self.deadline().is_some_and(|at| at <= now) => self.timeout(now),
            Input::Timeout => {}
            Input::Conflict(address) => self.conflict(address, now),
            Input::Resume(lease, since) => self.resume(lease, since, now),
            Input::Release => self.release(now),
        }
    }

    /// The only way out.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When to hand in [`Input::Timeout`]; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Idle => None,
            State::Waiting { until } => Some(*until),
            State::Busy(exchange) => Some(exchange.next),
            State::Settled if !self.link => None,
            State::Settled if !self.holds() => self.refresh,
            State::Settled => {
                let moments = [
                    first(&self.held, |ia| ia.renew),
                    first(&self.held, |ia| ia.rebind),
                    self.again,
                ];
                moments.into_iter().flatten().min()
            }
        };
        let end = first(&self.held, Association::end);
        own.into_iter().chain(end).min()
    }

    /// The state that it is in.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Idle => Phase::Idle,
            State::Waiting { .. } => Phase::Waiting,
            State::Settled if self.holds() => Phase::Bound,
            State::Settled => Phase::Informed,
            State::Busy(exchange) => match exchange.kind {
                Kind::Solicit => Phase::Soliciting,
                Kind::Request => Phase::Requesting,
                Kind::Renew => Phase::Renewing,
                Kind::Rebind => Phase::Rebinding,
                Kind::Confirm => Phase::Confirming,
                Kind::Release => Phase::Releasing,
                Kind::Decline => Phase::Declining,
                Kind::InformationRequest => Phase::Asking,
            },
        }
    }

    /// Why there is no lease, or not all of it, in words for the person who waits for it.
    pub fn explain(&self) -> String {
        let count = match &self.state {
            State::Busy(exchange) => exchange.count,
            _ => 0,
        };
        let tries = match count {
            1 => "1 try".to_owned(),
            count => format!("{count} tries"),
        };
        match (&self.reason, self.phase()) {
            (_, Phase::Idle) if !self.link => "no carrier".to_owned(),
            (Some(reason), _) => reason.clone(),
            (None, Phase::Requesting) => {
                format!("a server made an offer but did not confirm it after {tries}")
            }
            (None, _) => format!("no answer after {tries}"),
        }
    }

    /// Why there is no lease, or not all of it, once that is worth telling: the quick repetitions are
    /// over, a server refuses, or there is no carrier.
    pub fn trouble(&self) -> Option<String> {
        let troubled = match &self.state {
            _ if self.holds() || self.informed => self.reason.is_some(),
            State::Busy(exchange) => exchange.count > PATIENCE || self.reason.is_some(),
            _ => true,
        };
        troubled.then(|| self.explain())
    }

    fn holds(&self) -> bool {
        self.held.iter().any(|ia| !ia.held.is_empty())
    }

    /// How many addresses and prefixes are held.
    fn count(&self) -> usize {
        self.held.iter().map(|ia| ia.held.len()).sum()
    }

    fn link_up(&mut self, now: Instant) {
        let was_up = std::mem::replace(&mut self.link, true);
        match &self.state {
            State::Busy(exchange) if exchange.kind == Kind::Release => return,
            State::Idle => {}
            _ if was_up => return,
            _ => {}
        }
        self.setbacks = 0;
        if !self.holds() {
            return self.begin(now);
        }
        // RFC 8415 §18.2.12: what was delegated cannot be confirmed, only extended; and what an earlier run
        // has not asked for is got in the same way.
        let kind = match self.held.iter().any(|ia| ia.which.prefix) {
            true => Kind::Rebind,
            false => Kind::Confirm,
        };
        self.start(kind, true, now);
    }

    /// What it has outlives its carrier: cables are pulled and put back.
    fn link_down(&mut self) {
        self.link = false;
        self.state = match self.state {
            State::Idle => State::Idle,
            _ if self.holds() || self.informed => State::Settled,
            _ => State::Idle,
        };
    }

    fn timeout(&mut self, now: Instant) {
        let State::Busy(exchange) = &mut self.state else {
            return match self.state {
                State::Waiting { .. } => self.begin(now),
                State::Settled => self.keep(now),
                _ => {}
            };
        };
        if exchange.next > now {
            return;
        }
        if let Some(offer) = exchange.best.take() {
            return self.request(offer.server, &offer.wishes, now);
        }
        if exchange.count > 0 && exchange.is_over(now) {
            let (kind, moved) = (exchange.kind, exchange.moved);
            return self.failed(kind, moved, now);
        }
        self.transmit(now);
    }

    /// What there is to do without a lease.
    fn begin(&mut self, now: Instant) {
        let kind = match self.held.is_empty() {
            true => Kind::InformationRequest,
            false => Kind::Solicit,
        };
        self.start(kind, false, now);
    }

    /// Begins an exchange about everything that is held or wanted.
    fn start(&mut self, kind: Kind, moved: bool, now: Instant) {
        let wishes: Vec<_> = match kind {
            Kind::InformationRequest => Vec::new(),
            Kind::Confirm => {
                let filled = self.held.iter().filter(|ia| !ia.held.is_empty());
                filled.map(Association::wish).collect()
            }
            _ => self.held.iter().map(Association::wish).collect(),
        };
        let server = (kind == Kind::Renew).then(|| self.server.clone());
        self.exchange(kind, moved, server, &wishes, now);
    }

    fn request(&mut self, server: Vec<u8>, wishes: &[Wish], now: Instant) {
        self.exchange(Kind::Request, false, Some(server), wishes, now);
    }

    fn exchange(
        &mut self,
        kind: Kind,
        moved: bool,
        server: Option<Vec<u8>>,
        wishes: &[Wish],
        now: Instant,
    ) {
        // Each exchange has a transaction of its own; 0 is RECONFIGURE's.
        let xid = (self.random.next_u32() >> 8).max(1);
        let limits = Limits::of(kind, moved);
        let delay = first_delay(kind, self.config.timing, &mut self.random);
        let began = now + delay;
        let end = match kind {
            Kind::Renew => first(&self.held, |ia| ia.rebind),
            // A question must not keep a lease from being renewed.
            Kind::InformationRequest => first(&self.held, |ia| ia.renew),
            _ => limits.duration.map(|duration| began + duration),
        };
        let message = compose(&self.config, kind, xid, server.as_deref(), wishes);
        self.again = None;
        self.state = State::Busy(Box::new(Exchange {
            kind,
            xid,
            server,
            message,
            count: 0,
            began,
            next: began,
            end,
            moved,
            best: None,
            limits,
            pace: Pace::new(kind, self.config.timing, limits),
        }));
        if delay.is_zero() {
            self.transmit(now);
        }
    }

    /// Sends the message of the exchange, and decides when the next is due.
    fn transmit(&mut self, now: Instant) {
        let hurry = self.hurry(now);
        let State::Busy(exchange) = &mut self.state else {
            return;
        };
        if exchange.count == 0 {
            exchange.began = now;
        }
        exchange.count = exchange.count.saturating_add(1);
        // One that is too many counts as one that was lost.
        if self.bucket.take(now) {
            let datagram = exchange.datagram(now);
            self.output.push_back(Output::Send(datagram));
        }
        let longest = match exchange.kind {
            Kind::Solicit => self.max_rt[0],
            Kind::InformationRequest => self.max_rt[1],
            _ => exchange.limits.longest,
        };
        let wait = exchange.pace.wait(longest, &mut self.random).min(hurry);
        let next = now + wait;
        exchange.next = exchange.end.map_or(next, |end| next.min(end));
    }

    /// Deviation: in fast mode a lease that is about to end is asked for more often than every
    /// 10 s, so that one lost packet does not cost it: four times in what is left, once a second at most.
    fn hurry(&self, now: Instant) -> Duration {
        let State::Busy(exchange) = &self.state else {
            return Duration::MAX;
        };
        let end = match exchange.kind {
            Kind::Renew => exchange.end,
            Kind::Rebind => first(&self.held, Association::last_end),
            _ => None,
        };
        match (self.config.timing, end) {
            (Timing::Fast, Some(end)) => (end.since(now) / 4).max(Duration::from_secs(1)),
            _ => Duration::MAX,
        }
    }

    /// No answer came for as long as the exchange may take.
    fn failed(&mut self, kind: Kind, moved: bool, now: Instant) {
        match kind {
            Kind::Release => self.state = State::Idle,
            Kind::Decline => self.declined(now),
            // RFC 8415 §18.2.3: what was held goes on being used.
            Kind::Confirm | Kind::Rebind if moved => {
                if !self.told {
                    self.tell(now);
                }
                self.keep(now);
            }
            _ => self.keep(now),
        }
    }

    /// With what is held: RENEW, REBIND or rest, by what the clock says; after a suspend all may be due.
    fn keep(&mut self, now: Instant) {
        if !self.holds() {
            return self.begin(now);
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(first(&self.held, |ia| ia.rebind)) {
            self.start(Kind::Rebind, false, now);
        } else if due(first(&self.held, |ia| ia.renew)) || due(self.again) {
            self.start(Kind::Renew, false, now);
        } else {
            self.settle(now);
        }
    }

    /// Rests until something is due. RFC 8415 §18.2.10.1: empty IAs are asked for in later RENEWs.
    fn settle(&mut self, now: Instant) {
        self.state = State::Settled;
        if self.held.iter().all(|ia| !ia.held.is_empty()) {
            self.retries = 0;
            self.again = None;
        } else if self.again.is_none() {
            self.again = Some(now + ask_again(self.retries));
            self.retries = self.retries.saturating_add(1);
        }
    }

    /// Begins again, later each time, so that a server that keeps refusing is not flooded.
    fn set_back(&mut self, now: Instant) {
        let wait = setback(self.setbacks, &mut self.random);
        self.setbacks = self.setbacks.saturating_add(1);
        if wait.is_zero() {
            self.begin(now);
        } else {
            self.state = State::Waiting { until: now + wait };
        }
    }

    /// When what was asked for without a lease is asked for again.
    fn inform(&mut self, other: Other, now: Instant) {
        self.refresh = other.refresh.and_then(|seconds| after(now, seconds));
        self.informed = true;
        self.reason = None;
        self.output.push_back(Output::Inform(other));
        self.state = State::Settled;
    }
}

#[cfg(test)]
mod tests;
