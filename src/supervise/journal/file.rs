//! The journal's file: one without a name, in memory. Invariant: it is read and written at given places
//! only, so that no two users of one descriptor disturb each other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::sys::call;

/// A file in memory.
#[derive(Debug)]
pub struct File(OwnedFd);

impl File {
    /// An empty one. Errors: EMFILE, ENOMEM; ENOSYS before Linux 3.17.
    pub fn new() -> Result<Self, Errno> {
        call::memfd(c"initsh-state", 0).map(Self)
    }

    /// One that this process was given.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Its length in bytes.
    pub fn size(&self) -> Result<u64, Errno> {
        let length = call::fstat(&self.0)?.st_size;
        u64::try_from(length).map_err(|_| Errno::EINVAL)
    }

    /// Writes all of `bytes` at `place`. Errors: ENOSPC, ENOMEM, EINTR (never tried again at once: that
    /// could spin); a part may have been written.
    pub fn write_at(&self, mut place: u64, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match call::pwrite(&self.0, bytes, offset(place)?) {
                Ok(0) => return Err(Errno::EIO),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    place += written as u64;
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Reads at `place` until `into` is full or the file ends; how many bytes.
    pub fn read_at(&self, place: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let mut done = 0;
        while done < into.len() {
            let rest = into.get_mut(done..).unwrap_or_default();
            match call::pread(&self.0, rest, offset(place + done as u64)?) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    /// Cuts it off at `length`.
    pub fn cut(&self, length: u64) -> Result<(), Errno> {
        call::ftruncate(&self.0, offset(length)?)
    }

    /// Gives back the memory of whole pages between two places; they read as zeros from then on.
    pub fn forget(&self, from: u64, until: u64) -> Result<(), Errno> {
        match until > from {
            true => call::punch_hole(&self.0, offset(from)?, offset(until - from)?),
            false => Ok(()),
        }
    }
}

fn offset(place: u64) -> Result<libc::off_t, Errno> {
    place.try_into().map_err(|_| Errno::EFBIG)
}
