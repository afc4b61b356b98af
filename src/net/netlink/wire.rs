//! Netlink messages as bytes (netlink(7), rtnetlink(7)): a request as it is built, a reply as it is
//! walked. Invariant: no byte of a reply can make this panic or loop; what does not fit its own
//! length ends the walk, what is not known is skipped.
//!
//! The fixed headers are netlink-packet-route's. Its attribute types are not used: their parsers
//! refuse a whole message for one attribute that a newer kernel has changed, and either direction
//! brings in every attribute of every kind of link. The tests hold what is built here against them.

use netlink_packet_core::{Emitable, NetlinkHeader};

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// NLMSG_ALIGNTO and NLA_ALIGNTO.
const ALIGN: usize = 4;
/// NLA_TYPE_MASK: the kind without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const KIND: u16 = 0x3fff;
/// NLA_F_NESTED.
const NESTED: u16 = 0x8000;
/// NLMSGERR_ATTR_MSG: the extended acknowledgement's text.
const ATTR_MSG: u16 = 1;
/// Longest text taken from an extended acknowledgement, in bytes.
const LONGEST_TEXT: usize = 256;

/// A message to the kernel.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// An RTM_* message with NLM_F_* `flags` (NLM_F_REQUEST is added) and its fixed header.
    pub fn new(kind: u16, flags: i32, fixed: &dyn Emitable) -> Self {
        let mut header = NetlinkHeader::default();
        header.message_type = kind;
        header.flags = (flags | libc::NLM_F_REQUEST) as u16;
        let mut bytes = vec![0; HEADER + fixed.buffer_len()];
        header.emit(&mut bytes[..HEADER]);
        fixed.emit(&mut bytes[HEADER..]);
        Self { bytes }
    }

    /// Adds an attribute, padded. Its value must be shorter than 64 KiB (every caller's is far
    /// shorter); a longer one is refused by the kernel.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(ALIGN + value.len()).unwrap_or(0);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(align(self.bytes.len()), 0);
        self
    }

    /// Adds an attribute that holds a 32-bit number.
    pub fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds an attribute that holds a NUL-terminated string.
    pub fn put_text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.put(kind, &bytes)
    }

    /// Adds an attribute made of what `inner` adds.
    pub fn nest(&mut self, kind: u16, inner: &mut dyn FnMut(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.put(kind | NESTED, &[]);
        inner(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(0);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// Adds bytes without an attribute header: a fixed header inside a nest (VETH_INFO_PEER).
    pub fn put_fixed(&mut self, fixed: &dyn Emitable) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.resize(start + fixed.buffer_len(), 0);
        fixed.emit(&mut self.bytes[start..]);
        self
    }

    /// The message as it is sent: exactly as long as its header says.
    pub fn finish(&mut self, sequence: u32) -> &[u8] {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        &self.bytes
    }
}

/// One message of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// RTM_* or NLMSG_*.
    pub kind: u16,
    /// NLM_F_*.
    pub flags: u16,
    /// That of the request.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The messages of a datagram, up to the first whose length cannot be right.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(datagram, 0)? as usize;
        let body = datagram.get(HEADER..length)?;
        let message = Message {
            kind: u16_at(datagram, 4)?,
            flags: u16_at(datagram, 6)?,
            sequence: u32_at(datagram, 8)?,
            body,
        };
        datagram = datagram.get(align(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes of a message or of a nest, as kind (without flag bits) and value, up to the first
/// whose length cannot be right.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(ALIGN..length)?;
        let kind = u16_at(rest, 2)? & KIND;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// What NLMSG_ERROR or NLMSG_DONE says: the errno (0: done), and the kernel's words if it gave any.
///
/// `None` where the body is too short for either.
pub fn verdict(message: &Message<'_>) -> Option<(i32, String)> {
    let code = u32_at(message.body, 0)?.cast_signed();
    let flags = i32::from(message.flags);
    let mut text = String::new();
    if flags & libc::NLM_F_ACK_TLVS != 0 {
        let skip = match i32::from(message.kind) {
            libc::NLMSG_ERROR if flags & libc::NLM_F_CAPPED != 0 => 4 + HEADER,
            // The whole request comes back before the attributes.
            libc::NLMSG_ERROR => 4 + align((u32_at(message.body, 4)? as usize).max(HEADER)),
            _ => 4,
        };
        let rest = message.body.get(skip..).unwrap_or_default();
        if let Some((_, words)) = attributes(rest).find(|(kind, _)| *kind == ATTR_MSG) {
            text = text_of(&words[..words.len().min(LONGEST_TEXT)]);
        }
    }
    Some((code.saturating_neg(), text))
}

/// The 16-bit number (the kernel's byte order) at an offset.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

/// The 32-bit number (the kernel's byte order) at an offset.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// The 64-bit number (the kernel's byte order) at an offset.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_ne_bytes)
}

/// A string attribute up to its NUL; what is not UTF-8 becomes U+FFFD.
pub fn text_of(value: &[u8]) -> String {
    let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn align(length: usize) -> usize {
    length.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}
