//! Running initsh and the tools that it is compared with, and scratch directories that clean up.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub const INITSH: &str = match option_env!("INITSH_BINARY") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_initsh"),
};

/// What a program printed, and its status (128 + N for signal N).
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let signal = || output.status.signal().map_or(-1, |signal| 128 + signal);
        Self {
            status: output.status.code().unwrap_or_else(signal),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Its output; panics where it failed.
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    /// Its errors; panics where its status is another.
    pub fn fails(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        self.err
    }
}

/// Runs a program for five minutes at most, with English messages and nothing on standard input.
pub fn run(program: &str, args: &[&str]) -> Ended {
    let mut command = Command::new("timeout");
    command
        .args(["-k", "5", "300", program])
        .args(args)
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    let output = command.stdin(Stdio::null()).output();
    let ended = Ended::of(output.expect("timeout(1)"));
    assert!(
        ended.status != 127 || program == INITSH,
        "{program}: install it: {ended:?}"
    );
    ended
}

/// Runs `initsh ARGS…`.
pub fn initsh(args: &[&str]) -> Ended {
    run(INITSH, args)
}

/// Runs `initsh -c TEXT` in a mount namespace of its own; `None` where the user skips those.
pub fn in_namespace(text: &str) -> Option<Ended> {
    if std::env::var_os("INITSH_SKIP_NET").is_some_and(|value| value == "1") {
        eprintln!("skipped: INITSH_SKIP_NET=1");
        return None;
    }
    Some(run(
        "unshare",
        &["--mount", "--propagation", "private", INITSH, "-c", text],
    ))
}

/// A directory that is removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("initsh-system-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("scratch directory");
        Self(path)
    }

    /// A path inside.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.at(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file and the directories above it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        std::fs::write(&path, content).expect("file");
        self.text(name)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
