//! A terminal for the test to type on: a pty whose other side is the built binary's controlling
//! terminal. Invariant: the process is gone when its guard is dropped, and every wait has a limit.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(15);

/// The binary under test.
pub const BINARY: &str = match option_env!("INITSH_BINARY") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_initsh"),
};

/// A process on a terminal.
pub struct Tty {
    master: Option<OwnedFd>,
    /// The same open file as the process's standard input.
    slave: OwnedFd,
    child: Child,
    /// All that it has printed.
    output: Vec<u8>,
    /// How much of it [`Tty::expect`] has passed.
    passed: usize,
}

/// How to start one.
pub struct Start<'a> {
    /// Arguments.
    pub args: &'a [&'a str],
    /// `TERM`.
    pub term: &'a str,
    /// Rows and columns.
    pub size: (u16, u16),
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self {
            args: &[],
            term: "vt102",
            size: (24, 80),
        }
    }
}

impl Tty {
    /// The interactive shell, at its first prompt.
    pub fn shell() -> Self {
        let mut tty = Self::start(&Start::default());
        tty.expect("initsh:/# ");
        tty
    }

    /// Starts it.
    pub fn start(how: &Start<'_>) -> Self {
        let size = Winsize {
            ws_row: how.size.0,
            ws_col: how.size.1,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        // The test's side must not reach the process, or it would never see a hang-up.
        for fd in [&pty.master, &pty.slave] {
            fcntl(fd, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).unwrap();
        }
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        // setsid(1) from util-linux: a new session with this terminal.
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(BINARY)
            .args(how.args)
            .env("TERM", how.term)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        Self {
            master: Some(pty.master),
            slave: pty.slave,
            child,
            output: Vec::new(),
            passed: 0,
        }
    }

    /// Types.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut master = std::fs::File::from(self.master().try_clone().unwrap());
        master.write_all(bytes.as_ref()).unwrap();
    }

    /// Waits until the text has been printed (after what was expected before); what came before it.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(text, LIMIT)
    }

    /// The same within a time of one's own.
    pub fn expect_within(&mut self, text: &str, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        loop {
            let new = &self.output[self.passed..];
            if let Some(at) = find(new, text.as_bytes()) {
                let before = String::from_utf8_lossy(&new[..at]).into_owned();
                self.passed += at + text.len();
                return before;
            }
            let more = self.read(deadline.saturating_duration_since(Instant::now()));
            assert!(more, "no {text:?} within {limit:?} in:\n{}", self.shown());
        }
    }

    /// Whether the text is not printed for this long.
    pub fn stays_without(&mut self, text: &str, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.read(deadline.saturating_duration_since(Instant::now())) {}
        find(&self.output[self.passed..], text.as_bytes()).is_none()
    }

    /// Everything printed so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Makes the process's standard input non-blocking, as a careless program does.
    pub fn set_nonblocking(&self) {
        let flags = OFlag::from_bits_retain(fcntl(&self.slave, FcntlArg::F_GETFL).unwrap());
        let flags = flags | OFlag::O_NONBLOCK;
        fcntl(&self.slave, FcntlArg::F_SETFL(flags)).unwrap();
    }

    /// Whether it is.
    pub fn is_nonblocking(&self) -> bool {
        let flags = fcntl(&self.slave, FcntlArg::F_GETFL).unwrap();
        OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK)
    }

    /// The terminal goes away.
    pub fn hang_up(&mut self) {
        self.master = None;
    }

    /// The process's exit status, 128 + N for a signal.
    pub fn status(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().or(status.signal().map(|n| 128 + n)).unwrap();
            }
            assert!(Instant::now() < deadline, "does not end:\n{}", self.shown());
            if self.master.is_some() {
                self.read(Duration::from_millis(20));
            } else {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// User and system time that the process has used, in clock ticks of 10 ms.
    pub fn ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(Path::new(&path)).unwrap_or_default();
        let fields: Vec<_> = text
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11..13]
            .iter()
            .map(|n| n.parse::<u64>().unwrap())
            .sum()
    }

    fn master(&self) -> &OwnedFd {
        self.master.as_ref().unwrap()
    }

    /// Reads once; false when the time is over or the terminal is closed.
    fn read(&mut self, limit: Duration) -> bool {
        let timeout = PollTimeout::try_from(limit).unwrap();
        let mut fds = [PollFd::new(self.master().as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout).unwrap() == 0 {
            return false;
        }
        let mut chunk = [0; 4096];
        match nix::unistd::read(self.master(), &mut chunk) {
            Ok(count) => {
                self.output.extend_from_slice(&chunk[..count]);
                count > 0
            }
            Err(_) => false,
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
