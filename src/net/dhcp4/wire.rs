//! The BOOTP frame of a DHCP message (RFC 2131 §2): header, magic cookie, options with their lengths
//! checked, parts of an option joined (RFC 3396), `sname` and `file` read where option 52 says so.
//! Invariant: parsing reads no byte outside the message and keeps at most as many bytes as it had.

use std::net::Ipv4Addr;

use dhcproto::v4::OptionCode;

/// BOOTREQUEST.
pub const REQUEST: u8 = 1;
/// BOOTREPLY.
pub const REPLY: u8 = 2;

const ETHERNET: u8 = 1;
const HEADER: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Some relays and servers drop what is shorter than a BOOTP message (RFC 1542 §2.1).
const BOOTP_LENGTH: usize = 300;
const BROADCAST_FLAG: u16 = 0x8000;
const CHADDR: usize = 28;
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..236;

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It ends before its headers say.
    Short,
    /// Not an IPv4 header.
    NotIpv4,
    /// Part of a larger packet.
    Fragment,
    /// Another protocol than UDP.
    NotUdp,
    /// Not from a server's port to a client's.
    Ports,
    /// A checksum is wrong.
    Checksum,
    /// The magic cookie of RFC 1497 is missing.
    Cookie,
}

impl Malformed {
    /// The key under which it is counted (`net stats`).
    pub fn key(self) -> &'static str {
        match self {
            Self::Short => "dropped-short",
            Self::NotIpv4 => "dropped-not-ipv4",
            Self::Fragment => "dropped-fragment",
            Self::NotUdp => "dropped-not-udp",
            Self::Ports => "dropped-port",
            Self::Checksum => "dropped-checksum",
            Self::Cookie => "dropped-cookie",
        }
    }
}

/// A DHCP message; what clients do not use (`hops`, `sname`, `file`) is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// [`REQUEST`] or [`REPLY`]; others exist on the wire.
    pub op: u8,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The client wants replies broadcast.
    pub broadcast: bool,
    /// The client's address, while it has one.
    pub ciaddr: Ipv4Addr,
    /// The address that the server gives.
    pub yiaddr: Ipv4Addr,
    /// The next server of the boot, not the DHCP server's identity.
    pub siaddr: Ipv4Addr,
    /// The relay.
    pub giaddr: Ipv4Addr,
    /// Hardware address, at most 16 bytes.
    pub chaddr: Vec<u8>,
    /// Its options.
    pub options: Options,
}

impl Message {
    /// A request without options.
    pub fn request(xid: u32, chaddr: &[u8]) -> Self {
        Self {
            op: REQUEST,
            xid,
            secs: 0,
            broadcast: false,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr: chaddr[..chaddr.len().min(16)].to_vec(),
            options: Options::default(),
        }
    }

    /// Reads a UDP payload. An `hlen` above 16 is taken as 16.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = bytes.get(..HEADER).ok_or(Malformed::Short)?;
        let cookie = bytes.get(HEADER..HEADER + 4).ok_or(Malformed::Short)?;
        if cookie != COOKIE {
            return Err(Malformed::Cookie);
        }
        let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        let hlen = usize::from(header[2]).min(16);
        Ok(Self {
            op: header[0],
            xid: u32::from_be_bytes(word(4)),
            secs: u16::from_be_bytes([header[8], header[9]]),
            broadcast: header[10] & 0x80 != 0,
            ciaddr: word(12).into(),
            yiaddr: word(16).into(),
            siaddr: word(20).into(),
            giaddr: word(24).into(),
            chaddr: header[CHADDR..CHADDR + hlen].to_vec(),
            options: Options::parse(&bytes[HEADER + 4..], &header[FILE], &header[SNAME]),
        })
    }

    /// The bytes for the wire, at least 300 of them.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[0] = self.op;
        bytes[1] = ETHERNET;
        bytes[2] = self.chaddr.len() as u8;
        bytes[4..8].copy_from_slice(&self.xid.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.secs.to_be_bytes());
        if self.broadcast {
            bytes[10..12].copy_from_slice(&BROADCAST_FLAG.to_be_bytes());
        }
        let addresses = [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr];
        for (at, address) in (12..).step_by(4).zip(addresses) {
            bytes[at..at + 4].copy_from_slice(&address.octets());
        }
        bytes[CHADDR..CHADDR + self.chaddr.len()].copy_from_slice(&self.chaddr);
        bytes.extend_from_slice(&COOKIE);
        self.options.emit(&mut bytes);
        if bytes.len() < BOOTP_LENGTH {
            bytes.resize(BOOTP_LENGTH, 0);
        }
        bytes
    }
}

/// Options by code, each once, in the order in which they first appeared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    fn parse(options: &[u8], file: &[u8], sname: &[u8]) -> Self {
        let mut parsed = Self::default();
        parsed.read(options);
        // RFC 2131 §4.1: file is read before sname.
        let overload = match parsed.get(OptionCode::OptionOverload) {
            Some([fields]) => *fields,
            _ => 0,
        };
        if overload & 1 != 0 {
            parsed.read(file);
        }
        if overload & 2 != 0 {
            parsed.read(sname);
        }
        parsed
    }

    /// Reads options up to the end option, or to the first that is longer than what is left.
    fn read(&mut self, mut bytes: &[u8]) {
        loop {
            match bytes {
                [0, rest @ ..] => bytes = rest,
                [255, ..] | [] | [_] => return,
                [code, length, rest @ ..] => {
                    let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else {
                        return;
                    };
                    self.append(*code, value);
                    bytes = rest;
                }
            }
        }
    }

    /// RFC 3396 §7: a code that comes again continues the option, wherever its parts are.
    fn append(&mut self, code: u8, value: &[u8]) {
        match self.0.iter_mut().find(|(known, _)| *known == code) {
            Some((_, parts)) => parts.extend_from_slice(value),
            None => self.0.push((code, value.to_vec())),
        }
    }

    /// The value of an option, all its parts joined.
    pub fn get(&self, code: OptionCode) -> Option<&[u8]> {
        let code = u8::from(code);
        let found = self.0.iter().find(|(known, _)| *known == code);
        found.map(|(_, value)| value.as_slice())
    }

    /// Sets an option in place of an earlier one. A value of any length may be given.
    pub fn set(&mut self, code: OptionCode, value: &[u8]) {
        self.unset(code);
        self.0.push((code.into(), value.to_vec()));
    }

    /// Removes an option.
    pub fn unset(&mut self, code: OptionCode) {
        let code = u8::from(code);
        self.0.retain(|(known, _)| *known != code);
    }

    fn emit(&self, bytes: &mut Vec<u8>) {
        for (code, value) in &self.0 {
            push_option(bytes, *code, value);
        }
        bytes.push(255);
    }
}

/// Appends an option, in parts of 255 bytes where it is longer (RFC 3396 §6).
fn push_option(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    let mut rest = value;
    loop {
        let (part, more) = rest.split_at(rest.len().min(255));
        bytes.push(code);
        bytes.push(part.len() as u8);
        bytes.extend_from_slice(part);
        rest = more;
        if rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
