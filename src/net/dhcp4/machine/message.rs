//! The messages that a client sends (RFC 2131 table 5). Invariant: each has the same client identifier
//! (§4.2), and what a table row forbids is not in it.

use std::net::Ipv4Addr;

use dhcproto::v4::{MessageType, OptionCode};

use super::{Attempt, Machine};
use crate::net::dhcp4::options::{CLASSLESS_OLD, IPV6_ONLY};
use crate::net::dhcp4::wire::Message;
use crate::time::Instant;

/// The largest message that fits an unfragmented packet on Ethernet.
const MAX_MESSAGE: u16 = 1472;
/// What servers are asked for: option 55. RFC 3442 wants 121 before 3 and 33.
const PARAMETERS: [u8; 15] = [1, 121, 249, 3, 33, 6, 12, 15, 26, 28, 42, 51, 58, 59, 119];
/// Silent tries after which replies are wanted broadcast: some links drop packets for an address that
/// they do not know.
const UNICAST_TRIES: u32 = 3;

impl Machine {
    /// A message that is answered.
    pub(super) fn question(&self, kind: MessageType, attempt: Attempt, now: Instant) -> Message {
        let mut message = self.message(kind);
        let secs = now.since(self.began).as_secs();
        message.secs = u16::try_from(secs).unwrap_or(u16::MAX);
        message.broadcast = self.config.broadcast || attempt.count > UNICAST_TRIES;
        let options = &mut message.options;
        options.set(OptionCode::MaxMessageSize, &MAX_MESSAGE.to_be_bytes());
        if let Some(hostname) = &self.config.wants.hostname {
            options.set(OptionCode::Hostname, hostname.as_bytes());
        }
        options.set(OptionCode::ParameterRequestList, &self.parameters());
        message
    }

    /// A message that is not answered: DECLINE, RELEASE.
    pub(super) fn notice(&self, kind: MessageType, server: Ipv4Addr) -> Message {
        let mut message = self.message(kind);
        message
            .options
            .set(OptionCode::ServerIdentifier, &server.octets());
        message
    }

    fn message(&self, kind: MessageType) -> Message {
        let mut message = Message::request(self.xid, &self.config.mac);
        let options = &mut message.options;
        options.set(OptionCode::MessageType, &[kind.into()]);
        options.set(OptionCode::ClientIdentifier, &self.config.client_id);
        message
    }

    /// Option 55: each code once, 255 at most.
    fn parameters(&self) -> Vec<u8> {
        let wants = &self.config.wants;
        let classless = [OptionCode::ClasslessStaticRoute, CLASSLESS_OLD].map(u8::from);
        let ipv6_only = wants.yield_to_ipv6.then_some(u8::from(IPV6_ONLY));
        let codes = PARAMETERS.into_iter().chain(ipv6_only);
        let mut list: Vec<u8> = Vec::with_capacity(32);
        for code in codes.chain(wants.request.iter().chain(&wants.raw).copied()) {
            let unwanted = !wants.classless && classless.contains(&code);
            if !list.contains(&code) && !unwanted {
                list.push(code);
            }
        }
        list
    }
}
