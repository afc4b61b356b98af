//! One call of a built-in: its options and operands, the shell that it runs in, and where its output
//! goes. Invariant: output is buffered and flushed once, when the command returns or asks for it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write;
use std::os::fd::AsFd;

use nix::errno::Errno;

use super::{Command, Given, Parse, docs};
use crate::failure::Failure;
use crate::script::Shell;

/// What the interpreter does after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Goes on, with this exit status.
    Status(u8),
    /// Leaves this many enclosing loops (at least 1).
    Break(u32),
    /// Starts the next turn of the loop this many levels up (at least 1).
    Continue(u32),
    /// Leaves the function or the sourced file, with this status.
    Return(u8),
    /// Leaves the shell, with this status.
    Exit(u8),
}

impl Flow {
    /// Goes on with status 0.
    pub const OK: Self = Self::Status(0);

    /// The exit status that `$?` takes on.
    pub fn status(self) -> u8 {
        match self {
            Self::Status(status) | Self::Return(status) | Self::Exit(status) => status,
            Self::Break(_) | Self::Continue(_) => 0,
        }
    }
}

/// A call in progress.
pub struct Call<'a> {
    /// The command's registration.
    pub command: &'static Command,
    /// The shell that called it.
    pub shell: &'a mut Shell,
    /// The name that it was called by (`[` or `test`).
    pub name: OsString,
    /// Its operands, options removed (all arguments where the command parses them itself).
    pub args: Vec<OsString>,
    /// Its options.
    pub given: Given,
    /// Standard output, buffered.
    pub out: Out,
    help: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        command: &'static Command,
        shell: &'a mut Shell,
        name: OsString,
        args: Vec<OsString>,
    ) -> Result<Self, Failure> {
        let help = command.parse != Parse::Verbatim && args.len() == 1 && args[0] == "--help";
        let (given, args) = if help {
            (Given::default(), args)
        } else {
            Given::parse(command, args)?
        };
        Ok(Self {
            command,
            shell,
            name,
            args,
            given,
            out: Out::default(),
            help,
        })
    }

    pub(super) fn wants_help(&self) -> bool {
        self.help
    }

    pub(super) fn print_manual(&mut self) -> Result<Flow, Failure> {
        let manual = docs::manual(self.command);
        self.print(format_args!("{manual}"));
        Ok(Flow::OK)
    }

    /// Appends to the output.
    pub fn print(&mut self, text: fmt::Arguments<'_>) {
        self.out.print(text);
    }

    /// Writes what has been printed so far to standard output.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush_now()
    }

    /// A message on standard error, after what was printed so far: `NAME: MESSAGE`. For remarks that
    /// do not end the command; an error that does is returned instead.
    pub fn warn(&mut self, message: impl fmt::Display) {
        // Nobody to tell when standard output or error are gone.
        let _ = self.flush();
        let line = format!("{}: {message}\n", self.name.to_string_lossy());
        let _ = write_all(&std::io::stderr(), line.as_bytes());
    }

    /// The only operand.
    pub fn one(&self, what: &str) -> Result<&OsStr, Failure> {
        match self.args.as_slice() {
            [only] => Ok(only),
            [] => Err(Failure::usage(format!("missing {what}"))),
            [_, extra, ..] => Err(Failure::usage(format!(
                "unexpected '{}'",
                extra.to_string_lossy()
            ))),
        }
    }

    /// Refuses operands.
    pub fn none(&self) -> Result<(), Failure> {
        match self.args.first() {
            None => Ok(()),
            Some(extra) => Err(Failure::usage(format!(
                "unexpected '{}'",
                extra.to_string_lossy()
            ))),
        }
    }

    /// The only operand, if there is one; UTF-8.
    pub fn optional(&self, what: &str) -> Result<Option<&str>, Failure> {
        match self.args.is_empty() {
            true => Ok(None),
            false => self.text(self.one(what)?).map(Some),
        }
    }

    /// The only operand, if there is one, as a number.
    pub fn optional_number(&self, what: &str) -> Result<Option<u32>, Failure> {
        let Some(text) = self.optional(what)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain);
        let bad = || Failure::usage(format!("{what}: '{text}' is not a number"));
        number.map(Some).ok_or_else(bad)
    }

    /// The operand of `exit` and `return`: what the kernel keeps of it; without one the last status.
    pub fn exit_status(&self) -> Result<u8, Failure> {
        let given = self.optional_number("STATUS")?;
        Ok(given.map_or(self.shell.last_status(), |status| (status & 0xff) as u8))
    }

    /// The operands, at least one.
    pub fn names(&self) -> Result<Vec<OsString>, Failure> {
        match self.args.is_empty() {
            true => Err(Failure::usage("missing NAME")),
            false => Ok(self.args.clone()),
        }
    }

    /// Does the same for each operand: one that fails does not keep the others from their turn, Ctrl-C
    /// does. The last failure is returned, those before it are printed.
    pub fn for_each(
        &mut self,
        operands: &[OsString],
        mut work: impl FnMut(&mut Self, &OsString) -> Result<(), Failure>,
    ) -> Result<Flow, Failure> {
        let mut failed = None;
        for operand in operands {
            match work(self, operand) {
                Err(failure) if failure.is_silent() => return Err(failure),
                Err(failure) => {
                    if let Some(earlier) = failed.replace(failure) {
                        self.warn(earlier);
                    }
                }
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(Flow::OK), Err)
    }

    /// How many loops `break` and `continue` are about: their operand (default 1), at most those that
    /// there are; 0 outside of any.
    pub fn loop_levels(&self) -> Result<u32, Failure> {
        match self.optional_number("LEVELS")?.unwrap_or(1) {
            0 => Err(Failure::usage("LEVELS must be 1 or more")),
            levels => Ok(levels.min(self.shell.loops)),
        }
    }

    /// An operand that must be UTF-8 (a name, a number, an address).
    pub fn text<'b>(&self, word: &'b OsStr) -> Result<&'b str, Failure> {
        word.to_str().ok_or_else(|| {
            Failure::usage(format!("'{}' is not valid UTF-8", word.to_string_lossy()))
        })
    }
}

/// Buffered standard output. Use `print!`-like [`Out::print`] for text and [`Out::bytes`] for bytes.
#[derive(Default)]
pub struct Out {
    buffer: Vec<u8>,
    failed: Option<Failure>,
}

impl Out {
    /// The buffer is written out when it grows past this.
    const FULL: usize = 32 * 1024;

    /// Appends text.
    pub fn print(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.buffer.write_fmt(text);
        self.drain_when_full();
    }

    /// Appends bytes unchanged.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.drain_when_full();
    }

    /// Writes all of it to standard output now; also reports an earlier failure.
    pub fn flush_now(&mut self) -> Result<(), Failure> {
        self.drain();
        match self.failed.take() {
            None => Ok(()),
            Some(failure) => Err(failure),
        }
    }

    /// Whether writing has failed, so that a long-running command can end early.
    pub fn is_broken(&self) -> bool {
        self.failed.is_some()
    }

    fn drain_when_full(&mut self) {
        if self.buffer.len() >= Self::FULL {
            self.drain();
        }
    }

    fn drain(&mut self) {
        let bytes = std::mem::take(&mut self.buffer);
        if self.failed.is_none() && !bytes.is_empty() {
            self.failed = write_all(&std::io::stdout(), &bytes).err();
        }
    }
}

/// Writes all bytes to a descriptor, past short writes and EINTR, without std's own buffer. A
/// non-blocking descriptor is waited for.
///
/// Errors: EPIPE gives a silent failure with status 141 (128 + SIGPIPE), as sh would show.
pub fn write_all(fd: &impl AsFd, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {
                if crate::sys::signal::interrupted() {
                    return Err(Failure::interrupted());
                }
            }
            Err(Errno::EAGAIN) => wait_writable(fd)?,
            Err(Errno::EPIPE) => return Err(Failure::interrupted().with_status(141)),
            Err(errno) => return Err(Failure::errno("write to standard output", errno)),
        }
    }
    Ok(())
}

fn wait_writable(fd: &impl AsFd) -> Result<(), Failure> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) => Ok(()),
        Err(Errno::EINTR) if !crate::sys::signal::interrupted() => Ok(()),
        Err(Errno::EINTR) => Err(Failure::interrupted()),
        Err(errno) => Err(Failure::errno("wait for standard output", errno)),
    }
}
