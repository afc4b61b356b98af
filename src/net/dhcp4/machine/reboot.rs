//! INIT-REBOOT: asking whether a lease that is known may be used here. Invariant: what is in use meanwhile
//! ends when the lease ends.

use std::net::Ipv4Addr;

use dhcproto::v4::{MessageType, OptionCode};

use super::{Attempt, Held, Machine, State};
use crate::net::dhcp4::event::{Destination, Loss};
use crate::time::Instant;

impl Machine {
    /// INIT-REBOOT → REBOOTING (RFC 2131 §3.2, §4.4.2).
    pub(super) fn reboot(&mut self, address: Ipv4Addr, held: Option<Held>, now: Instant) {
        if held
            .as_ref()
            .and_then(Held::ends)
            .is_some_and(|ends| ends <= now)
        {
            self.hint = Some(address);
            return self.lose(Loss::Expired, now);
        }
        let attempt = self.first(now);
        self.send_reboot(attempt, address, held, now);
    }

    pub(super) fn send_reboot(
        &mut self,
        attempt: Attempt,
        address: Ipv4Addr,
        held: Option<Held>,
        now: Instant,
    ) {
        // §4.3.2: the address in option 50, no server, ciaddr zero.
        let mut message = self.question(MessageType::Request, attempt, now);
        message
            .options
            .set(OptionCode::RequestedIpAddress, &address.octets());
        self.send(message, Destination::Link);
        self.state = State::Rebooting {
            attempt,
            address,
            held,
        };
    }

    pub(super) fn reboot_again(
        &mut self,
        attempt: Attempt,
        address: Ipv4Addr,
        held: Option<Held>,
        now: Instant,
    ) {
        if held
            .as_ref()
            .and_then(Held::ends)
            .is_some_and(|ends| ends <= now)
        {
            self.hint = Some(address);
            return self.lose(Loss::Expired, now);
        }
        if attempt.count < self.config.timing.reboots(held.is_some()) {
            let attempt = self.again(attempt, now);
            return self.send_reboot(attempt, address, held, now);
        }
        match held {
            // §3.2: without an answer the lease may be used until it ends.
            Some(held) => {
                self.watch_over(address, now);
                self.stay(held, now);
            }
            None => self.discover(now),
        }
    }
}
