//! What is held: handed out, taken up again, ended, given back, declined. Invariant: what leaves
//! the bindings is not in use any more by the next output.

use std::net::Ipv6Addr;

use super::super::event::{Loss, Output, Phase};
use super::super::lease::{Lease, Lifetimes};
use super::super::options::{is_routable, masked};
use super::super::reply::{Item, Which};
use super::super::timing::setback;
use super::super::wire::Kind;
use super::bindings::{self, Association, Wish};
use super::exchange::compose;
use super::{Machine, State};
use crate::time::Instant;

impl Machine {
    /// Hands out what is held.
    pub(super) fn tell(&mut self, now: Instant) {
        let lease = Lease {
            server: self.server.clone(),
            other: self.other.clone(),
            ..bindings::lease(&self.held, now)
        };
        self.told = true;
        self.output.push_back(Output::Configure(lease, now));
    }

    /// Removes what has ended, each address and prefix when its own time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        let mut changed = false;
        for ia in &mut self.held {
            changed |= ia.expire(now);
        }
        if !changed {
            return;
        }
        if !self.holds() {
            self.lose(Loss::Expired);
            if self.link {
                // Later each time, where leases end that were never renewed: those of a second.
                self.set_back(now);
            }
            return;
        }
        self.tell(now);
        if let State::Busy(exchange) = &mut self.state {
            // The next repetition does not name what has ended.
            if matches!(exchange.kind, Kind::Renew | Kind::Rebind) {
                let wishes: Vec<_> = self.held.iter().map(Association::wish).collect();
                let server = exchange.server.as_deref();
                exchange.message =
                    compose(&self.config, exchange.kind, exchange.xid, server, &wishes);
            }
        } else if self.again.is_none() && matches!(self.state, State::Settled) {
            self.again = Some(now);
        }
    }

    /// Nothing is held any more.
    pub(super) fn lose(&mut self, loss: Loss) {
        for ia in &mut self.held {
            ia.held.clear();
            ia.doubted = false;
        }
        self.told = false;
        self.again = None;
        self.state = State::Idle;
        self.output.push_back(Output::Deconfigure(loss));
    }

    pub(super) fn resume(&mut self, lease: &Lease, since: Instant, now: Instant) {
        if self.holds() || !matches!(self.state, State::Idle) {
            return;
        }
        let addresses = lease.addresses.iter().map(|address| {
            let item = item(address.ip, 128, address.times);
            (false, None, item)
        });
        let prefixes = lease.prefixes.iter().map(|prefix| {
            let item = item(prefix.prefix, prefix.length, prefix.times);
            let excluded = prefix.excluded;
            (true, Some(prefix.iaid), Item { excluded, ..item })
        });
        let mut lost = false;
        for (prefix, iaid, item) in addresses.chain(prefixes) {
            let is_it =
                |which: Which| which.prefix == prefix && iaid.is_none_or(|iaid| which.iaid == iaid);
            let wanted = self.held.iter_mut().find(|ia| is_it(ia.which));
            match wanted.filter(|_| is_routable(&item.address) && item.length > 0) {
                Some(ia) => ia.resume(item, lease, since),
                None => lost = true,
            }
        }
        self.server.clone_from(&lease.server);
        self.other.clone_from(&lease.other);
        if lost && !self.holds() {
            self.lose(Loss::Released);
        } else if lost {
            self.tell(now);
        }
        self.expire(now);
    }

    /// RFC 8415 §18.2.7: what is given back is not used from before the message is sent.
    pub(super) fn release(&mut self, now: Instant) {
        if self.phase() == Phase::Releasing {
            return;
        }
        if self.holds() {
            let filled = self.held.iter().filter(|ia| !ia.held.is_empty());
            let wishes: Vec<_> = filled.map(Association::wish).collect();
            let server = Some(self.server.clone());
            self.lose(Loss::Released);
            self.exchange(Kind::Release, false, server, &wishes, now);
        } else {
            if std::mem::take(&mut self.informed) {
                self.output.push_back(Output::Deconfigure(Loss::Released));
            }
            self.state = State::Idle;
        }
    }

    /// RFC 8415 §18.2.8.
    pub(super) fn conflict(&mut self, address: Ipv6Addr, now: Instant) {
        let has = |ia: &&mut Association| {
            !ia.which.prefix && ia.held.iter().any(|held| held.item.address == address)
        };
        let Some(ia) = self.held.iter_mut().find(has) else {
            return;
        };
        ia.held.retain(|held| held.item.address != address);
        let wish = Wish {
            which: ia.which,
            items: vec![(address, 128)],
        };
        if self.holds() {
            self.tell(now);
        } else {
            self.lose(Loss::Declined);
        }
        if self.link {
            let server = Some(self.server.clone());
            self.exchange(Kind::Decline, false, server, &[wish], now);
        }
    }

    /// After a DECLINE: another address is wanted.
    pub(super) fn declined(&mut self, now: Instant) {
        if self.holds() {
            self.again = Some(now + setback(self.setbacks, &mut self.random));
            self.setbacks = self.setbacks.saturating_add(1);
            self.keep(now);
        } else {
            self.set_back(now);
        }
    }
}

fn item(address: Ipv6Addr, length: u8, times: Lifetimes) -> Item {
    Item {
        address: masked(address, length),
        length,
        times,
        excluded: None,
    }
}
