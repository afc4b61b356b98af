//! What PID 1 says on the console. Invariant: saying it never waits; a console that takes nothing costs
//! the message, not PID 1.

use std::fmt;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::stat::Mode;
use nix::sys::termios::LocalFlags;

use crate::sys::call::{open, poll, quietly, tcgetattr, write};

/// The longest message in bytes; what is longer is cut.
const LONGEST: usize = 240;

/// Where messages go, and how many were lost.
#[derive(Debug)]
pub struct Voice {
    machine: bool,
    lost: u32,
}

impl Voice {
    /// On a machine messages go to `/dev/console`, else to `/dev/kmsg`; in a namespace, whose devices
    /// are somebody else's, to standard error.
    pub fn new(machine: bool) -> Self {
        Self { machine, lost: 0 }
    }

    /// Says one line: `initsh: TEXT`.
    pub fn say(&mut self, text: fmt::Arguments<'_>) {
        let mut line = Vec::with_capacity(LONGEST);
        // Writing to a Vec cannot fail. For the newline in front see `put_on`.
        let _ = write!(line, "\ninitsh: {text}");
        if self.lost > 0 {
            let _ = write!(line, " ({} messages before this one were lost)", self.lost);
        }
        line.truncate(LONGEST);
        line.push(b'\n');
        match quietly(|| self.put(&line)) {
            Ok(()) => self.lost = 0,
            Err(_) => self.lost = self.lost.saturating_add(1),
        }
    }

    fn put(&self, line: &[u8]) -> Result<(), Errno> {
        if !self.machine {
            return put_on(&std::io::stderr(), line);
        }
        console(OFlag::O_WRONLY)
            .and_then(|console| put_on(&console, line))
            .or_else(|_| {
                let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
                put_on(&open(c"/dev/kmsg", flags, Mode::empty())?, line)
            })
    }
}

/// Opens the console so that neither opening nor using it waits, and without making it anybody's
/// controlling terminal.
pub fn console(access: OFlag) -> Result<OwnedFd, Errno> {
    let flags = access | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    open(c"/dev/console", flags, Mode::empty())
}

/// Whether an editor or a countdown has the terminal, key by key: the cursor stands in its line.
fn is_prompting(file: &impl AsFd) -> bool {
    tcgetattr(file).is_ok_and(|state| !state.local_flags.contains(LocalFlags::ICANON))
}

/// Writes the line, whose newline in front is only for a terminal that shows something half typed.
fn put_on(file: &impl AsFd, line: &[u8]) -> Result<(), Errno> {
    let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    poll(&mut ready, PollTimeout::ZERO)?;
    let takes = |flags: PollFlags| flags.contains(PollFlags::POLLOUT);
    if !ready[0].revents().is_some_and(takes) {
        return Err(Errno::EAGAIN);
    }
    let from = usize::from(!is_prompting(file));
    write(file, &line[from..]).map(drop)
}
