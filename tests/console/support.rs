//! A terminal for the test to type on: a pty whose other side is the built binary's controlling
//! terminal. Invariant: the process is gone when its guard is dropped, and every wait has a limit.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::tcgetpgrp;

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

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
        self.expect_any(&[text]).1
    }

    /// Waits for the first of several texts: which one it is, and what came before it.
    pub fn expect_any(&mut self, texts: &[&str]) -> (usize, String) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let new = &self.output[self.passed..];
            let places = texts.iter().map(|text| find(new, text.as_bytes()));
            let first = places
                .enumerate()
                .filter_map(|(which, at)| Some((at?, which)));
            if let Some((at, which)) = first.min() {
                let before = String::from_utf8_lossy(&new[..at]).into_owned();
                self.passed += at + texts[which].len();
                return (which, before);
            }
            let more = self.read(deadline.saturating_duration_since(Instant::now()));
            assert!(more, "no {texts:?} within {LIMIT:?} in:\n{}", self.shown());
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

    /// Waits until what was typed has been read and the terminal is a command's: from then on Ctrl-C is a
    /// signal and no byte, and lines are edited by the kernel.
    #[allow(dead_code)]
    pub fn cooked(&mut self) {
        let is_cooked = |slave: &OwnedFd| {
            let state = tcgetattr(slave).unwrap();
            state.local_flags.contains(LocalFlags::ICANON)
        };
        self.until("a terminal for a command", |tty| is_cooked(&tty.slave));
    }

    /// Waits until a program runs in the foreground, alone or as a part of a pipeline; its pid.
    #[allow(dead_code)]
    pub fn runs(&mut self, program: &str) -> i32 {
        let find = |tty: &Self| {
            let group = tcgetpgrp(tty.master()).ok()?.as_raw().to_string();
            let pids = std::fs::read_dir("/proc").ok()?;
            let mut pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            pids.find(|&pid: &i32| {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
                let is_it = name.is_ok_and(|name| name.trim_end() == program);
                is_it && stat(pid).is_some_and(|fields| fields[2] == group)
            })
        };
        self.until(program, |tty| find(tty).is_some());
        find(self).unwrap()
    }

    /// Waits until the process itself waits for something.
    #[allow(dead_code)]
    pub fn asleep(&mut self) {
        let pid = self.child.id().cast_signed();
        self.until("asleep", |_| {
            stat(pid).is_some_and(|fields| fields[0] == "S")
        });
    }

    /// Reads on until this is so.
    pub fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !so(self) {
            assert!(Instant::now() < deadline, "not {what}:\n{}", self.shown());
            self.read(Duration::from_millis(5));
        }
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
        let fields = stat(self.child.id().cast_signed()).unwrap_or_default();
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

/// What proc_pid_stat(5) has of a process behind its name: state, parent, process group and more.
pub fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// Whether a process has ended, reaped or not.
#[allow(dead_code)]
pub fn has_ended(pid: i32) -> bool {
    stat(pid).is_none_or(|fields| fields[0] == "Z")
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
