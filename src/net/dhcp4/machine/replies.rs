//! What the machine does about messages that come in. Invariant: a message that is not this client's, or
//! not awaited, changes nothing and is named as dropped.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{MessageType, OptionCode};

use super::{Attempt, Held, Machine, Offer, Reason, State};
use crate::net::dhcp4::conflict::Guard;
use crate::net::dhcp4::event::{Loss, Output};
use crate::net::dhcp4::lease::Lease;
use crate::net::dhcp4::options::{IPV6_ONLY, is_host};
use crate::net::dhcp4::wire::{Message, REPLY};
use crate::time::Instant;

/// FORCERENEW (RFC 3203): not obeyed, because nothing here can authenticate it (RFC 6704).
const FORCERENEW: u8 = 9;
/// MIN_V6ONLY_WAIT of RFC 8925 §3.4. Deviation: there is a longest, too.
const IPV6_ONLY_WAIT: std::ops::RangeInclusive<u32> = 300..=86_400;

/// A key of `net stats`.
type Dropped = &'static str;

impl Machine {
    pub(super) fn received(&mut self, message: &Message, now: Instant) {
        if let Err(reason) = self.judge(message, now) {
            self.output.push_back(Output::Dropped(reason));
        }
    }

    fn judge(&mut self, message: &Message, now: Instant) -> Result<(), Dropped> {
        let kind = self.for_us(message)?;
        let server = message.options.address(OptionCode::ServerIdentifier);
        // slirp's NAK names no server.
        let from = |expected: Option<Ipv4Addr>| match (server, expected) {
            (Some(server), Some(expected)) if server != expected => Err("dropped-server"),
            _ => Ok(()),
        };
        match (&self.state, kind) {
            (State::Selecting { .. }, MessageType::Offer) => self.offered(message, server, now),
            // RFC 4039 §3.1: an ACK counts here only if it carries option 80.
            (State::Selecting { attempt }, MessageType::Ack)
                if self.config.rapid_commit
                    && message.options.get(OptionCode::RapidCommit).is_some() =>
            {
                self.bind(message, *attempt, now)
            }
            (State::Requesting { attempt, offer }, MessageType::Ack) => {
                from(Some(offer.server))?;
                self.bind(message, *attempt, now)
            }
            (State::Requesting { offer, .. }, MessageType::Nak) => {
                from(Some(offer.server))?;
                self.refusals = self.refusals.saturating_add(1);
                self.hint = None;
                self.set_back(now);
                Ok(())
            }
            (State::Renewing { held, attempt }, MessageType::Ack) => {
                from(held.lease.server)?;
                self.bind(message, *attempt, now)
            }
            (State::Renewing { held, .. }, MessageType::Nak) => {
                from(held.lease.server)?;
                self.refused(true, now);
                Ok(())
            }
            (
                State::Rebinding { attempt, .. } | State::Rebooting { attempt, .. },
                MessageType::Ack,
            ) => self.bind(message, *attempt, now),
            (State::Rebinding { .. }, MessageType::Nak) => {
                self.refused(true, now);
                Ok(())
            }
            (State::Rebooting { held, .. }, MessageType::Nak) => {
                let held = held.is_some();
                self.refused(held, now);
                Ok(())
            }
            (State::Informing { address, .. }, MessageType::Ack) => {
                let (address, prefix) = (
                    *address,
                    self.config.inform.map_or(32, |(_, prefix)| prefix),
                );
                let lease = Lease::inform(message, address, prefix, &self.config.wants);
                self.output.push_back(Output::Inform(lease));
                self.state = State::Informed;
                Ok(())
            }
            _ => Err("dropped-state"),
        }
    }

    /// What kind of reply it is, if it answers this client's current transaction.
    fn for_us(&self, message: &Message) -> Result<MessageType, Dropped> {
        if message.op != REPLY {
            return Err("dropped-op");
        }
        if message.chaddr != self.config.mac {
            return Err("dropped-chaddr");
        }
        if message.options.get(OptionCode::MessageType) == Some(&[FORCERENEW]) {
            return Err("dropped-forcerenew");
        }
        if message.xid != self.xid {
            return Err("dropped-xid");
        }
        // RFC 6842: a server that echoes the client identifier must echo ours.
        let id = message.options.get(OptionCode::ClientIdentifier);
        if id.is_some_and(|id| id != self.config.client_id) {
            return Err("dropped-client-id");
        }
        message.options.message_type().ok_or("dropped-type")
    }

    fn offered(
        &mut self,
        message: &Message,
        server: Option<Ipv4Addr>,
        now: Instant,
    ) -> Result<(), Dropped> {
        if self.yields(message, now) {
            return Ok(());
        }
        let server = server.ok_or("dropped-server")?;
        if !is_host(message.yiaddr) {
            return Err("dropped-address");
        }
        let offer = Offer {
            address: message.yiaddr,
            server,
        };
        // The transaction goes on.
        let attempt = self.begin_series(now);
        self.send_request(attempt, offer, now);
        Ok(())
    }

    fn bind(&mut self, message: &Message, attempt: Attempt, now: Instant) -> Result<(), Dropped> {
        let renewed = matches!(self.state, State::Renewing { .. } | State::Rebinding { .. });
        // RFC 8925 §3.2: an address that is in use is not taken away by a renewal.
        if !renewed && self.yields(message, now) {
            return Ok(());
        }
        let lease = Lease::read(message, &self.config.wants).ok_or("dropped-address")?;
        (self.setbacks, self.discovers, self.refusals) = (0, 0, 0);
        self.hint = None;
        let guarded = self.guard.as_ref().map(Guard::address);
        if !renewed || guarded != Some(lease.address) {
            self.watch_over(lease.address, now);
        }
        let since = attempt.sent;
        self.output
            .push_back(Output::Configure(lease.clone(), since));
        self.state = State::Bound {
            held: Held { lease, since },
        };
        Ok(())
    }

    /// A NAK about the lease that is in use (`held`) or that was remembered.
    fn refused(&mut self, held: bool, now: Instant) {
        self.hint = None;
        match held {
            true => self.lose(Loss::Refused, now),
            false => self.discover(now),
        }
    }

    /// RFC 8925 §3.2: whether the network prefers IPv6 alone and this client does without an address.
    fn yields(&mut self, message: &Message, now: Instant) -> bool {
        let seconds = message.options.get(IPV6_ONLY);
        let seconds = seconds.and_then(|value| <[u8; 4]>::try_from(value).ok());
        let Some(seconds) = seconds.filter(|_| self.config.wants.yield_to_ipv6) else {
            return false;
        };
        let seconds =
            u32::from_be_bytes(seconds).clamp(*IPV6_ONLY_WAIT.start(), *IPV6_ONLY_WAIT.end());
        let until = now + Duration::from_secs(seconds.into());
        if self.take_lease().is_some() {
            self.output.push_back(Output::Deconfigure(Loss::Ipv6Only));
        }
        self.guard = None;
        self.hint = None;
        self.reason = Some(Reason::Ipv6Only);
        self.state = State::Waiting { until };
        true
    }
}
