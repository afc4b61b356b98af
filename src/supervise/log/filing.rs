//! The helper that appends a service's log to a file. It reads the ring itself, so that PID 1 has nothing
//! to hand it but a byte that rings a bell; a disk that is full or hangs keeps only the helper waiting, and
//! what is overwritten meanwhile is counted. Invariants: the file consists of whole lines; one helper at a
//! time writes it (a lock on the ring); how far it has come is in the ring, where the next one goes on.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::{FileStat, Mode, SFlag};

use super::ring::{Filed, Head, filed, newlines, read_from, set_filed};
use crate::supervise::helper::{handed, help};
use crate::supervise::voice::Voice;
use crate::sys::call::{
    fcntl, fstat, ftruncate, lstat, open, pipe2, poll, read, rename, signalfd, sigprocmask, write,
};
use crate::sys::process::close_number;

/// How much is written at once, in bytes.
const PIECE: usize = 16 * 1024;

/// Without anything to write for this long, the helper leaves; PID 1 starts another when there is.
const IDLE: u16 = 5_000;

/// The pause after a file could not be written, in milliseconds.
const AGAIN: u16 = 1_000;

/// Starts a helper; its pid and the bell, on which a byte says that there is more.
///
/// Errors: EAGAIN, ENOMEM, EMFILE: try again later.
pub fn start(
    ring: BorrowedFd<'_>,
    path: &OsStr,
    limit: u64,
    voice: &Voice,
) -> Result<(i32, OwnedFd), Errno> {
    let (bell, ringing) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let pid = help(c"log", &[ring, bell.as_fd()], || {
        let writer = Writer {
            path: path.to_owned(),
            limit,
            file: None,
            voice: voice.another(),
            trouble: false,
        };
        let _ = writer.run();
    })?;
    Ok((pid, ringing))
}

/// Why the helper goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// There may be more.
    Rung,
    /// Nothing has come for as long as it waits.
    Paused,
    /// It is to end: the signal has come, or the bell is gone.
    Told,
}

struct Writer {
    path: OsString,
    limit: u64,
    file: Option<OwnedFd>,
    voice: Voice,
    /// Whether it has been said that the file cannot be written.
    trouble: bool,
}

impl Writer {
    fn run(mut self) -> Result<(), Errno> {
        let (ring, bell) = (handed(0)?, handed(1)?);
        let mut end = SigSet::empty();
        end.add(Signal::SIGTERM);
        // What is there is written before the helper follows such a signal: it may be the machine's end.
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&end), None)?;
        let told = signalfd(&end)?;
        lock(ring)?;
        loop {
            let written = self.catch_up(ring);
            match wait(bell, told.as_fd(), written)? {
                Woken::Rung => continue,
                Woken::Paused if !written => continue,
                // Whoever rings from now on starts another helper; what came before is there.
                Woken::Paused => close_number(bell.as_raw_fd())?,
                Woken::Told => {}
            }
            self.catch_up(ring);
            return Ok(());
        }
    }

    /// Writes what is there; whether that succeeded.
    fn catch_up(&mut self, ring: BorrowedFd<'_>) -> bool {
        loop {
            let Some((piece, next)) = next_piece(ring, self.limit) else {
                return true;
            };
            match self.append(&piece) {
                Ok(()) => set_filed(ring, next),
                Err(errno) => {
                    self.complain(errno);
                    return false;
                }
            }
        }
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), Errno> {
        let (mut file, mut size) = self.current()?;
        if size > 0 && size + piece.len() as u64 > self.limit {
            rename(self.path.as_os_str(), older(&self.path).as_os_str())?;
            (file, size) = self.current()?;
        }
        let file = self.file.insert(file);
        let mut rest = piece;
        while !rest.is_empty() {
            match write(&*file, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    // All of it or nothing: it is tried again.
                    let _ = ftruncate(&*file, size.cast_signed());
                    return Err(errno);
                }
            }
        }
        self.trouble = false;
        Ok(())
    }

    /// The open file and its size. Opened anew where the path leads to another one by now: somebody has
    /// removed or renamed it.
    fn current(&mut self) -> Result<(OwnedFd, u64), Errno> {
        if let Some(file) = self.file.take() {
            let (ours, there) = (fstat(&file)?, lstat(self.path.as_os_str()));
            if there.is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)) {
                return Ok((file, ours.st_size.cast_unsigned()));
            }
        }
        let flags = OFlag::O_WRONLY
            | OFlag::O_APPEND
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let file = open(
            self.path.as_os_str(),
            flags,
            Mode::from_bits_truncate(0o640),
        )?;
        let state = fstat(&file)?;
        match is_regular(&state) {
            true => Ok((file, state.st_size.cast_unsigned())),
            false => Err(Errno::EINVAL),
        }
    }

    fn complain(&mut self, errno: Errno) {
        if !std::mem::replace(&mut self.trouble, true) {
            let path = self.path.display();
            let why = match errno {
                Errno::EINVAL | Errno::ENXIO => "it is no regular file",
                Errno::ELOOP => "it is a symbolic link",
                errno => errno.desc(),
            };
            let text = format_args!("log file {path}: {errno:?} ({why}); trying again");
            self.voice.say(text);
        }
    }
}

fn is_regular(state: &FileStat) -> bool {
    SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

/// `FILE.1`
fn older(path: &OsStr) -> OsString {
    let mut older = path.to_owned();
    older.push(".1");
    older
}

/// One helper at a time: the one before may still be busy with its last lines.
fn lock(ring: BorrowedFd<'_>) -> Result<(), Errno> {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(ring, FcntlArg::F_SETLKW(&whole)).map(drop)
}

/// Waits for the bell; while the file cannot be `written`, only for the bell's end.
fn wait(bell: BorrowedFd<'_>, told: BorrowedFd<'_>, written: bool) -> Result<Woken, Errno> {
    let (events, pause) = match written {
        true => (PollFlags::POLLIN, IDLE),
        false => (PollFlags::empty(), AGAIN),
    };
    let mut fds = [
        PollFd::new(told, PollFlags::POLLIN),
        PollFd::new(bell, events),
    ];
    match poll(&mut fds, PollTimeout::from(pause)) {
        Ok(0) => return Ok(Woken::Paused),
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(Woken::Rung),
        Err(errno) => return Err(errno),
    }
    let [told, rung] = fds.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
    match (told, rung, written) {
        (false, true, true) => match read(bell, &mut [0; 64]) {
            Ok(0) => Ok(Woken::Told),
            _ => Ok(Woken::Rung),
        },
        _ => Ok(Woken::Told),
    }
}

/// The next lines for the file, and where the ring has been filed up to with them; `None` where there
/// is no whole line yet.
fn next_piece(ring: BorrowedFd<'_>, limit: u64) -> Option<(Vec<u8>, Filed)> {
    loop {
        let head = Head::of(ring)?;
        let before = filed(ring);
        let kept = (head.start..=head.end).contains(&before.position);
        let from = if kept { before.position } else { head.start };
        let text = read_from(ring, head, from, PIECE).ok()?;
        // PID 1 goes on meanwhile: what it has begun to overwrite is not believed.
        if Head::of(ring)?.start > from {
            continue;
        }
        let lines = whole_lines(&text, limit);
        if lines.is_empty() {
            return None;
        }
        let missed = if kept {
            0
        } else {
            head.lost.saturating_sub(before.lines)
        };
        let count = if kept { before.lines } else { head.lost };
        let next = Filed {
            position: from + lines.len() as u64,
            lines: count + newlines(lines),
        };
        return Some((with_gap(lines, missed), next));
    }
}

fn with_gap(lines: &[u8], missed: u64) -> Vec<u8> {
    match missed {
        0 => lines.to_vec(),
        missed => [format!("[{missed} lines lost]\n").as_bytes(), lines].concat(),
    }
}

/// The whole lines at the beginning of a text: as many as `limit` bytes hold, but one at least.
fn whole_lines(text: &[u8], limit: u64) -> &[u8] {
    let within = text.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
    let end = |text: &[u8]| text.iter().rposition(|&byte| byte == b'\n');
    let first = || text.iter().position(|&byte| byte == b'\n');
    match end(&text[..within]).or_else(first) {
        Some(newline) => &text[..=newline],
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::log::ring::Ring;

    #[test]
    fn pieces_are_whole_lines() {
        for (text, limit, lines) in [
            ("a\nbc\nd", 100, "a\nbc\n"),
            ("a\nbc\nd", 4, "a\n"),
            ("long line\nb\n", 4, "long line\n"),
            ("part", 100, ""),
            ("", 100, ""),
        ] {
            assert_eq!(whole_lines(text.as_bytes(), limit), lines.as_bytes());
        }
    }

    #[test]
    fn what_was_overwritten_is_told_with_the_next_piece() {
        let mut ring = Ring::new().unwrap();
        let next = |ring: &Ring| next_piece(ring.file(), 100);
        assert_eq!(next(&ring), None);
        ring.append(b"one\ntwo");
        let (piece, at) = next(&ring).unwrap();
        assert_eq!(
            (piece.as_slice(), at.position, at.lines),
            (&b"one\n"[..], 4, 1)
        );
        set_filed(ring.file(), at);
        assert_eq!(next(&ring), None);
        ring.append(b"\n");
        for n in 3..=30_000 {
            ring.append(format!("{n}\n").as_bytes());
        }
        let (piece, at) = next(&ring).unwrap();
        let lost = ring.head().lost;
        let expected = format!("[{} lines lost]\n{}\n", lost - 1, lost + 1);
        assert!(piece.starts_with(expected.as_bytes()));
        assert_eq!(at.lines, lost + newlines(&piece) - 1);
    }
}
