//! The shell as a process: ways to start it, Ctrl-C in scripts, jobs at the prompt, descriptors and
//! children that it must not leave behind. What the language means is in `tests/script`.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../console/support.rs"]
mod support;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{BINARY, LIMIT, Start, Tty, has_ended};

const SECOND: Duration = Duration::from_secs(1);

/// Runs the binary with this standard input; at most [`LIMIT`].
fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new("timeout")
        .args(["-k", "1", &LIMIT.as_secs().to_string(), BINARY])
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A script that reads nothing closes its end first.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn script(text: &str) -> (String, String, i32) {
    shown(&run(&["-c", text], ""))
}

fn shown(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap();
    (text(&output.stdout), text(&output.stderr), status)
}

/// A directory of the test's own, removed when it is dropped.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("initsh-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn name_and_arguments_of_every_way_in() {
    let dir = Dir::new("ways");
    let file = dir.file("s", "echo \"$0 $1 $#\"; exit 3\n");
    let out = shown(&run(&[&file, "a b", "c"], ""));
    assert_eq!(out, (format!("{file} a b 2\n"), String::new(), 3));
    let out = shown(&run(&["-c", "echo \"$0 $1\"", "name", "x"], ""));
    assert_eq!(out.0, "name x\n");
    assert_eq!(shown(&run(&["echo", "a", "b"], "")).0, "a b\n");
    assert_eq!(shown(&run(&["-s", "x"], "echo $1\n")).0, "x\n");
    assert!(shown(&run(&["--version"], "")).0.starts_with("initsh "));
    let out = shown(&run(&["-eu", "-c", "false; echo no"], ""));
    assert_eq!(out, (String::new(), String::new(), 1));
    assert_eq!(shown(&run(&["--nonsense"], "")).2, 2);
    assert_eq!(shown(&run(&["/no/such/file"], "")).2, 127);
}

#[test]
fn only_reads_with_n() {
    let dir = Dir::new("only");
    let good = dir.file("good", "echo no\nexit 9\n");
    assert_eq!(shown(&run(&["-n", &good], "")), Default::default());
    let bad = dir.file("bad", "echo no\nif true\n");
    let (out, err, status) = shown(&run(&["-n", &bad], ""));
    assert_eq!((out.as_str(), status), ("", 2));
    assert!(err.starts_with(&format!("{bad}:2:")), "{err}");
}

#[test]
fn a_command_may_read_what_follows_it() {
    let text = "read x\nhello\necho \"got $x\"\nfor i in 1 2\ndo echo $i\ndone\nexit 4\necho no\n";
    let out = shown(&run(&[], text));
    assert_eq!(out, ("got hello\n1\n2\n".to_owned(), String::new(), 4));
    let (_, err, status) = shown(&run(&[], "echo a\nif\n"));
    assert_eq!(status, 2);
    assert!(err.starts_with("stdin:2:"), "{err}");
}

#[test]
fn errors_point_at_the_file_where_the_text_stands() {
    let dir = Dir::new("places");
    let library = dir.file("lib.run", "f() {\n  no-such-program\n}\n");
    let main = dir.file("main.run", &format!(". {library}\nf\ncd /no/such\n"));
    let (_, err, _) = shown(&run(&[&main], ""));
    let place = format!("{library}:2:3: no-such-program: not found\n   2 |   no-such-program\n");
    assert!(err.starts_with(&place), "{err}");
    let place = format!("{main}:3:1: cd: change to /no/such: ENOENT (No such file or directory)\n");
    assert!(err.contains(&place), "{err}");
}

#[test]
fn too_deep_is_an_error_wherever_it_happens() {
    for text in [
        "f() { f; }; f; echo no",
        "f() { eval f; }; f; echo no",
        "f() { if true; then { case x in x) f;; esac; }; fi; }; f; echo no",
        "trap 'f' EXIT; f() { f; }; f",
    ] {
        let (out, err, status) = script(text);
        assert_eq!((out.as_str(), status), ("", 2), "{text}");
        assert!(err.contains("nested too deep"), "{text}: {err}");
    }
    let body = format!(
        "f() {{ {}f{}; }}; f",
        "if true; then ".repeat(150),
        "; fi".repeat(150)
    );
    let (_, err, status) = script(&body);
    assert_eq!(status, 2, "{err}");
    assert!(err.contains("nested too deep"), "{err}");
}

#[test]
fn a_broken_pipe_ends_a_loop() {
    let (out, err, status) = script("while :; do echo y; done | head -n 1; echo \"$?\"");
    assert_eq!((out.as_str(), err.as_str(), status), ("y\n0\n", "", 0));
}

#[test]
fn programs_get_no_descriptor_of_ours() {
    // The program's own listing opens one more.
    let list = "/bin/ls /proc/self/fd";
    let plain = script(&format!("exec 4>&- 5>&- 6>&-; {list}")).0;
    let busy = format!("{{ x=$({list}); echo \"$x\"; }} 2>/dev/null | /bin/cat | /bin/cat");
    assert_eq!(script(&busy).0, plain);
}

#[test]
fn redirections_are_undone() {
    let text = "cd /no/such 2>/dev/null; nosuch 2>/dev/null; echo a >/dev/null
                f() { echo f; return 1; }; f >/dev/null; : >/no/such/file; echo back";
    let (out, err, _) = script(text);
    assert!(
        out.is_empty(),
        "a special built-in's failed redirection ends the script: {out}"
    );
    assert!(err.starts_with("-c:2:"), "{err}");
    let text = text.replace(": >", "true >");
    assert_eq!(script(&text).0, "back\n");
}

#[test]
fn background_children_are_reaped() {
    // Until all of them have ended, on a machine as busy as it likes.
    let text = "i=0; while [ $i -lt 40 ]; do true & i=$((i+1)); done; i=0
                until [ ${left:-9} -le 1 ] || [ $i -gt 50 ]; do
                    i=$((i+1)); sleep 0.2; true & sleep 0.2; /bin/true
                    left=$(/bin/ps -o stat= --ppid $$ | grep -c ^Z)
                done; echo $left";
    let left = script(text).0;
    assert!(["0\n", "1\n"].contains(&left.as_str()), "{left}");
}

#[test]
fn timeout_ends_the_whole_group() {
    // Whatever of them went on would keep its output open.
    let begin = Instant::now();
    let (out, ..) = script("timeout 0.3 /bin/sh -c 'sleep 100 & wait'; echo $?");
    assert_eq!(out, "124\n");
    // One that ignores SIGTERM is killed 2 s later.
    let text = "timeout 0.1 /bin/sh -c 'trap \"\" TERM; sleep 100; sleep 100'; echo $?";
    assert_eq!(script(text).0, "124\n");
    assert!(begin.elapsed() < LIMIT);
    assert_eq!(script("timeout 9 /bin/sh -c 'exit 7'; echo $?").0, "7\n");
}

#[test]
fn retry_until_it_works() {
    let text = "i=0; f() { i=$((i+1)); [ $i = 3 ]; }; retry -d 10ms f; echo $? $i";
    assert_eq!(script(text).0, "0 3\n");
    let (out, err, _) = script("set -e; retry -n 2 -d 10ms test -e /no/such || echo $?");
    assert_eq!(out, "1\n");
    assert!(err.contains("after 2 attempts"), "{err}");
}

#[test]
fn ctrl_c_stops_a_script() {
    for text in [
        "echo go; while :; do :; done; echo not here",
        "echo go; sleep 60; echo not here",
        "echo go; /bin/sleep 60; echo not here",
        "echo go; x=$(/bin/sleep 60); echo not here",
        "echo go; /bin/sleep 60 | /bin/cat; echo not here",
        "echo go; (sleep 60); echo not here",
        "echo go; read x; echo not here",
        "echo go; timeout 60 /bin/sleep 60; echo not here",
        "echo go; retry -d 60 false; echo not here",
        "echo go; /bin/sleep 5 & wait; echo not here",
        "echo go; echo /*/*/*/*/*/*/*/*/*/*/*/*; echo not here",
    ] {
        let mut tty = Tty::start(&Start {
            args: &["-c", text],
            ..Start::default()
        });
        tty.expect("go\r\n");
        std::thread::sleep(SECOND / 5);
        tty.send("\x03");
        assert_eq!(tty.status(), 130, "{text}\n{}", tty.shown());
        assert!(!tty.shown().contains("not here"), "{text}");
    }
}

#[test]
fn ctrl_c_runs_what_is_trapped() {
    let mut tty = Tty::start(&Start {
        args: &["-c", "trap 'echo trapped' INT; echo go; sleep 100; echo on"],
        ..Start::default()
    });
    tty.expect("go\r\n");
    tty.asleep();
    tty.send("\x03");
    tty.expect("trapped\r\n");
    tty.expect("on\r\n");
    assert_eq!(tty.status(), 0);
    let mut tty = Tty::start(&Start {
        args: &["-c", "trap 'echo bye' EXIT; echo go; /bin/sleep 60"],
        ..Start::default()
    });
    tty.expect("go\r\n");
    std::thread::sleep(SECOND / 5);
    tty.send("\x03");
    tty.expect("bye\r\n");
    assert_eq!(tty.status(), 130);
}

#[test]
fn jobs_stop_and_go_on() {
    let mut tty = Tty::shell();
    tty.send("/bin/sleep 60\r");
    tty.runs("sleep");
    tty.send("\x1a");
    tty.expect("[1] Stopped    /bin/sleep 60");
    tty.expect("[148]# ");
    tty.send("bg\r");
    tty.expect("# ");
    tty.send("jobs\r");
    tty.expect("[1] Running    /bin/sleep 60");
    tty.expect("# ");
    tty.send("fg %1\r");
    tty.expect("/bin/sleep 60\r\n");
    tty.runs("sleep");
    tty.send("\x03");
    tty.expect("[130]# ");
    tty.send("jobs; echo none-$((1))\r");
    assert!(!tty.expect("none-1").contains("[1] "));
}

/// SIGTERM reaches it although it is stopped.
#[test]
fn a_stopped_job_can_be_ended() {
    let mut tty = Tty::shell();
    tty.send("/bin/sleep 60\r");
    let sleep = tty.runs("sleep");
    tty.send("\x1a");
    tty.expect("[148]# ");
    tty.send("kill %1\r");
    tty.until("ended", |_| has_ended(sleep));
    tty.send("jobs\r");
    tty.expect("Killed by SIGTERM");
}

#[test]
fn the_background_is_told_about_and_left_alone() {
    let mut tty = Tty::shell();
    tty.send("/bin/sleep 2 &\r");
    tty.expect("[1] ");
    let sleep = tty.expect("\r\n").parse().unwrap();
    tty.expect("# ");
    tty.send("while :; do :; done\r");
    tty.cooked();
    tty.send("\x03");
    tty.expect("[130]");
    tty.until("ended", |_| has_ended(sleep));
    tty.send("\r");
    // It may be told before the first prompt after the loop, too.
    tty.until("told", |tty| {
        tty.shown().contains("[1] Done       /bin/sleep 2")
    });
}

#[test]
fn an_error_returns_to_the_prompt() {
    let mut tty = Tty::shell();
    tty.send("echo ${nothing?gone}; echo not-$((1))\r");
    tty.expect("nothing: gone");
    tty.expect("[2]# ");
    tty.send("readonly r=1; r=2\r");
    tty.expect("r is read-only");
    tty.expect("# ");
    tty.send("echo still-$((1))\r");
    tty.expect("still-1");
    assert!(!tty.shown().contains("not-1"));
}

#[test]
fn a_program_owns_the_terminal_in_the_foreground() {
    let mut tty = Tty::shell();
    tty.send("timeout 60 /bin/cat\r");
    tty.runs("cat");
    tty.send("typed\r");
    // The terminal's echo, and cat's.
    tty.expect("typed\r\ntyped\r\n");
    tty.send("\x03");
    tty.expect("[130]# ");
    tty.send("(/bin/cat) | /bin/cat\r");
    tty.cooked();
    tty.send("again\r");
    tty.expect("again\r\nagain\r\n");
    tty.send("\x04");
    tty.expect("# ");
}
