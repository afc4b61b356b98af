//! The frame of a DHCPv6 message (RFC 8415 §8, §21.1): header, and options with their lengths checked.
//! Invariant: reading borrows from the message, allocates nothing, follows no nesting by itself (who reads an
//! option's inner options asks for them, three levels at most) and stops after [`MAX_OPTIONS`].
//!
//! `dhcproto` is not used here: its v6 decoder takes a message whole, where one malformed option hides all
//! that follow, nests without bound, and panics on some short options.

use std::ops::Range;

/// Options of one level that are read: no server sends nearly as many.
pub const MAX_OPTIONS: usize = 256;
/// The largest UDP payload.
const MAX_MESSAGE: usize = 65_527;
/// Type and transaction.
const HEADER: usize = 4;
/// Where [`Writer::message`] puts the elapsed time: header, option header.
const ELAPSED: Range<usize> = 8..10;

/// What a client sends, by its number (RFC 8415 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Which servers are there?
    Solicit = 1,
    /// Give what was advertised.
    Request = 3,
    /// Are the addresses right for this link?
    Confirm = 4,
    /// Extend, to the server that granted.
    Renew = 5,
    /// Extend, to any server.
    Rebind = 6,
    /// Take it back.
    Release = 8,
    /// Another host uses it.
    Decline = 9,
    /// Configuration without a lease.
    InformationRequest = 11,
}

/// A server offers.
pub const ADVERTISE: u8 = 2;
/// A server answers.
pub const REPLY: u8 = 7;
/// A server wants to be asked.
pub const RECONFIGURE: u8 = 10;

/// Option codes (RFC 8415 §21, 3646, 4075, 5908, 6603).
pub mod code {
    #![allow(missing_docs)]
    pub const CLIENT_ID: u16 = 1;
    pub const SERVER_ID: u16 = 2;
    pub const IA_NA: u16 = 3;
    pub const IA_ADDRESS: u16 = 5;
    pub const OPTION_REQUEST: u16 = 6;
    pub const PREFERENCE: u16 = 7;
    pub const ELAPSED_TIME: u16 = 8;
    pub const AUTHENTICATION: u16 = 11;
    pub const STATUS: u16 = 13;
    pub const RAPID_COMMIT: u16 = 14;
    pub const VENDOR_OPTIONS: u16 = 17;
    pub const RECONFIGURE_MESSAGE: u16 = 19;
    pub const RECONFIGURE_ACCEPT: u16 = 20;
    pub const DNS_SERVERS: u16 = 23;
    pub const DOMAIN_LIST: u16 = 24;
    pub const IA_PD: u16 = 25;
    pub const IA_PREFIX: u16 = 26;
    pub const SNTP_SERVERS: u16 = 31;
    pub const REFRESH_TIME: u16 = 32;
    pub const NTP_SERVER: u16 = 56;
    pub const PD_EXCLUDE: u16 = 67;
    pub const SOL_MAX_RT: u16 = 82;
    pub const INF_MAX_RT: u16 = 83;
}

/// Options that may appear several times beside each other.
const REPEATED: [u16; 5] = [
    code::IA_NA,
    code::IA_ADDRESS,
    code::IA_PD,
    code::IA_PREFIX,
    code::VENDOR_OPTIONS,
];

/// Why messages and parts of them were dropped: keys for the statistics, each once a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(pub Vec<&'static str>);

impl Dropped {
    /// Notes a reason.
    pub fn note(&mut self, reason: &'static str) {
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }
}

/// A message from a server.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// [`ADVERTISE`], [`REPLY`], [`RECONFIGURE`]; others exist on the wire.
    pub kind: u8,
    /// Transaction, 24 bits.
    pub xid: u32,
    /// Its options.
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// Reads a UDP payload; `None`: shorter than a header, or longer than UDP carries.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [kind, a, b, c, options @ ..] if bytes.len() <= MAX_MESSAGE => Some(Self {
                kind: *kind,
                xid: u32::from_be_bytes([0, *a, *b, *c]),
                options: Options(options),
            }),
            _ => None,
        }
    }
}

/// Options beside each other.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a>(pub &'a [u8]);

impl<'a> Options<'a> {
    /// Each option with its value, up to the first that is longer than what is left.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        Walk {
            options: self.0,
            at: 0,
            count: 0,
        }
        .map(move |(code, value)| (code, &self.0[value]))
    }

    /// The first option of that code.
    pub fn first(self, code: u16) -> Option<&'a [u8]> {
        self.iter()
            .find(|(found, _)| *found == code)
            .map(|(_, value)| value)
    }

    /// Where in these bytes the value of the first option of that code is.
    pub fn locate(self, code: u16) -> Option<Range<usize>> {
        let mut walk = Walk {
            options: self.0,
            at: 0,
            count: 0,
        };
        walk.find(|(found, _)| *found == code)
            .map(|(_, value)| value)
    }

    /// Notes what of these bytes is not read: the rest after a bad length, options beyond the bound, and
    /// the second of what may appear once.
    pub fn inspect(self, dropped: &mut Dropped) {
        let mut walk = Walk {
            options: self.0,
            at: 0,
            count: 0,
        };
        let mut seen = Vec::new();
        for (code, _) in walk.by_ref() {
            if seen.contains(&code) && !REPEATED.contains(&code) {
                dropped.note("dropped-duplicate");
            } else if !seen.contains(&code) {
                seen.push(code);
            }
        }
        if walk.count == MAX_OPTIONS && walk.at < self.0.len() {
            dropped.note("dropped-too-many");
        } else if walk.at < self.0.len() {
            dropped.note("dropped-truncated");
        }
    }
}

/// Where each option's value is.
struct Walk<'a> {
    options: &'a [u8],
    at: usize,
    count: usize,
}

impl Iterator for Walk<'_> {
    type Item = (u16, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let [a, b, c, d, rest @ ..] = self.options.get(self.at..)? else {
            return None;
        };
        let (code, length) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let length = usize::from(length);
        if length > rest.len() || self.count == MAX_OPTIONS {
            return None;
        }
        let start = self.at + HEADER;
        self.at = start + length;
        self.count += 1;
        Some((code, start..self.at))
    }
}

/// A message that is being written.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A message that was first sent now: [`set_elapsed`] changes that.
    pub fn message(kind: Kind, xid: u32) -> Self {
        let [_, a, b, c] = xid.to_be_bytes();
        let mut writer = Self(vec![kind as u8, a, b, c]);
        writer.option(code::ELAPSED_TIME, &[0; 2]);
        writer
    }

    /// Appends an option; a value longer than 65535 bytes is cut.
    pub fn option(&mut self, code: u16, value: &[u8]) {
        let start = self.open(code);
        self.put(&value[..value.len().min(usize::from(u16::MAX))]);
        self.close(start);
    }

    /// Begins an option, to be ended with [`Self::close`]: whatever is written between is inside.
    #[must_use]
    pub fn open(&mut self, code: u16) -> usize {
        self.put(&code.to_be_bytes());
        self.put(&[0; 2]);
        self.0.len()
    }

    /// Ends the option that [`Self::open`] began at `start`.
    pub fn close(&mut self, start: usize) {
        let length = (self.0.len() - start) as u16;
        self.0[start - 2..start].copy_from_slice(&length.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The datagram.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Sets the elapsed time of a message of [`Writer`], in hundredths of a second (RFC 8415 §21.9).
pub fn set_elapsed(message: &mut [u8], hundredths: u16) {
    if let Some(place) = message.get_mut(ELAPSED) {
        place.copy_from_slice(&hundredths.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
