//! The bytes of the journal: records of entries, each entry the value of a key or its removal. Pure.
//! Invariants: a record counts as a whole or not at all (its length and its sum stand in front of it),
//! and whatever follows the first one that is not whole counts nothing.

use std::collections::BTreeMap;

use crate::supervise::wire::{Malformed, Reader, Wire, Writer};

/// What a value belongs to, and its number there.
pub type Key = (u8, u32);

/// The kinds of values, in the order in which they come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// How this PID 1 was started.
    Head = 0,
    /// What there is one of.
    Single = 1,
    /// Descriptions of services, by service.
    Spec = 2,
    /// How services stand, by service.
    Service = 3,
    /// Exits, by place in the ring.
    Exit = 4,
    /// Connections.
    Client = 5,
}

impl Section {
    /// The key of a number in it.
    pub fn key(self, number: u32) -> Key {
        (self as u8, number)
    }
}

/// Where values are put: one record, or a snapshot of many.
pub trait Sink {
    /// The record in which to put the next values.
    fn batch(&mut self) -> &mut Batch;
}

impl Sink for Batch {
    fn batch(&mut self) -> &mut Batch {
        self
    }
}

/// Length and sum in front of a record, in bytes.
const FRONT: usize = 12;

/// The length that stands for a removal.
const REMOVED: u32 = u32::MAX;

/// One record in the making.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Writer,
}

impl Batch {
    /// The key has this value from now on.
    pub fn put(&mut self, key: Key, value: &impl Wire) {
        let at = self.open(key);
        value.write(&mut self.bytes);
        self.close(at);
    }

    /// Does the same where the value's sum is not `sum`; the sum.
    pub fn put_changed(&mut self, key: Key, value: &impl Wire, sum: u64) -> u64 {
        let (before, listed) = (self.bytes.len(), self.bytes.descriptors().len());
        let at = self.open(key);
        value.write(&mut self.bytes);
        let new = checksum(self.bytes.as_bytes().get(at..).unwrap_or_default());
        match new == sum {
            true => self.bytes.cut(before, listed),
            false => self.close(at),
        }
        new
    }

    /// Begins an entry; where its value begins.
    fn open(&mut self, (section, number): Key) -> usize {
        self.begin().byte(section).number(number).number(0);
        self.bytes.len()
    }

    /// Puts the length in front of the value that begins at `at`.
    fn close(&mut self, at: usize) {
        let bytes = self.bytes.as_mut_bytes();
        let length = u32::try_from(bytes.len() - at).unwrap_or(REMOVED);
        if let Some(place) = bytes.get_mut(at - 4..at) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// The key has no value any more.
    pub fn remove(&mut self, (section, number): Key) {
        self.begin().byte(section).number(number).number(REMOVED);
    }

    fn begin(&mut self) -> &mut Writer {
        if self.bytes.is_empty() {
            self.bytes.number(0).long(0);
        }
        &mut self.bytes
    }

    /// How long the record is so far, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The record, whole.
    pub fn record(&mut self) -> &[u8] {
        let bytes = self.bytes.as_mut_bytes();
        if let Some((front, payload)) = bytes.split_at_mut_checked(FRONT) {
            let length = u32::try_from(payload.len()).unwrap_or(REMOVED);
            front[..4].copy_from_slice(&length.to_le_bytes());
            front[4..].copy_from_slice(&checksum(payload).to_le_bytes());
        }
        bytes
    }

    /// Every descriptor in the values since the last [`Self::clear`].
    pub fn descriptors(&self) -> &[i32] {
        self.bytes.descriptors()
    }

    /// Makes it empty; what it needed once does not stay allocated for ever.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// FNV-1a, 64 bits: tells a torn record from a whole one; nobody forges what only PID 1 writes.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What every key has when the last whole record has been read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct State<'a>(BTreeMap<Key, &'a [u8]>);

impl<'a> State<'a> {
    /// Reads records up to the first that is not whole; also how many bytes of `journal` they take.
    pub fn replay(journal: &'a [u8]) -> (Self, usize) {
        let mut state = Self::default();
        let mut read = 0;
        while let Some(payload) = first_record(journal.get(read..).unwrap_or_default()) {
            let Ok(entries) = entries(payload) else { break };
            for (key, value) in entries {
                match value {
                    Some(value) => state.0.insert(key, value),
                    None => state.0.remove(&key),
                };
            }
            read += FRONT + payload.len();
        }
        (state, read)
    }

    /// The value of a key; `None` where it has none.
    ///
    /// Errors: it is not a value of this type.
    pub fn get<T: Wire>(&self, key: Key) -> Result<Option<T>, Malformed> {
        self.0.get(&key).map(|bytes| value(bytes)).transpose()
    }

    /// A key that has another value in the other one, or is in one of them only.
    pub fn difference(&self, other: &Self) -> Option<Key> {
        let differs = |key: &&Key| self.0.get(key) != other.0.get(key);
        let mut all = self.0.keys().chain(other.0.keys());
        all.find(differs).copied()
    }

    /// Every value of a section by number.
    pub fn section<T: Wire>(
        &self,
        section: Section,
    ) -> impl Iterator<Item = (u32, Result<T, Malformed>)> {
        let all = self.0.range(section.key(0)..=section.key(u32::MAX));
        all.map(|(key, bytes)| (key.1, value(bytes)))
    }
}

fn value<T: Wire>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut from = Reader::new(bytes);
    let value = T::read(&mut from)?;
    from.end().map(|()| value)
}

fn first_record(journal: &[u8]) -> Option<&[u8]> {
    let mut front = Reader::new(journal.get(..FRONT)?);
    let length = usize::try_from(front.number().ok()?).ok()?;
    let sum = front.long().ok()?;
    let payload = journal.get(FRONT..)?.get(..length)?;
    (!payload.is_empty() && checksum(payload) == sum).then_some(payload)
}

type Entry<'a> = (Key, Option<&'a [u8]>);

fn entries(payload: &[u8]) -> Result<Vec<Entry<'_>>, Malformed> {
    let mut from = Reader::new(payload);
    let mut all = Vec::new();
    while !from.is_empty() {
        let key = (from.byte()?, from.number()?);
        let value = match from.number()? {
            REMOVED => None,
            length => Some(from.take(length as usize)?),
        };
        all.push((key, value));
    }
    Ok(all)
}
