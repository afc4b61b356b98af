//! What PID 1 says on the console. Invariant: neither saying it nor having said it ever waits; a console
//! that takes nothing costs the message, not PID 1, and how many it has cost is said with the next one.

use std::fmt;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::termios::LocalFlags;

use crate::sys::call::{fstat, open, poll, quietly, tcgetattr, write};
use crate::sys::{seqpacket, tty};

/// The longest message in bytes; what is longer is cut.
const LONGEST: usize = 240;

/// Where messages go, and how many did not get there.
#[derive(Debug)]
pub struct Voice {
    machine: bool,
    missed: u32,
    /// Whether the last message got there in part.
    torn: bool,
    /// The console as last opened: see [`Voice::keep`].
    console: Option<OwnedFd>,
}

impl Voice {
    /// On a machine messages go to `/dev/console`, else to `/dev/kmsg`; in a namespace, whose devices
    /// are somebody else's, to standard error.
    pub fn new(machine: bool) -> Self {
        Self {
            machine,
            missed: 0,
            torn: false,
            console: None,
        }
    }

    /// One of its own for a child.
    pub fn another(&self) -> Self {
        Self::new(self.machine)
    }

    /// Says one line: `initsh: TEXT`.
    pub fn say(&mut self, text: fmt::Arguments<'_>) {
        let mut line = Vec::with_capacity(LONGEST);
        // Writing to a Vec cannot fail. For the newline in front see `put_on`.
        let _ = write!(line, "\ninitsh: {text}");
        if self.missed > 0 {
            let _ = write!(line, " ({} messages before this one ", self.missed);
            let _ = line.write_all(match self.machine {
                true => b"are in dmesg only)",
                false => b"were lost)",
            });
        }
        line.truncate(LONGEST);
        line.push(b'\n');
        let said = quietly(|| match self.machine {
            true => self.put_on_console(&line),
            false => put_on_error(&line, self.torn),
        });
        self.torn = said == Ok(Put::Part);
        match said {
            Ok(Put::Whole) => self.missed = 0,
            _ => self.missed = self.missed.saturating_add(1),
        }
        if self.machine && self.missed > 0 {
            quietly(|| put_in_log(&line));
        }
    }

    fn put_on_console(&mut self, line: &[u8]) -> Result<Put, Errno> {
        let console = console(OFlag::O_WRONLY)?;
        let put = put_on(console.as_fd(), line, self.torn);
        self.keep(console);
        put
    }

    /// Keeps the console open. Whoever closes a terminal last waits until it has taken what was written,
    /// up to half a minute on a serial line that is held up; so that is never us. Where the machine's
    /// console is another one now, the one before is left without waiting for it.
    fn keep(&mut self, console: OwnedFd) {
        if let Some(before) = self.console.take()
            && tty::number(&before) != tty::number(&console)
        {
            let _ = tty::discard_output(&before);
        }
        self.console = Some(console);
    }
}

/// How much of a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    Whole,
    Part,
}

/// Opens the console so that neither opening nor using it waits, and without making it anybody's
/// controlling terminal.
pub fn console(access: OFlag) -> Result<OwnedFd, Errno> {
    let flags = access | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    open(c"/dev/console", flags, Mode::empty())
}

/// Standard error, whose open file is shared with others: it cannot be made not to wait, and between a
/// look at it and the write somebody else may fill it. So it is opened anew where that gives a file of
/// our own; without `/proc` the look has to do.
fn put_on_error(line: &[u8], torn: bool) -> Result<Put, Errno> {
    let error = std::io::stderr();
    let kind = fstat(&error)?.st_mode & SFlag::S_IFMT.bits();
    if kind == SFlag::S_IFSOCK.bits() {
        return seqpacket::send_message(error.as_fd(), &line[1..]).map(|()| Put::Whole);
    }
    if kind == SFlag::S_IFIFO.bits() || kind == SFlag::S_IFCHR.bits() {
        let flags = OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        if let Ok(own) = open(c"/proc/self/fd/2", flags, Mode::empty()) {
            return put_on(own.as_fd(), line, torn);
        }
    }
    put_on(error.as_fd(), line, torn)
}

/// The kernel's log, at a level that the kernel does not put on the console: that one takes nothing now,
/// and the kernel, other than we, would wait for it.
fn put_in_log(line: &[u8]) {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    if let Ok(log) = open(c"/dev/kmsg", flags, Mode::empty()) {
        let _ = write(log, &[b"<7>", &line[1..]].concat());
    }
}

/// Whether an editor or a countdown has the terminal, key by key: the cursor stands in its line.
fn is_prompting(file: BorrowedFd<'_>) -> bool {
    tcgetattr(file).is_ok_and(|state| !state.local_flags.contains(LocalFlags::ICANON))
}

/// Writes the line, whose newline in front is only for a terminal that shows something half typed, or
/// half of the last message.
fn put_on(file: BorrowedFd<'_>, line: &[u8], torn: bool) -> Result<Put, Errno> {
    let mut ready = [PollFd::new(file, PollFlags::POLLOUT)];
    poll(&mut ready, PollTimeout::ZERO)?;
    let takes = |flags: PollFlags| flags.contains(PollFlags::POLLOUT);
    if !ready[0].revents().is_some_and(takes) {
        return Err(Errno::EAGAIN);
    }
    let line = match torn || is_prompting(file) {
        true => line,
        false => &line[1..],
    };
    let written = write(file, line)?;
    Ok(if written == line.len() {
        Put::Whole
    } else {
        Put::Part
    })
}
