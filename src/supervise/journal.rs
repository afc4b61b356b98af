//! PID 1's whole state in a file in memory, which outlives the program: the next one, after an upgrade
//! or a crash, goes on from it. Invariants: at the end of a turn it has everything; at any other moment
//! it has what the end of the last step had, whole; its length is at most about twice that of the
//! state, whatever happens.
//!
//! A page of its own in front says where the records begin and what the last crash was. A smaller
//! journal is made by writing every value once behind the records and then moving that beginning.

mod file;
mod format;
#[cfg(test)]
mod tests;

use std::os::fd::{OwnedFd, RawFd};

use nix::errno::Errno;

pub use file::File;
pub use format::{Batch, Key, Section, Sink, State, checksum};

/// Which layout the values have. Another one is refused; raise it when a value changes its meaning
/// without changing its bytes (what changes its bytes is noticed anyhow).
pub const VERSION: u32 = 1;

/// Where the records are in a journal that was never made smaller; also the unit in which its memory
/// is given back.
const PAGE: u64 = 4096;

/// The first bytes; the version follows.
const MAGIC: [u8; 4] = *b"ini1";

/// A journal this short is left as it is, in bytes.
const SHORT: u64 = 64 * 1024;

/// How long one record of a snapshot grows, in bytes.
const PIECE: usize = 2 * 1024;

/// The longest journal that is read back, in bytes: more than 4096 services with two descriptions each,
/// all of them at their longest, take twice.
const LONGEST: u64 = 2 << 30;

/// The journal of this process.
#[derive(Debug)]
pub struct Journal {
    file: File,
    start: u64,
    end: u64,
    /// How long the last snapshot was.
    base: u64,
}

/// Why a file is not a state to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It cannot be read.
    Unreadable(Errno),
    /// It is something else.
    Foreign,
    /// Its values have another layout: this version.
    Version(u32),
}

impl Journal {
    /// An empty one. Errors: EMFILE, ENOMEM, ENOSYS.
    pub fn new() -> Result<Self, Errno> {
        let journal = Self {
            file: File::new()?,
            start: PAGE,
            end: PAGE,
            base: 0,
        };
        journal.write_front()?;
        Ok(journal)
    }

    /// Takes over a journal, with everything in it that is whole.
    pub fn open(fd: OwnedFd) -> Result<(Self, Vec<u8>), Unusable> {
        let file = File::from_fd(fd);
        let mut front = [0; 16];
        let read = file.read_at(0, &mut front).map_err(Unusable::Unreadable)?;
        let [a, b, c, d, v0, v1, v2, v3, start @ ..] = front;
        if read != front.len() || [a, b, c, d] != MAGIC {
            return Err(Unusable::Foreign);
        }
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        if version != VERSION {
            return Err(Unusable::Version(version));
        }
        let start = u64::from_le_bytes(start);
        let length = file.size().map_err(Unusable::Unreadable)?;
        let length = length.checked_sub(start).filter(|length| *length < LONGEST);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let mut bytes = vec![0; length.ok_or(Unusable::Foreign)?];
        file.read_at(start, &mut bytes)
            .map_err(Unusable::Unreadable)?;
        let whole = State::replay(&bytes).1;
        bytes.truncate(whole);
        let end = start + whole as u64;
        // A torn record must not stand behind the next one.
        let _ = file.cut(end);
        let base = end - start;
        let journal = Self {
            file,
            start,
            end,
            base,
        };
        Ok((journal, bytes))
    }

    fn write_front(&self) -> Result<(), Errno> {
        let mut front = [0; 16];
        front[..4].copy_from_slice(&MAGIC);
        front[4..8].copy_from_slice(&VERSION.to_le_bytes());
        front[8..].copy_from_slice(&self.start.to_le_bytes());
        self.file.write_at(0, &front)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Appends a record. Errors: ENOSPC, ENOMEM; then nothing was appended.
    pub fn append(&mut self, batch: &mut Batch) -> Result<(), Errno> {
        let record = batch.record();
        if let Err(errno) = self.file.write_at(self.end, record) {
            let _ = self.file.cut(self.end);
            return Err(errno);
        }
        self.end += record.len() as u64;
        Ok(())
    }

    /// Everything in it since the last snapshot. Errors: EIO and its like.
    pub fn read_back(&self) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; usize::try_from(self.end - self.start).unwrap_or(0)];
        self.file.read_at(self.start, &mut bytes).map(|_| bytes)
    }

    /// Whether a snapshot would make it much shorter.
    pub fn is_long(&self) -> bool {
        self.end - self.start > SHORT.max(2 * self.base)
    }

    /// Makes it as short as its state: `write` puts every value, a piece at a time.
    ///
    /// Gives every descriptor in it. Errors: ENOSPC, ENOMEM; then it is what it was.
    pub fn shorten(&mut self, write: impl FnOnce(&mut dyn Sink)) -> Result<Vec<RawFd>, Errno> {
        let mut snapshot = Snapshot {
            file: &self.file,
            batch: Batch::default(),
            end: self.end,
            result: Ok(()),
            descriptors: Vec::new(),
        };
        write(&mut snapshot);
        snapshot.flush();
        let (end, result) = (snapshot.end, snapshot.result);
        let descriptors = snapshot.descriptors;
        let before = (self.start, self.end);
        (self.start, self.end) = (self.end, end);
        if let Err(errno) = result.and_then(|()| self.write_front()) {
            (self.start, self.end) = before;
            let _ = self.file.cut(self.end);
            return Err(errno);
        }
        self.base = self.end - self.start;
        // Memory that is not given back is only lost until the next time.
        let _ = self.file.forget(PAGE, self.start / PAGE * PAGE);
        Ok(descriptors)
    }
}

/// Where a snapshot is written to.
#[derive(Debug)]
struct Snapshot<'a> {
    file: &'a File,
    batch: Batch,
    end: u64,
    result: Result<(), Errno>,
    descriptors: Vec<RawFd>,
}

impl Sink for Snapshot<'_> {
    fn batch(&mut self) -> &mut Batch {
        if self.batch.len() >= PIECE {
            self.flush();
        }
        &mut self.batch
    }
}

impl Snapshot<'_> {
    fn flush(&mut self) {
        if !self.batch.is_empty() && self.result.is_ok() {
            let record = self.batch.record();
            self.result = self.file.write_at(self.end, record);
            self.end += record.len() as u64;
        }
        self.descriptors.extend_from_slice(self.batch.descriptors());
        self.batch.clear();
    }
}
