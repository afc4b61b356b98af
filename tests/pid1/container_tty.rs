//! Container mode on a terminal: who has it, Ctrl-C, Ctrl-Z, its size, and that it is handed back.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use initsh::sys::tty::{Size, resize};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, read};

use super::setup::terminal;
use super::support::{INITSH, LIMIT, skipped};

/// A session on a terminal.
struct Terminal {
    master: OwnedFd,
    child: Child,
    output: String,
    passed: usize,
}

impl Terminal {
    /// `words` lead a session with this terminal.
    fn start(words: &[&str]) -> Self {
        Self::on(&[&["setsid", "--ctty", "--wait"], words].concat())
    }

    /// `words` have the terminal as descriptors 0–2 and nothing else.
    fn on(words: &[&str]) -> Self {
        let (master, slave, _) = terminal();
        let side = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(words[0])
            .args(&words[1..])
            .env("INITSH", INITSH)
            .env("INITSH_RUN", "/proc/none")
            .env("PS1", "$ ")
            .env("TERM", "dumb")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        Self {
            master,
            child,
            output: String::new(),
            passed: 0,
        }
    }

    fn send(&mut self, text: &str) {
        let mut master = std::fs::File::from(self.master.try_clone().unwrap());
        master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for this text after what was expected before.
    fn expect(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.output[self.passed..].find(text) {
                self.passed += at + text.len();
                return;
            }
            assert!(begun.elapsed() < LIMIT, "no {text:?} in\n{}", self.output);
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(100_u8)).unwrap();
            if fds[0].revents().is_some_and(|events| !events.is_empty()) {
                let mut bytes = [0; 4096];
                let length = read(&self.master, &mut bytes).unwrap_or(0);
                assert!(length > 0, "hung up before {text:?}:\n{}", self.output);
                self.output
                    .push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        }
    }

    fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < LIMIT, "it does not end:\n{}", self.output);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What has the terminal in its foreground goes, then its session's leader.
        if let Ok(group) = nix::unistd::tcgetpgrp(&self.master)
            && group.as_raw() > 1
        {
            let _ = killpg(group, Signal::SIGKILL);
        }
        for pid in
            super::contained::children(Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0)))
        {
            let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command's group is the one in the foreground.
const FOREGROUND: &str =
    "set -- $(cat /proc/self/stat); test \"$5\" = \"$8\" && echo in front || echo behind $5 $8";

#[test]
fn the_command_has_the_terminal() {
    if skipped() {
        return;
    }
    let text = format!("{FOREGROUND}; read -r line; echo got $line; exit 3");
    let mut terminal = Terminal::start(&[INITSH, "--container", "sh", "-c", &text]);
    terminal.expect("in front");
    terminal.send("word\n");
    terminal.expect("got word");
    assert_eq!(terminal.ended(), Some(3));
}

#[test]
fn as_a_container_engine_starts_it() {
    if skipped() {
        return;
    }
    // PID 1 of a namespace, leader of a session, without a controlling terminal so far.
    let inside = "exec setsid \"$INITSH\" --container -- sh -c \"$1\"";
    let text =
        format!("trap 'echo stopped; exit 7' INT; {FOREGROUND}; while :; do sleep 0.1; done");
    let words = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
    ];
    let mut terminal = Terminal::on(&[&words[..], &["sh", "-c", inside, "sh", &text]].concat());
    terminal.expect("in front");
    terminal.send("\x03");
    terminal.expect("stopped");
    assert_eq!(terminal.ended(), Some(7));
}

/// Nobody could continue PID 1: there the terminal stops nothing for good.
#[test]
fn ctrl_z_does_not_freeze_a_container() {
    if skipped() {
        return;
    }
    let inside = "exec setsid \"$INITSH\" --container -- cat";
    let words = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
    ];
    let mut terminal = Terminal::on(&[&words[..], &["sh", "-c", inside]].concat());
    terminal.send("one\n");
    terminal.expect("one\r\none\r\n");
    terminal.send("\x1a");
    terminal.send("two\n");
    terminal.expect("two\r\ntwo\r\n");
    terminal.send("\x04");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn ctrl_c_and_the_size_reach_the_command() {
    if skipped() {
        return;
    }
    let text = "trap 'stty size' WINCH; trap 'echo stopped; exit 9' INT; echo up;
        while :; do sleep 0.05; done";
    let mut terminal = Terminal::start(&[INITSH, "--container", "sh", "-c", text]);
    terminal.expect("up");
    let size = Size {
        rows: 33,
        columns: 111,
    };
    resize(&terminal.master, size).unwrap();
    terminal.expect("33 111");
    terminal.send("\x03");
    terminal.expect("stopped");
    assert_eq!(terminal.ended(), Some(9));
    let mut terminal =
        Terminal::start(&[INITSH, "--container", "sh", "-c", "echo up; exec sleep 99"]);
    terminal.expect("up");
    terminal.send("\x03");
    assert_eq!(terminal.ended(), Some(130));
}

#[test]
fn job_control_of_the_shell_that_started_it() {
    if skipped() {
        return;
    }
    let mut terminal = Terminal::start(&["bash", "--norc", "--noediting", "-i"]);
    terminal.expect("$ ");
    terminal.send("$INITSH --container -- cat\n");
    terminal.send("one\n");
    terminal.expect("one\r\none\r\n");
    terminal.send("\x1a");
    terminal.expect("Stopped");
    terminal.send("echo still $((40 + 2))\n");
    terminal.expect("still 42");
    terminal.send("fg\n");
    terminal.expect("cat\r\n");
    terminal.send("two\n");
    terminal.expect("two\r\ntwo\r\n");
    // In the background a reader is stopped, and the shell told.
    terminal.send("\x1a");
    terminal.expect("Stopped");
    terminal.send("bg\n");
    // Written so that what is typed is not taken for the answer.
    terminal
        .send("until jobs | grep -q S'topped'; do sleep 0.1; done; jobs; echo told $((1 + 2))\n");
    terminal.expect("Stopped");
    terminal.expect("told 3");
    terminal.send("fg\n");
    terminal.expect("cat\r\n");
    terminal.send("three\n");
    terminal.expect("three\r\nthree\r\n");
    terminal.send("\x03");
    // Ctrl-C throws away what is typed before it is served.
    terminal.expect("$ ");
    terminal.send("echo status $?\n");
    terminal.expect("status 130");
    // Started in the background, it takes nobody's terminal.
    terminal.send("$INITSH --container -- sleep 0.4 & echo typed $((1 + 1))\n");
    terminal.expect("typed 2");
    terminal.send("wait; echo waited $?\n");
    terminal.expect("waited 0");
    terminal.send("exit 5\n");
    assert_eq!(terminal.ended(), Some(5));
}

#[test]
fn the_terminal_is_handed_back() {
    if skipped() {
        return;
    }
    let text = "$INITSH --container -- true; read -r line; echo got $line";
    let mut terminal = Terminal::start(&["sh", "-c", text]);
    terminal.send("word\n");
    terminal.expect("got word");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn a_shell_without_a_command() {
    if skipped() {
        return;
    }
    let mut terminal = Terminal::start(&[INITSH, "--container"]);
    terminal.expect("# ");
    terminal.send("echo sum $((20 + 3))\n");
    terminal.expect("sum 23");
    terminal.send("exit 4\n");
    assert_eq!(terminal.ended(), Some(4));
}
