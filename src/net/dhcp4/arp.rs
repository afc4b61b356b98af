//! ARP packets for IPv4 on Ethernet (RFC 826) as bytes. Invariant: what [`Arp::parse`] accepts is a whole
//! request or reply of that kind.

use std::net::Ipv4Addr;

/// A hardware address.
pub type Mac = [u8; 6];

/// Hardware type 1, protocol 0x0800, lengths 6 and 4.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
const LENGTH: usize = 28;

/// Who says what about whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// A reply, or else a request.
    pub reply: bool,
    /// The sender's hardware address.
    pub mac: Mac,
    /// The sender's address; unspecified in a probe (RFC 5227 §1.1).
    pub sender: Ipv4Addr,
    /// Whom it is about.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Asks whether anybody has the address (RFC 5227 §2.1.1).
    pub fn probe(mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            reply: false,
            mac,
            sender: Ipv4Addr::UNSPECIFIED,
            target: address,
        }
    }

    /// Tells that the address is this host's (RFC 5227 §2.3).
    pub fn announcement(mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            sender: address,
            ..Self::probe(mac, address)
        }
    }

    /// The bytes behind the link-layer header. The target's hardware address is left zero.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&KIND);
        let kind = if self.reply { REPLY } else { REQUEST };
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&self.mac);
        bytes.extend_from_slice(&self.sender.octets());
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&self.target.octets());
        bytes
    }

    /// Reads one; `None` where it is no ARP packet for IPv4 on Ethernet.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, bytes) = bytes.split_first_chunk::<6>()?;
        let (operation, bytes) = bytes.split_first_chunk::<2>()?;
        let (mac, bytes) = bytes.split_first_chunk::<6>()?;
        let (sender, bytes) = bytes.split_first_chunk::<4>()?;
        let target = bytes.get(6..)?.first_chunk::<4>()?;
        let operation = u16::from_be_bytes(*operation);
        (*kind == KIND && matches!(operation, REQUEST | REPLY)).then_some(Self {
            reply: operation == REPLY,
            mac: *mac,
            sender: (*sender).into(),
            target: (*target).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_parses_and_nothing_shorter() {
        let (mac, address) = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 0, 2, 15));
        let reply = Arp {
            reply: true,
            ..Arp::announcement(mac, address)
        };
        for arp in [
            Arp::probe(mac, address),
            Arp::announcement(mac, address),
            reply,
        ] {
            let bytes = arp.emit();
            assert_eq!(Arp::parse(&bytes), Some(arp));
            assert_eq!(Arp::parse(&[&bytes[..], &[0; 18]].concat()), Some(arp));
            for length in 0..bytes.len() {
                assert_eq!(Arp::parse(&bytes[..length]), None);
            }
            for at in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 0x40;
                assert_eq!(Arp::parse(&other), None, "byte {at}");
            }
        }
    }
}
