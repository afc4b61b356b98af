//! Namespaces that clean up after themselves, and commands run inside them. Invariant: every
//! namespace has a name of its own, and dropping its guard deletes it with all links in it.

#![allow(dead_code)] // Each of the modules uses a part of it.

use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace, deleted when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one whose loopback is still down. `None` where the user set `INITSH_SKIP_NET=1`.
    ///
    /// Panics where namespaces cannot be made: a test that does nothing must not pass.
    pub fn new() -> Option<Self> {
        if std::env::var_os("INITSH_SKIP_NET").is_some_and(|value| value == "1") {
            eprintln!("skipped: INITSH_SKIP_NET=1");
            return None;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("initsh-{}-{serial}", std::process::id());
        run("ip", &["netns", "add", &name]);
        Some(Self { name })
    }

    /// Its name, for `ip netns` and for `ip link set IF netns NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs inside, with a closed standard input.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs a program inside and returns its standard output; panics where it fails.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        text(self.command(program, args), args)
    }

    /// Runs `initsh ARGS…` inside, whatever its status.
    pub fn initsh(&self, args: &[&str]) -> Output {
        self.command(INITSH, args).output().expect("ip netns exec")
    }

    /// Runs `initsh ARGS…` inside and returns its standard output; panics where it fails.
    pub fn initsh_ok(&self, args: &[&str]) -> String {
        self.run(INITSH, args)
    }

    /// Runs `initsh ARGS…` inside, which must fail with that status; returns its standard error.
    pub fn initsh_fails(&self, status: i32, args: &[&str]) -> String {
        let output = self.initsh(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {error}");
        error
    }

    /// Runs `ip ARGS…` inside.
    pub fn ip(&self, args: &[&str]) -> String {
        self.run("ip", args)
    }

    /// Sets what is at `/proc/sys/PATH` inside.
    pub fn sysctl(&self, path: &str, value: &str) {
        let script = format!("echo '{value}' > '/proc/sys/{path}'");
        self.run("sh", &["-c", &script]);
    }

    /// A veth pair: `here` in this namespace, `there` in the other, both up.
    pub fn veth(&self, here: &str, other: &Self, there: &str) {
        let netns = other.name();
        self.ip(&[
            "link", "add", here, "type", "veth", "peer", "name", there, "netns", netns,
        ]);
        self.ip(&["link", "set", "dev", here, "up"]);
        other.ip(&["link", "set", "dev", there, "up"]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// The binary under test; docs/testing.md tells of `INITSH_BINARY`.
pub const INITSH: &str = match option_env!("INITSH_BINARY") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_initsh"),
};

fn run(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    text(command, args)
}

fn text(mut command: Command, args: &[&str]) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{args:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8 output")
}
