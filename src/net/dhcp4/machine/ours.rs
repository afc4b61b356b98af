//! Whose the leased address is: watching over it, declining it, releasing it. Invariant: an address is given
//! up only together with what is configured for it.

use std::net::Ipv4Addr;

use dhcproto::v4::{MessageType, OptionCode};

use super::{Machine, Reason, State};
use crate::net::dhcp4::arp::{Arp, Mac};
use crate::net::dhcp4::conflict::{Guard, Verdict};
use crate::net::dhcp4::event::{Destination, Loss, Output};
use crate::net::dhcp4::lease::Lease;
use crate::time::Instant;

/// One host that claims so many offered addresses in a row answers for every address (proxy ARP): it is
/// not believed any more.
const MAX_CLAIMS: u8 = 3;

impl Machine {
    /// Sends what the guard of the address has to send.
    pub(super) fn probe(&mut self, now: Instant) {
        let Some(guard) = &mut self.guard else { return };
        while let Some(arp) = guard.due(self.config.timing, &mut self.random, now) {
            self.output.push_back(Output::Arp(arp));
        }
        if guard.is_watching() {
            (self.declines, self.claimant, self.reason) = (0, None, None);
        }
    }

    pub(super) fn watch_over(&mut self, address: Ipv4Addr, now: Instant) {
        let timing = self.config.timing;
        let guard = Guard::begin(self.config.mac, address, timing, &mut self.random, now);
        self.guard = Some(guard);
        self.probe(now);
    }

    pub(super) fn heard(&mut self, arp: &Arp, now: Instant) {
        let Some(guard) = &mut self.guard else { return };
        match guard.heard(arp, now) {
            Verdict::Fine => {}
            Verdict::Defend => {
                let arp = Arp::announcement(self.config.mac, guard.address());
                self.output.push_back(Output::Arp(arp));
            }
            Verdict::Conflict if self.claimant == Some((arp.mac, MAX_CLAIMS)) => {
                self.output.push_back(Output::Dropped("dropped-proxy-arp"));
            }
            Verdict::Conflict => self.decline(arp.mac, now),
        }
    }

    /// RFC 2131 §3.1.5, §4.4.4.
    pub(super) fn decline(&mut self, mac: Mac, now: Instant) {
        let Some(lease) = self.take_lease() else {
            return;
        };
        if let Some(server) = lease.server {
            self.xid = self.random.next_u32();
            let mut message = self.notice(MessageType::Decline, server);
            message
                .options
                .set(OptionCode::RequestedIpAddress, &lease.address.octets());
            self.send(message, Destination::Link);
        }
        self.output
            .push_back(Output::Deconfigure(Loss::Conflict(mac)));
        self.guard = None;
        self.hint = None;
        self.reason = Some(Reason::Conflict(lease.address, mac));
        let claims = match self.claimant {
            Some((known, claims)) if known == mac => claims + 1,
            _ => 1,
        };
        self.claimant = Some((mac, claims.min(MAX_CLAIMS)));
        let wait = self.config.timing.declined(self.declines);
        self.declines = self.declines.saturating_add(1);
        self.wait(wait, now);
    }

    /// RFC 2131 §4.4.6: unicast, and not repeated.
    pub(super) fn release(&mut self) {
        if let Some(lease) = self.take_lease() {
            if let Some(server) = lease.server {
                self.xid = self.random.next_u32();
                let mut message = self.notice(MessageType::Release, server);
                message.ciaddr = lease.address;
                self.send(message, Destination::Server(server));
            }
            self.output.push_back(Output::Deconfigure(Loss::Released));
        }
        self.guard = None;
        self.hint = None;
        self.state = State::Idle;
    }

    /// Takes the lease that is in use, if any; the state is to be set anew.
    pub(super) fn take_lease(&mut self) -> Option<Lease> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Bound { held }
            | State::Renewing { held, .. }
            | State::Rebinding { held, .. }
            | State::Rebooting {
                held: Some(held), ..
            } => Some(held.lease),
            other => {
                self.state = other;
                None
            }
        }
    }
}
