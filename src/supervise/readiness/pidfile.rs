//! Who has taken over from a service's first process, by its pid file. A helper looks for the file,
//! because looking may block; it tells PID 1 every number that it finds, again and again, and PID 1
//! believes the one that is its child. Invariant: a file that was there before the service's program
//! was executed, and has not changed since, says nothing.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollTimeout};
use nix::sys::stat::{FileStat, Mode, SFlag};

use crate::supervise::helper::{handed, help};
use crate::supervise::spec::{Ready, ServiceSpec};
use crate::supervise::wire::{Reader, Wire, Writer};
use crate::sys::call::{chdir, fstat, open, pipe2, poll, read, write};

/// The pauses between two looks.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(200);

/// How much of the file is read, in bytes: a pid and what people put around it.
const SIZE: usize = 64;

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity([u64; 6]);

/// The pipe through which a service's process says, just before it executes the program, what its pid
/// file is at that time.
#[derive(Debug)]
pub struct Before {
    read: OwnedFd,
    /// The process's end; only until there is that process.
    pub write: Option<OwnedFd>,
}

impl Before {
    /// Errors: EMFILE, ENFILE.
    pub fn new() -> Result<Self, Errno> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        let write = Some(write);
        Ok(Self { read, write })
    }
}

/// In a service's process, in its working directory: tells the helper what there is. Exec closes the pipe.
pub fn tell_before(spec: &ServiceSpec, pipe: Option<BorrowedFd<'_>>) {
    if let (Ready::PidFile(path), Some(pipe)) = (&spec.ready, pipe)
        && let Ok((_, identity)) = look(path)
    {
        let mut message = Writer::default();
        for number in identity.0 {
            number.write(&mut message);
        }
        let _ = write(pipe, &message.finish());
    }
}

/// Starts the helper for a service: its pid, and the pipe that it writes numbers into.
///
/// Errors: EAGAIN, ENOMEM, EMFILE.
pub fn start(spec: &ServiceSpec, before: &mut Before) -> Result<(i32, OwnedFd), Errno> {
    let Ready::PidFile(path) = &spec.ready else {
        return Err(Errno::EINVAL);
    };
    // The helper reads up to its end.
    before.write = None;
    let (found, tell) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let descriptors = [before.read.as_fd(), tell.as_fd()];
    let pid = help(c"pidfile", &descriptors, || {
        let _ = chdir(spec.cwd.as_os_str());
        let _ = watch(path);
    })?;
    Ok((pid, found))
}

/// The numbers that the helper has found since the last call: the newest; an error once it has ended.
pub fn found(pipe: BorrowedFd<'_>) -> Result<Option<i32>, Errno> {
    let mut bytes = [0; 256];
    match read(pipe, &mut bytes) {
        Ok(0) => Err(Errno::EPIPE),
        Ok(length) => {
            let newest = bytes[..length].chunks_exact(4).next_back();
            Ok(newest.and_then(|number| i32::read(&mut Reader::new(number)).ok()))
        }
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The helper: ends when PID 1 has closed its end of the pipe.
fn watch(path: &OsStr) -> Result<(), Errno> {
    let before = hear_before(handed(0)?);
    let tell = handed(1)?;
    let mut pause = SHORTEST;
    loop {
        if let Ok((pid, identity)) = look(path)
            && Some(identity) != before
            && let Some(pid) = pid
        {
            let mut message = Writer::default();
            pid.write(&mut message);
            // A pipe that is full has been told.
            let _ = write(tell, &message.finish());
        }
        let mut closed = [PollFd::new(tell, nix::poll::PollFlags::empty())];
        let millis = u16::try_from(pause.as_millis()).unwrap_or(u16::MAX);
        if poll(&mut closed, PollTimeout::from(millis))? > 0 {
            return Ok(());
        }
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

/// What the service's process has told; nothing where it could not, or there was no file.
fn hear_before(pipe: BorrowedFd<'_>) -> Option<Identity> {
    let mut all = Vec::new();
    let mut bytes = [0; SIZE];
    loop {
        match read(pipe, &mut bytes) {
            Err(Errno::EINTR) => {}
            Ok(0) | Err(_) => break,
            Ok(length) => all.extend_from_slice(&bytes[..length]),
        }
    }
    let mut message = Reader::new(&all);
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = u64::read(&mut message).ok()?;
    }
    Some(Identity(numbers))
}

/// The pid in the file, and which file that is. Errors: none, or not a regular file.
fn look(path: &OsStr) -> Result<(Option<i32>, Identity), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = open(path, flags, Mode::empty())?;
    let state = fstat(&file)?;
    if SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(Errno::EINVAL);
    }
    let mut text = [0; SIZE];
    let length = read(&file, &mut text)?;
    Ok((number(&text[..length]), identity(&state)))
}

/// A pid on the first line, whole: a file that is being written may lack its end.
fn number(text: &[u8]) -> Option<i32> {
    let line = text.split(|&byte| byte == b'\n').next()?;
    let pid = std::str::from_utf8(line).ok()?.trim().parse().ok()?;
    (pid > 1).then_some(pid)
}

fn identity(state: &FileStat) -> Identity {
    let numbers = [
        state.st_ctime,
        state.st_ctime_nsec,
        state.st_mtime,
        state.st_mtime_nsec,
    ];
    let [changed, changed_nanos, written, written_nanos] = numbers.map(i64::cast_unsigned);
    Identity([
        state.st_dev,
        state.st_ino,
        changed,
        changed_nanos,
        written,
        written_nanos,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_a_number_on_the_first_line() {
        assert_eq!(number(b" 812 \nweb\n"), Some(812));
        assert_eq!(number(b"812"), Some(812));
        for junk in ["", "\n812", "1", "0", "-5", "812x", "99999999999", "\u{ff}"] {
            assert_eq!(number(junk.as_bytes()), None, "{junk}");
        }
    }

    #[test]
    fn only_regular_files_are_looked_into() {
        assert!(look(OsStr::new("/dev/null")).is_err());
        assert!(look(OsStr::new("/proc")).is_err());
        assert!(look(OsStr::new("/no/such")).is_err());
        let name = format!("initsh-pidfile-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "42\n").unwrap();
        let first = look(path.as_os_str()).unwrap();
        assert_eq!(first, look(path.as_os_str()).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, "43\n").unwrap();
        let second = look(path.as_os_str()).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!((first.0, second.0), (Some(42), Some(43)));
        assert_ne!(first.1, second.1);
    }
}
