//! The bytes of control messages: numbers little-endian, strings with their length in front. Invariant:
//! reading never goes past the message, never allocates more than the message is long, and refuses what
//! is left over.

use std::os::fd::RawFd;

mod values;

pub use values::Wire;
pub(crate) use values::{wire_enum, wire_struct};

/// Why a message is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It ends too early.
    Short,
    /// There is more than there should be.
    Long,
    /// Another version of the protocol.
    Version,
    /// A value that means nothing.
    Value,
}

/// Appends to a message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    descriptors: Vec<RawFd>,
}

/// What a writer that is used again keeps allocated, in bytes.
const KEPT: usize = 1024;

impl Writer {
    /// Appends one byte.
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// Appends a 32-bit number.
    pub fn number(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Appends a 64-bit number.
    pub fn long(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Appends a string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        // Longer ones do not fit a message and are refused when it is sent.
        self.number(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(value);
        self
    }

    /// Appends the number of an open descriptor.
    pub fn descriptor(&mut self, fd: RawFd) -> &mut Self {
        self.descriptors.push(fd);
        self.number(fd.cast_unsigned())
    }

    /// Every descriptor that was appended.
    pub fn descriptors(&self) -> &[RawFd] {
        &self.descriptors
    }

    /// Takes back what was appended after there were so many bytes and descriptors.
    pub fn cut(&mut self, bytes: usize, descriptors: usize) {
        self.bytes.truncate(bytes);
        self.descriptors.truncate(descriptors);
    }

    /// What was appended.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be changed.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.descriptors.clear();
        self.descriptors.shrink_to(KEPT / size_of::<RawFd>());
    }

    /// How long the message is so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes a message apart.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads `message` from its beginning.
    pub fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Short)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 32-bit number.
    pub fn number(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn long(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Short)?)
    }

    /// A string that must be UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Value)
    }

    /// Refuses what is left over.
    pub fn end(self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Malformed::Long),
        }
    }
}
