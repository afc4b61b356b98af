//! The image that scripts/oci makes: the same every time, accepted by tools that registries are fed with,
//! and run as a container, with initsh as its PID 1, by a real runtime. Needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)] // In a test, a panic is how it fails.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;

const INITSH: &str = env!("CARGO_BIN_EXE_initsh");
const LIMIT: Duration = Duration::from_secs(120);

fn skipped() -> bool {
    let skip = std::env::var_os("INITSH_SKIP_NET").is_some_and(|value| value == "1");
    if skip {
        eprintln!("skipped: INITSH_SKIP_NET=1");
    }
    skip
}

/// A directory with an image in it; removed when dropped.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        let name = format!("initsh-oci-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        let work = Self(path);
        // The test's binary is mostly what debuggers want to know.
        work.run("strip", &["-o", "initsh", INITSH]);
        work.pack("image");
        work
    }

    fn pack(&self, name: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/oci");
        let status = Command::new(script)
            .arg(self.0.join(name))
            .env("BINARY", self.0.join("initsh"))
            .env_remove("SOURCE_DATE_EPOCH")
            .status();
        assert!(status.unwrap().success());
    }

    /// Runs a tool that must succeed; its output.
    fn run(&self, tool: &str, args: &[&str]) -> String {
        let output = Command::new(tool).args(args).current_dir(&self.0).output();
        let output = output.unwrap_or_else(|error| panic!("{tool}: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Unpacks the image with this command, ready for a runtime.
    fn bundle(&self, name: &str, command: &[&str], terminal: bool) -> Container<'_> {
        let tag = format!("image:{name}");
        let mut config = vec!["config", "--image", "image:latest", "--tag", name];
        for word in command {
            config.extend(["--config.cmd", word]);
        }
        self.run("umoci", &config);
        self.run("umoci", &["unpack", "--image", &tag, name]);
        let path = self.0.join(name).join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"terminal\": true"), "{text}");
        let wanted = format!("\"terminal\": {terminal}");
        std::fs::write(&path, text.replace("\"terminal\": true", &wanted)).unwrap();
        Container {
            work: self,
            name: format!("{name}-{}", std::process::id()),
            bundle: name.to_owned(),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A container that is gone when dropped.
struct Container<'a> {
    work: &'a Work,
    name: String,
    bundle: String,
}

impl Container<'_> {
    fn runc(&self, args: &[&str]) -> Command {
        let mut runc = Command::new("runc");
        runc.args(["--root", "state"]).args(args);
        runc.current_dir(&self.work.0);
        runc
    }

    fn start(&self) -> Child {
        let mut run = self.runc(&["run", "--bundle", &self.bundle, &self.name]);
        let run = run.stdin(Stdio::null()).stdout(Stdio::piped());
        run.stderr(Stdio::piped()).spawn().unwrap()
    }

    fn signal(&self, signal: &str) {
        assert!(
            self.runc(&["kill", &self.name, signal])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let mut delete = self.runc(&["delete", "--force", &self.name]);
        let _ = delete.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn ended(mut child: Child) -> (Option<i32>, String, String) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LIMIT {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn line(child: &mut Child) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    let output = child.stdout.as_mut().unwrap();
    while output.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn the_same_binary_gives_the_same_image_and_tools_accept_it() {
    let work = Work::new("tools");
    work.pack("again");
    work.run("diff", &["-r", "image", "again"]);
    // It replaces an image, and nothing else.
    work.pack("again");
    std::fs::create_dir(work.0.join("mine")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/oci");
    let refused = Command::new(script)
        .arg(work.0.join("mine"))
        .env("BINARY", INITSH)
        .output();
    assert_eq!(refused.unwrap().status.code(), Some(1));

    let shown = work.run("skopeo", &["inspect", "oci:image:latest"]);
    assert!(shown.contains("\"Os\": \"linux\""), "{shown}");
    let config = work.run("skopeo", &["inspect", "--config", "oci:image:latest"]);
    for word in ["\"/initsh\"", "\"--container\"", "\"--\""] {
        assert!(config.contains(word), "{config}");
    }
    // skopeo checks every digest and size on the way.
    work.run(
        "skopeo",
        &["copy", "--quiet", "oci:image:latest", "dir:copy"],
    );
    work.run(
        "skopeo",
        &[
            "copy",
            "--quiet",
            "oci:image:latest",
            "docker-archive:archive:initsh:1",
        ],
    );
    work.run("umoci", &["unpack", "--image", "image:latest", "bundle"]);
    work.run("cmp", &["initsh", "bundle/rootfs/initsh"]);
}

#[test]
fn a_runtime_runs_it() {
    if skipped() {
        return;
    }
    let work = Work::new("run");
    // The image has no other program: these are built-ins.
    let container = work.bundle("status", &["initsh", "-c", "echo pid $$; exit 7"], false);
    let (status, output, errors) = ended(container.start());
    assert_eq!(status, Some(7), "{output}{errors}");
    assert!(output.starts_with("pid "), "{output}");

    let container = work.bundle("missing", &["no-such-program"], false);
    let (status, _, errors) = ended(container.start());
    assert_eq!(status, Some(127));
    assert!(
        errors.contains("initsh: no-such-program: cannot execute: ENOENT"),
        "{errors}"
    );

    // As `docker stop` does it.
    let text = "trap 'echo stopped; exit 5' TERM; echo up; while true; do sleep 0.05; done";
    let container = work.bundle("stop", &["initsh", "-c", text], false);
    let mut child = container.start();
    assert_eq!(line(&mut child), "up");
    container.signal("TERM");
    let (status, output, _) = ended(child);
    assert_eq!((status, output.as_str()), (Some(5), "stopped\n"));

    // Its supervisor works inside, and says so to who comes in from outside.
    let text = "until spawn --name s --restart always -- sleep 1000; do sleep 0.05; done; \
                echo up; sleep 1000";
    let container = work.bundle("services", &["initsh", "-c", text], false);
    let mut child = container.start();
    assert_eq!(line(&mut child), "up");
    let inside = container
        .runc(&["exec", &container.name, "/initsh", "services"])
        .output();
    let inside = String::from_utf8(inside.unwrap().stdout).unwrap();
    assert!(inside.contains("s     Running"), "{inside}");
    container.signal("KILL");
    assert_eq!(ended(child).0, Some(137));
}

#[test]
fn a_terminal_in_a_container() {
    if skipped() {
        return;
    }
    let work = Work::new("tty");
    let container = work.bundle("tty", &[], true);
    let pty = openpty(None, None).unwrap();
    for fd in [&pty.master, &pty.slave] {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    let side = || Stdio::from(pty.slave.try_clone().unwrap());
    let run = container.runc(&["run", "--bundle", "tty", &container.name]);
    let mut child = Command::new("setsid")
        .args(["--ctty", "--wait"])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(&work.0)
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let mut master = std::fs::File::from(pty.master);
    expect(&mut master, "# ");
    // Ctrl-C ends the line, and nothing else.
    master.write_all(b"\x03").unwrap();
    expect(&mut master, "[130]# ");
    master.write_all(b"echo sum $((40 + 2))\n").unwrap();
    expect(&mut master, "sum 42");
    master.write_all(b"exit 4\n").unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

/// Reads until this text has come.
fn expect(master: &mut std::fs::File, text: &str) {
    let begun = Instant::now();
    let mut seen = String::new();
    while !seen.contains(text) {
        assert!(begun.elapsed() < LIMIT, "no {text:?} in\n{seen}");
        let mut fds = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(100_u8)).unwrap() > 0 {
            let mut bytes = [0; 4096];
            let length = master.read(&mut bytes).unwrap_or(0);
            assert!(length > 0, "hung up before {text:?}:\n{seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }
}
