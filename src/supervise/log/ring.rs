//! The last lines of a service in a file of fixed size (a memfd). Invariants: what is kept begins at the
//! beginning of a line; the newest lines are never the ones that go; every line that went is counted; the
//! file alone is enough to go on from ([`Ring::resume`]), whenever PID 1's program is replaced or crashes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::supervise::wire::{Malformed, Reader, Wire, Writer};
use crate::sys::call::{memfd, pread, pwrite};

/// The size of the file in bytes: [`HEADER`], then the text.
pub const SIZE: u64 = 64 * 1024;

/// How much of a line is kept, in bytes.
pub const LINE: u64 = 8 * 1024;

/// The space in front of the text.
const HEADER: u64 = 64;
const TEXT: u64 = SIZE - HEADER;

/// How much more than needed is freed at once, so that old lines are not counted for every new one.
const FREED: u64 = 4 * 1024;

const MAGIC: u64 = u64::from_le_bytes(*b"initlog1");

/// Where in the header it says how much is in the log file; only the file's writer writes there.
const FILED: u32 = 48;

/// What the header says. Positions are bytes since the log was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Where the next byte goes.
    pub end: u64,
    /// Where the oldest line that is kept begins.
    pub start: u64,
    /// How many lines are before `start`.
    pub lost: u64,
    /// How long the line under way is, with what was cut of it.
    pub line: u64,
    /// Lines for which there was no memory, to be told with the next one that there is memory for.
    pub unkept: u64,
}

/// The file and what its header says.
#[derive(Debug)]
pub struct Ring {
    file: OwnedFd,
    head: Head,
}

impl Ring {
    /// An empty one. Errors: EMFILE, ENFILE, ENOMEM; ENOSYS (a kernel without memfds).
    pub fn new() -> Result<Self, Errno> {
        let mut ring = Self {
            file: memfd(c"log", SIZE as u32)?,
            head: Head::default(),
        };
        ring.save()?;
        Ok(ring)
    }

    /// Goes on with a file of [`Ring::new`]. One whose header makes no sense counts as empty.
    pub fn resume(file: OwnedFd) -> Self {
        let head = Head::of(file.as_fd()).unwrap_or_default();
        Self { file, head }
    }

    /// The file.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// What the header says.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Appends what a service has written.
    pub fn append(&mut self, bytes: &[u8]) {
        let before = self.head;
        let kept = self.tell_unkept().and_then(|()| self.append_lines(bytes));
        if kept.and_then(|()| self.save()).is_err() {
            // No memory. What is gone stays gone; what was not written yet is counted.
            self.head.end = before.end;
            self.head.line = before.line;
            let lines = newlines(bytes);
            self.head.unkept = before.unkept.saturating_add(lines.max(1));
            let _ = self.save();
        }
    }

    /// Ends the line under way, if there is one: whoever was writing it has ended.
    pub fn end_line(&mut self) {
        if self.head.line > 0 {
            self.append(b"\n");
        }
    }

    fn tell_unkept(&mut self) -> Result<(), Errno> {
        if self.head.unkept == 0 || self.head.line > 0 {
            return Ok(());
        }
        let text = format!("[{} lines lost: no memory]\n", self.head.unkept);
        self.put(text.as_bytes())?;
        self.head.unkept = 0;
        Ok(())
    }

    fn append_lines(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        // In a piece this long only the first line, which may have begun before, can be too long.
        for piece in bytes.chunks(LINE as usize) {
            let Some(newline) = piece.iter().position(|&byte| byte == b'\n') else {
                self.append_to_line(piece)?;
                continue;
            };
            let whole = match self.head.line + newline as u64 {
                ..=LINE => piece,
                length => {
                    self.append_to_line(&piece[..newline])?;
                    self.put(format!(" [{} bytes cut]\n", length - LINE).as_bytes())?;
                    &piece[newline + 1..]
                }
            };
            self.put(whole)?;
            let last = whole.iter().rposition(|&byte| byte == b'\n');
            self.head.line = (whole.len() - last.map_or(0, |at| at + 1)) as u64;
        }
        Ok(())
    }

    /// Appends to the line under way what is kept of it.
    fn append_to_line(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let room = LINE.saturating_sub(self.head.line) as usize;
        self.put(&bytes[..bytes.len().min(room)])?;
        self.head.line += bytes.len() as u64;
        Ok(())
    }

    /// Writes a piece at the end. It may be no longer than half of the file.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        for piece in bytes.chunks(LINE as usize) {
            self.make_room(piece.len() as u64)?;
            let at = self.head.end % TEXT;
            let first = piece.len().min((TEXT - at) as usize);
            write_all(self.file.as_fd(), &piece[..first], HEADER + at)?;
            write_all(self.file.as_fd(), &piece[first..], HEADER)?;
            self.head.end += piece.len() as u64;
        }
        Ok(())
    }

    fn make_room(&mut self, length: u64) -> Result<(), Errno> {
        let needed = (self.head.end + length).saturating_sub(TEXT);
        if needed <= self.head.start {
            return Ok(());
        }
        let (start, lines) = self.line_after(needed + FREED)?;
        self.head.start = start;
        self.head.lost += lines;
        // Before anything is overwritten: whoever reads the file later must not take it for a line.
        self.save()
    }

    /// The first beginning of a line at `goal` or after it, and how many lines are before it.
    fn line_after(&self, goal: u64) -> Result<(u64, u64), Errno> {
        let mut lines = 0;
        let mut at = self.head.start;
        let mut buffer = [0; 2048];
        loop {
            let read = read_text(self.file.as_fd(), at, self.head.end, &mut buffer)?;
            if read == 0 {
                return Ok((self.head.end, lines + 1));
            }
            let text = &buffer[..read];
            // Newlines before `goal - 1` end lines that have to go; the next one ends the last of them.
            let before = goal.saturating_sub(1).saturating_sub(at).min(read as u64) as usize;
            lines += newlines(&text[..before]);
            if let Some(last) = text[before..].iter().position(|&byte| byte == b'\n') {
                return Ok((at + (before + last) as u64 + 1, lines + 1));
            }
            at += read as u64;
        }
    }

    /// Where a reader stands who has read up to `from`: there, or at the oldest line where that is lost
    /// (or was never written).
    pub fn position(&self, from: u64) -> u64 {
        match from {
            from if (self.head.start..=self.head.end).contains(&from) => from,
            _ => self.head.start,
        }
    }

    /// What is kept from a [position](Ring::position) on, `limit` bytes at most.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<u8>, Errno> {
        read_from(self.file.as_fd(), self.head, from, limit)
    }

    fn save(&mut self) -> Result<(), Errno> {
        let Head {
            end,
            start,
            lost,
            line,
            unkept,
        } = self.head;
        let mut bytes = [0; FILED as usize];
        let values = [MAGIC, end, start, lost, line, unkept];
        for (place, value) in bytes.chunks_exact_mut(8).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        write_all(self.file.as_fd(), &bytes, 0)
    }
}

impl Head {
    /// The header of a file, if it makes sense.
    pub fn of(file: BorrowedFd<'_>) -> Option<Self> {
        let mut bytes = [0; FILED as usize];
        let read = pread(file, &mut bytes, 0).ok()?;
        let mut values = bytes[..read]
            .chunks_exact(8)
            .map(|value| value.try_into().map(u64::from_le_bytes).unwrap_or_default());
        let magic = values.next()?;
        let head = Self {
            end: values.next()?,
            start: values.next()?,
            lost: values.next()?,
            line: values.next()?,
            unkept: values.next()?,
        };
        let sane = magic == MAGIC && head.start <= head.end && head.end - head.start <= TEXT;
        sane.then_some(head)
    }
}

/// The text of a file from a position between its `start` and its `end` on, `limit` bytes at most.
pub fn read_from(
    file: BorrowedFd<'_>,
    head: Head,
    from: u64,
    limit: usize,
) -> Result<Vec<u8>, Errno> {
    let length = head.end.saturating_sub(from).min(limit as u64).min(TEXT) as usize;
    let mut text = vec![0; length];
    let mut done = 0;
    while done < length {
        match read_text(file, from + done as u64, head.end, &mut text[done..])? {
            0 => break,
            read => done += read,
        }
    }
    text.truncate(done);
    Ok(text)
}

/// How much of the log is in its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filed {
    /// Everything before this position.
    pub position: u64,
    /// How many lines that are.
    pub lines: u64,
}

/// How much of the log is in its file.
pub fn filed(ring: BorrowedFd<'_>) -> Filed {
    let mut bytes = [0; 16];
    let _ = pread(ring, &mut bytes, FILED);
    let [position, lines] = [0, 8].map(|at| {
        let value = bytes[at..at + 8].try_into();
        value.map(u64::from_le_bytes).unwrap_or_default()
    });
    Filed { position, lines }
}

/// Notes how much that is.
pub fn set_filed(ring: BorrowedFd<'_>, filed: Filed) {
    let values = [filed.position, filed.lines].map(u64::to_le_bytes);
    let _ = pwrite(ring, values.as_flattened(), FILED);
}

/// Reads text in one piece, which ends at the end of the file, at `end` or of the buffer.
fn read_text(file: BorrowedFd<'_>, from: u64, end: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let at = from % TEXT;
    let most = end.saturating_sub(from).min(TEXT - at);
    let most = buffer.len().min(most as usize);
    pread(file, &mut buffer[..most], (HEADER + at) as u32)
}

/// How many newlines there are.
pub fn newlines(bytes: &[u8]) -> u64 {
    // In sums of a byte each, which the compiler does many at a time.
    let sum = |block: &[u8]| {
        block
            .iter()
            .fold(0_u8, |sum, &byte| sum + u8::from(byte == b'\n'))
    };
    bytes.chunks(255).map(|block| u64::from(sum(block))).sum()
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match pwrite(file, bytes, at as u32)? {
            0 => return Err(Errno::ENOSPC),
            written => {
                bytes = &bytes[written..];
                at += written as u64;
            }
        }
    }
    Ok(())
}

impl Wire for Ring {
    fn write(&self, to: &mut Writer) {
        self.file.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        OwnedFd::read(from).map(Self::resume)
    }
}

#[cfg(test)]
mod tests;
