//! The Reconfiguration Key Authentication Protocol (RFC 8415 §20.4): a server gives a key in a REPLY, and
//! signs each RECONFIGURE with it. Invariant: only a RECONFIGURE whose digest is right, and whose counter is
//! above every one before, is [`Key::verify`]-ed.

use super::md5::hmac;
use super::wire::{Message, code};

/// Protocol, algorithm (HMAC-MD5), replay detection by a counter (RFC 8415 §21.11).
const RKAP: [u8; 3] = [3, 1, 0];
/// Type of the authentication information (§20.4.1): a key, a digest.
const KEY: u8 = 1;
const DIGEST: u8 = 2;
const LENGTH: usize = 16;

/// A server's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The server's DUID.
    pub server: Vec<u8>,
    key: [u8; LENGTH],
    counter: u64,
}

impl Key {
    /// The key in a REPLY, if there is one.
    pub fn from_reply(message: &Message<'_>) -> Option<Self> {
        let (kind, counter, key) = parts(message.options.first(code::AUTHENTICATION)?)?;
        let server = message.options.first(code::SERVER_ID)?;
        (kind == KEY).then(|| Self {
            server: server.to_vec(),
            key,
            counter,
        })
    }

    /// Whether this datagram, a RECONFIGURE, was signed with the key and is newer than those before: it
    /// then counts as one of those before.
    pub fn verify(&mut self, datagram: &[u8], message: &Message<'_>) -> bool {
        let options = message.options;
        let Some(place) = options.locate(code::AUTHENTICATION) else {
            return false;
        };
        let Some((DIGEST, counter, digest)) = options.first(code::AUTHENTICATION).and_then(parts)
        else {
            return false;
        };
        // The digest is made with zeros in its own place, which ends the option.
        let end = datagram.len() - options.0.len() + place.end;
        let expected = hmac(
            &self.key,
            &[&datagram[..end - LENGTH], &[0; LENGTH], &datagram[end..]],
        );
        let differs = expected
            .iter()
            .zip(digest)
            .fold(0, |all, (a, b)| all | (a ^ b));
        let good = differs == 0 && counter > self.counter;
        if good {
            self.counter = counter;
        }
        good
    }
}

/// Type, counter and content of an authentication option of this protocol.
fn parts(value: &[u8]) -> Option<(u8, u64, [u8; LENGTH])> {
    let (protocol, rest) = value.split_first_chunk::<3>()?;
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (&kind, content) = rest.split_first()?;
    let content = content.try_into().ok()?;
    (*protocol == RKAP).then(|| (kind, u64::from_be_bytes(*counter), content))
}

#[cfg(test)]
mod tests {
    use super::super::wire::{RECONFIGURE, REPLY};
    use super::*;

    const SERVER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    const SECRET: [u8; 16] = *b"0123456789abcdef";

    fn datagram(kind: u8, information: u8, counter: u64, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0, 0, 2, 0, 10];
        bytes.extend_from_slice(&SERVER);
        bytes.extend_from_slice(&[0, 11, 0, 12 + content.len() as u8, 3, 1, 0]);
        bytes.extend_from_slice(&counter.to_be_bytes());
        bytes.push(information);
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(&[0, 19, 0, 1, 5]);
        bytes
    }

    fn signed(secret: &[u8], counter: u64) -> Vec<u8> {
        let mut bytes = datagram(RECONFIGURE, DIGEST, counter, &[0; 16]);
        let digest = hmac(secret, &[&bytes]);
        let end = bytes.len() - 5;
        bytes[end - 16..end].copy_from_slice(&digest);
        bytes
    }

    fn verify(key: &mut Key, bytes: &[u8]) -> bool {
        key.verify(bytes, &Message::parse(bytes).unwrap())
    }

    fn key() -> Key {
        let reply = datagram(REPLY, KEY, 7, &SECRET);
        Key::from_reply(&Message::parse(&reply).unwrap()).unwrap()
    }

    #[test]
    fn a_signed_message_counts_once() {
        let mut key = key();
        assert_eq!(key.server, SERVER);
        assert!(!verify(&mut key, &signed(&SECRET, 7)));
        assert!(!verify(&mut key, &signed(b"another secret!!", 8)));
        assert!(verify(&mut key, &signed(&SECRET, 8)));
        assert!(!verify(&mut key, &signed(&SECRET, 8)));
        assert!(verify(&mut key, &signed(&SECRET, u64::MAX)));
        assert!(!verify(&mut key, &signed(&SECRET, 9)));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let good = signed(&SECRET, 8);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(!verify(&mut key(), &bad), "byte {at}");
        }
        for length in 4..good.len() {
            assert!(!verify(&mut key(), &good[..length]), "length {length}");
        }
        assert!(verify(&mut key(), &good));
    }

    #[test]
    fn a_key_of_another_length_or_protocol_is_none() {
        for length in (0..100).filter(|&length| length != 16) {
            let reply = datagram(REPLY, KEY, 7, &vec![1; length]);
            assert_eq!(Key::from_reply(&Message::parse(&reply).unwrap()), None);
        }
        let mut reply = datagram(REPLY, KEY, 7, &SECRET);
        reply[22] = 2;
        assert_eq!(Key::from_reply(&Message::parse(&reply).unwrap()), None);
        let reply = datagram(REPLY, DIGEST, 7, &SECRET);
        assert_eq!(Key::from_reply(&Message::parse(&reply).unwrap()), None);
    }
}
