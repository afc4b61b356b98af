//! What a server's messages mean to the machine (RFC 8415 §16, §18.2.9–§18.2.11). Invariant: what is not an
//! answer to the exchange that goes on changes nothing but a counter.

use super::super::authentication::Key;
use super::super::event::{Loss, Output, Timing};
use super::super::options::{Status, status};
use super::super::reply::{Granted, Reply};
use super::super::wire::{ADVERTISE, Kind, Message, RECONFIGURE, REPLY, code};
use super::bindings::{Association, Wish};
use super::exchange::Offer;
use super::{Machine, State};
use crate::time::Instant;

impl Machine {
    pub(super) fn received(&mut self, datagram: &[u8], now: Instant) {
        let dropped = match Message::parse(datagram) {
            None => Some("dropped-short"),
            Some(message) if message.kind == RECONFIGURE => {
                self.reconfigure(datagram, &message, now).err()
            }
            Some(message) => self.answered(&message, now).err(),
        };
        if let Some(reason) = dropped {
            self.output.push_back(Output::Dropped(reason));
        }
    }

    /// RFC 8415 §16.3, §16.10.
    fn answered(&mut self, message: &Message<'_>, now: Instant) -> Result<(), &'static str> {
        if ![ADVERTISE, REPLY].contains(&message.kind) {
            return Err("dropped-type");
        }
        let State::Busy(exchange) = &self.state else {
            return Err("dropped-xid");
        };
        if message.xid != exchange.xid || exchange.count == 0 {
            return Err("dropped-xid");
        }
        let kind = exchange.kind;
        if message.kind == ADVERTISE && kind != Kind::Solicit {
            return Err("dropped-type");
        }
        let reply = Reply::read(message, &self.config.requested)?;
        if reply.client != self.config.duid {
            return Err("dropped-client-id");
        }
        if exchange
            .server
            .as_ref()
            .is_some_and(|server| *server != reply.server)
        {
            return Err("dropped-server");
        }
        let dropped = reply.dropped.0.iter();
        self.output
            .extend(dropped.map(|reason| Output::Dropped(reason)));
        for (known, said) in self.max_rt.iter_mut().zip(reply.max_rt) {
            *known = said.unwrap_or(*known);
        }
        if message.kind == ADVERTISE {
            return self.advertised(&reply, now);
        }
        // RFC 8415 §18.2.10: a SOLICIT is answered with a REPLY only if both say so.
        if kind == Kind::Solicit && !(self.config.rapid_commit && reply.rapid_commit) {
            return Err("dropped-type");
        }
        // RFC 8415 §20.4.2.
        if self.config.reconfigure
            && matches!(
                kind,
                Kind::Solicit | Kind::Request | Kind::InformationRequest
            )
            && message.options.first(code::AUTHENTICATION).is_some()
        {
            match Key::from_reply(message) {
                Some(key) => self.key = Some(key),
                // Of another protocol, or of another length: the rest of the REPLY is none the worse.
                None => self.output.push_back(Output::Dropped("dropped-key")),
            }
        }
        match kind {
            // RFC 8415 §18.2.10.2, §18.2.10.3: whatever the server says, it is done.
            Kind::Release => self.state = State::Idle,
            Kind::Decline => self.declined(now),
            Kind::Confirm => self.confirmed(&reply, now)?,
            Kind::InformationRequest => self.informed(&reply, now)?,
            _ => self.granted(&reply, kind, now)?,
        }
        Ok(())
    }

    /// RFC 8415 §18.2.9. Its statuses are for people: it counts what it fills.
    fn advertised(&mut self, reply: &Reply, now: Instant) -> Result<(), &'static str> {
        let mut filled = 0;
        for ia in &self.held {
            match find(reply, ia) {
                Some(granted) if fills(granted) => filled += 1,
                _ => {}
            }
        }
        if filled < self.held.len() {
            self.refused(reply);
        }
        if filled == 0 {
            return Err("dropped-nothing-offered");
        }
        let complete = filled == self.held.len();
        let wishes = self.held.iter().map(|ia| wish(reply, ia)).collect();
        let offer = Offer {
            server: reply.server.clone(),
            filled,
            preference: reply.preference,
            wishes,
        };
        let State::Busy(exchange) = &mut self.state else {
            return Ok(());
        };
        let first_comes = self.config.timing == Timing::Fast && complete;
        if first_comes || offer.preference == u8::MAX || exchange.count > 1 {
            self.request(offer.server, &offer.wishes, now);
            return Ok(());
        }
        // RFC 8415 §18.2.9: a less preferred server may be chosen if it has more to give.
        let rank = |offer: &Offer| (offer.filled, offer.preference);
        if exchange
            .best
            .as_ref()
            .is_none_or(|best| rank(best) < rank(&offer))
        {
            exchange.best = Some(offer);
        }
        Ok(())
    }

    fn confirmed(&mut self, reply: &Reply, now: Instant) -> Result<(), &'static str> {
        match reply.status.code {
            status::SUCCESS => {
                self.setbacks = 0;
                self.reason = None;
                self.tell(now);
                self.keep(now);
                Ok(())
            }
            status::NOT_ON_LINK => {
                self.lose_all(reply, now);
                Ok(())
            }
            _ => Err("dropped-status"),
        }
    }

    fn informed(&mut self, reply: &Reply, now: Instant) -> Result<(), &'static str> {
        if reply.status.code != status::SUCCESS {
            self.trouble_with(&reply.status);
            return Err("dropped-status");
        }
        if self.holds() {
            self.other.clone_from(&reply.other);
            self.tell(now);
            self.keep(now);
        } else {
            self.inform(reply.other.clone(), now);
        }
        Ok(())
    }

    /// RFC 8415 §18.2.10.1: the answer to SOLICIT with rapid commit, REQUEST, RENEW or REBIND.
    fn granted(&mut self, reply: &Reply, kind: Kind, now: Instant) -> Result<(), &'static str> {
        let extends = matches!(kind, Kind::Renew | Kind::Rebind);
        match reply.status.code {
            // Servers of RFC 3315 say so outside of the IAs.
            status::SUCCESS | status::NO_ADDRS_AVAIL | status::NO_PREFIX_AVAIL => {}
            status::NO_BINDING => {}
            status::NOT_ON_LINK => {
                self.lose_all(reply, now);
                return Ok(());
            }
            // UnspecFail: the message is repeated, as if there had been no answer. UseMulticast: RFC 9915
            // has ended it, and it was multicast.
            _ => {
                self.trouble_with(&reply.status);
                return Err("dropped-status");
            }
        }
        let before = self.count();
        let mut filled = false;
        let mut unbound = false;
        for ia in &mut self.held {
            let granted = find(reply, ia);
            let code = granted.map_or(reply.status.code, |granted| granted.status.code);
            match granted.filter(|_| code == status::SUCCESS) {
                Some(granted) if !granted.items.is_empty() => {
                    if ia.doubted {
                        ia.held.clear();
                    }
                    ia.grant(granted, now);
                    filled = true;
                }
                _ if code == status::NOT_ON_LINK => ia.held.clear(),
                _ if extends && code == status::NO_BINDING => {
                    ia.doubted = true;
                    unbound = true;
                }
                _ if ia.doubted => ia.held.clear(),
                _ => ia.postpone(now),
            }
            ia.doubted &= extends;
        }
        self.conclude(reply, kind, (filled, unbound, before), now)
    }

    /// After the IAs of an answer have been taken over.
    fn conclude(
        &mut self,
        reply: &Reply,
        kind: Kind,
        (filled, unbound, before): (bool, bool, usize),
        now: Instant,
    ) -> Result<(), &'static str> {
        let complete = self.held.iter().all(|ia| !ia.held.is_empty());
        if complete && !unbound {
            self.reason = None;
        } else {
            self.refused(reply);
        }
        if filled {
            self.server.clone_from(&reply.server);
            self.other.clone_from(&reply.other);
        }
        if !self.holds() {
            if before > 0 {
                self.lose(Loss::Refused);
            } else if kind == Kind::Solicit {
                return Err("dropped-nothing-offered");
            }
            self.set_back(now);
            return Ok(());
        }
        if filled || !self.told || self.count() != before {
            self.tell(now);
        }
        if matches!(kind, Kind::Renew | Kind::Rebind) {
            self.setbacks = 0;
        }
        if unbound {
            let wishes: Vec<_> = self.held.iter().map(Association::wish).collect();
            self.request(reply.server.clone(), &wishes, now);
        } else {
            self.settle(now);
        }
        Ok(())
    }

    /// The link is another one (NotOnLink).
    fn lose_all(&mut self, reply: &Reply, now: Instant) {
        self.trouble_with(&reply.status);
        if self.holds() {
            self.lose(Loss::Refused);
        }
        self.set_back(now);
    }

    /// Tells why an IA stays empty: the first status that is not success.
    fn refused(&mut self, reply: &Reply) {
        let inner = self.held.iter().filter_map(|ia| find(reply, ia));
        let mut all = inner.map(|granted| &granted.status).chain([&reply.status]);
        let bad = all.find(|status| status.code != status::SUCCESS);
        let status = bad.unwrap_or(&reply.status).clone();
        self.trouble_with(&status);
    }

    fn trouble_with(&mut self, status: &Status) {
        let reason = status.explain();
        if self.reason.as_ref() != Some(&reason) {
            self.output.push_back(Output::Trouble(reason.clone()));
            self.reason = Some(reason);
        }
    }

    /// RFC 8415 §16.11, §18.2.11: only one that the server has signed, and none while an exchange goes on.
    fn reconfigure(
        &mut self,
        datagram: &[u8],
        message: &Message<'_>,
        now: Instant,
    ) -> Result<(), &'static str> {
        const UNASKED: &str = "dropped-reconfigure";
        let key = self.key.as_mut().ok_or(UNASKED)?;
        if message.options.first(code::SERVER_ID) != Some(&key.server) {
            return Err("dropped-server");
        }
        if message.options.first(code::CLIENT_ID) != Some(&self.config.duid) {
            return Err("dropped-client-id");
        }
        if !key.verify(datagram, message) {
            return Err("dropped-authentication");
        }
        let wanted = match message.options.first(code::RECONFIGURE_MESSAGE) {
            Some([5]) if self.holds() => Kind::Renew,
            Some([6]) if self.holds() => Kind::Rebind,
            Some([11]) => Kind::InformationRequest,
            _ => return Err(UNASKED),
        };
        if !matches!(self.state, State::Settled) || !self.link {
            return Err(UNASKED);
        }
        self.start(wanted, false, now);
        Ok(())
    }
}

/// What a server says about one of the client's IAs.
fn find<'a>(reply: &'a Reply, ia: &Association) -> Option<&'a Granted> {
    let mut all = reply.associations.iter();
    all.find(|granted| granted.which == ia.which)
}

fn fills(granted: &Granted) -> bool {
    granted.status.code == status::SUCCESS && granted.usable().next().is_some()
}

/// What was advertised, as it is requested; an IA that was left empty is asked for all the same.
fn wish(reply: &Reply, ia: &Association) -> Wish {
    match find(reply, ia) {
        Some(granted) if fills(granted) => Wish {
            which: ia.which,
            items: granted
                .usable()
                .map(|item| (item.address, item.length))
                .collect(),
        },
        _ => ia.wish(),
    }
}
