//! Namespaces that clean up after themselves, and commands run inside them. Invariant: every
//! namespace has a name of its own, and dropping its guard deletes it with all links in it.

#![allow(dead_code)] // Each of the modules uses a part of it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::dhcp_server::{SOON, eventually};

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
        // One whose run was killed may have left its own behind, and have had this pid.
        let name = loop {
            let serial = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("initsh-{}-{serial}", std::process::id());
            if !Path::new("/run/netns").join(&name).exists() {
                break name;
            }
        };
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

    /// Waits until a link that is up passes packets on: a carrier is seen at once, but packets are dropped
    /// until the kernel has dealt with it, which on a busy machine takes a while.
    pub fn passes(&self, link: &str) {
        eventually(&format!("{link} works"), SOON, || {
            self.ip(&["link", "show", "dev", link])
                .contains(" state UP ")
        });
    }

    /// Waits until `host` answers.
    pub fn pings(&self, host: &str) {
        let limit = SOON.as_secs().to_string();
        let family = if host.contains(':') { "-6" } else { "-4" };
        self.run("ping", &[family, "-c1", "-w", &limit, host]);
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

/// Copies the binary under test to where everybody may execute it. Another process writes the copy: what
/// this one had open for writing, a child that another test is forking would have for a moment, too, and
/// nobody could execute it (ETXTBSY).
pub fn copy_of_initsh(path: &Path) {
    run("cp", &[INITSH, path.to_str().expect("UTF-8")]);
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
