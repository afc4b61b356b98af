//! Container mode under test, here (as a subreaper) or as PID 1 of a namespace, and what it stands in for
//! beside it. Invariant: what was started is gone when its guard is dropped; every wait has a limit.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{INITSH, LIMIT};

/// Where container mode runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// With any PID.
    Here,
    /// As the first process of PID and mount namespaces.
    First,
}

pub const PLACES: [Place; 2] = [Place::Here, Place::First];

/// Container mode with its options, ready for a command.
pub const OURS: &[&str] = &[INITSH, "--container", "--"];

pub struct Contained {
    /// `unshare`, or initsh itself.
    pub child: Child,
    place: Place,
}

impl Contained {
    /// Runs `front` (initsh or what it stands in for) with `command`.
    pub fn start(place: Place, front: &[&str], command: &[&str]) -> Self {
        Self::prepared(place, "", front, command)
    }

    /// Runs `prepare` in a shell before.
    pub fn prepared(place: Place, prepare: &str, front: &[&str], command: &[&str]) -> Self {
        let script = format!("{prepare}\nexec \"$@\"");
        let mut start = match place {
            Place::Here => Command::new("/bin/sh"),
            Place::First => {
                let mut unshare = Command::new("unshare");
                unshare.args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]);
                unshare.arg("/bin/sh");
                unshare
            }
        };
        let child = start
            .args(["-c", &script, "sh"])
            .args(front)
            .args(command)
            .env("INITSH", INITSH)
            // Nobody else's socket is to be met, and none made, but where a test wants one.
            .env("INITSH_RUN", "/proc/none")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, place }
    }

    /// The process in the front, as the outside sees it.
    pub fn front(&self) -> Pid {
        let own = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        match self.place {
            Place::Here => own,
            Place::First => first_child(own),
        }
    }

    /// The command.
    pub fn command(&self) -> Pid {
        first_child(self.front())
    }

    /// Reads one line of its output.
    pub fn line(&mut self) -> String {
        let output = self.child.stdout.as_mut().unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        while output.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    pub fn signal(&self, number: i32) {
        let status = Command::new("/bin/kill")
            .args([format!("-{number}"), self.front().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end: its status, or 1000 and the signal that ended it; its output and its errors.
    pub fn ended(mut self) -> (i32, String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        let (mut output, mut errors) = (String::new(), String::new());
        self.child
            .stdout
            .as_mut()
            .unwrap()
            .read_to_string(&mut output)
            .unwrap();
        self.child
            .stderr
            .as_mut()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        let status = status
            .code()
            .unwrap_or_else(|| 1000 + status.signal().unwrap_or(0));
        (status, output, errors)
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let front = self.child.id();
            let mut all = vec![Pid::from_raw(i32::try_from(front).unwrap())];
            let mut next = 0;
            while let Some(pid) = all.get(next).copied() {
                all.extend(children(pid));
                next += 1;
            }
            for pid in all {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// Status, output and errors of a command that ends by itself.
pub fn run(place: Place, front: &[&str], command: &[&str]) -> (i32, String, String) {
    Contained::start(place, front, command).ended()
}

pub fn children(pid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    let numbers = list.split_whitespace().filter_map(|word| word.parse().ok());
    numbers.map(Pid::from_raw).collect()
}

fn first_child(pid: Pid) -> Pid {
    until("a child", || children(pid).first().copied())
}

pub fn until<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = test() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of `/proc/PID/status`; empty where there is none.
pub fn status_field(pid: Pid, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default()
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// `benches/pid1/load.c`, compiled once.
pub fn load() -> String {
    static LOAD: OnceLock<PathBuf> = OnceLock::new();
    let path = LOAD.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("load");
        // Another run of the tests may be executing the one that there is.
        let new = path.with_extension(std::process::id().to_string());
        let status = Command::new("cc")
            .args(["-O2", "-static", "benches/pid1/load.c", "-o"])
            .arg(&new)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.expect("cc").success());
        fs::rename(new, &path).unwrap();
        path
    });
    path.to_str().unwrap().to_owned()
}
