//! Real servers for tests: programs unpacked by `scripts/servers` (or found in `PATH`), each in a
//! namespace of the test, with its files in the test's scratch directory. Invariant: a server is ready
//! when its guard is returned, and has ended when the guard is dropped, by its pid, even where a test
//! panics.

#![allow(dead_code)] // Each of the test files uses a part of it.

pub mod dhcpd;
pub mod kea;
pub mod lab;
pub mod radvd;
pub mod relay;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dhcp_server::{SOON, eventually};
use super::support::Namespace;

/// How long a server may take to start, on a busy machine.
const START: Duration = SOON;

/// How long it may take to end before it is killed.
const END: Duration = Duration::from_secs(20);

/// How many bytes of a log are shown where a test fails.
const SHOWN: usize = 4000;

/// A running program with its output in a file.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until `ready` is in what it writes; panics with that where it ends before.
    pub fn start(mut command: Command, log: PathBuf, ready: &str) -> Self {
        let file = File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, log };
        eventually(&format!("'{ready}' of {command:?}"), START, || {
            let ended = server.child.try_wait().unwrap();
            let log = server.log();
            assert!(ended.is_none(), "{command:?}: {ended:?}\n{log}");
            log.contains(ready)
        });
        server
    }

    /// What it has written since it was started.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How often a text is in what it has written.
    pub fn count(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until a text is there that often.
    pub fn wait_for(&self, text: &str, times: usize) {
        eventually(&format!("{times} times '{text}'"), START, || {
            self.count(text) >= times
        });
    }

    /// Ends it without a chance to say goodbye.
    pub fn crash(self) {
        self.signal(Signal::SIGKILL);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last = log.len().saturating_sub(SHOWN);
            let tail = String::from_utf8_lossy(&log.as_bytes()[last..]);
            eprintln!("== {}\n{tail}", self.log.display());
        }
        // First politely, so that it removes its pid file and says what it has to say (radvd: that its
        // router is gone).
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let end = Instant::now() + END;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's program, to be run in a namespace.
pub fn command(namespace: &Namespace, program: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/servers");
    let places = ["usr/sbin", "sbin", "usr/bin"].map(|place| root.join(place).join(program));
    let unpacked = places.iter().find(|path| path.exists());
    let path = unpacked.map_or(PathBuf::from(program), PathBuf::clone);
    // Set by env(1) and not for ip(8), which must not get these libraries.
    let libraries = format!("LD_LIBRARY_PATH={}", libraries(&root));
    let mut command = namespace.command("env", &[&libraries]);
    command.arg(path);
    command
}

/// The unpacked directories of libraries, for the dynamic linker.
fn libraries(root: &Path) -> String {
    let below = |place: &str| fs::read_dir(root.join(place)).ok();
    let entries = ["usr/lib", "lib"].into_iter().filter_map(below).flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path().display().to_string()));
    let mut paths: Vec<_> = paths.filter(|path| path.contains("-linux-gnu")).collect();
    paths.sort();
    paths.join(":")
}
