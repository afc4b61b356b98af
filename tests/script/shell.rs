//! Runs one script under one shell, in an empty directory of its own, within two minutes.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// Who runs the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Initsh,
    Dash,
}

/// What came of it.
pub struct Ran {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub status: i32,
}

/// A directory that goes away with its value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("initsh-script-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|why| format!("create {}: {why}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that a test made unreadable may stay; it is in the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Shell {
    pub fn name(self) -> &'static str {
        match self {
            Self::Initsh => "initsh",
            Self::Dash => "dash",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Initsh => option_env!("INITSH_BINARY").unwrap_or(env!("CARGO_BIN_EXE_initsh")),
            Self::Dash => "dash",
        }
    }

    /// Runs a script as a file, `../t.sh` seen from its directory.
    pub fn run(self, script: &[u8]) -> Result<Ran, String> {
        let scratch = Scratch::new()?;
        let here = scratch.0.join("here");
        let write = |name: &str| File::create(scratch.0.join(name)).map_err(|why| why.to_string());
        fs::create_dir(&here).map_err(|why| why.to_string())?;
        fs::write(scratch.0.join("t.sh"), script).map_err(|why| why.to_string())?;
        let mut child = Command::new(self.program())
            .arg("../t.sh")
            .current_dir(&here)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("INITSH_RUN", scratch.0.join("run"))
            // Files, not pipes: a process left in the background must not keep the test waiting.
            .stdin(Stdio::null())
            .stdout(write("out")?)
            .stderr(write("err")?)
            .process_group(0)
            .spawn()
            .map_err(|why| format!("run {}: {why} (install dash)", self.program()))?;
        let status = wait(&mut child, self)?;
        let read = |name: &str| fs::read(scratch.0.join(name)).map_err(|why| why.to_string());
        Ok(Ran {
            out: read("out")?,
            err: read("err")?,
            status,
        })
    }
}

fn wait(child: &mut Child, shell: Shell) -> Result<i32, String> {
    let end = Instant::now() + LIMIT;
    let mut pause = Duration::from_micros(500);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().map_err(|why| why.to_string())? {
            let signal = status.signal().map(|signal| 128 + signal);
            return Ok(status.code().or(signal).unwrap_or(-1));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    kill_group(child);
    Err(format!(
        "under {}: still running after {LIMIT:?}\n",
        shell.name()
    ))
}

/// Ends the process and all that it started in its group.
fn kill_group(child: &mut Child) {
    use nix::sys::signal::{Signal, killpg};
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(nix::unistd::Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}
