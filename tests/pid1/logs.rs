//! Logs: what services write, kept by PID 1 and read back, whatever they write and whoever reads.

use std::io::Read;
use std::process::{Child, Command, Stdio as Pipe};
use std::time::{Duration, Instant};

use initsh::supervise::log::reader::Reader;
use initsh::supervise::setup::{Setup, Stdio};
use initsh::supervise::spec::{Restart, ServiceSpec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{INITSH, Init, shell, skipped, typical_answer};

fn logged(name: &str, restart: Restart, text: &str) -> ServiceSpec {
    ServiceSpec {
        setup: Setup {
            stdout: Stdio::Log,
            stderr: Stdio::Log,
            ..Setup::default()
        },
        ..shell(name, restart, text)
    }
}

/// `logs ARGS…`: its status, output and errors.
fn logs(init: &Init, args: &[&str]) -> (i32, Vec<u8>, String) {
    let output = init.initsh(&[&["logs"], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), output.stdout, errors)
}

/// `logs -f ARGS…`, ended when dropped.
struct Follower(Child);

impl Follower {
    fn new(init: &Init, args: &[&str]) -> Self {
        let child = Command::new(INITSH)
            .args(["logs", "-f"])
            .args(args)
            .env("INITSH_RUN", init.directory().join("run"))
            .stdin(Pipe::null())
            .stdout(Pipe::piped())
            .stderr(Pipe::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Reads this many lines.
    fn lines(&mut self, count: usize) -> String {
        let out = self.0.stdout.as_mut().unwrap();
        let mut text = Vec::new();
        let mut byte = [0];
        while text.iter().filter(|&&byte| byte == b'\n').count() < count {
            assert_eq!(out.read(&mut byte).unwrap(), 1, "it has ended");
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_service_has_written_outlives_it() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let text = "echo out; echo err >&2; printf 'a\\000\\377\\n'; printf 'no newline'";
    init.client()
        .spawn(&logged("once", Restart::Never, text))
        .unwrap();
    init.in_state("once", "Stopped");
    let all = b"out\nerr\na\0\xff\nno newline\n".to_vec();
    assert_eq!(logs(&init, &["once"]), (0, all, String::new()));
    assert_eq!(logs(&init, &["-n", "1", "once"]).1, b"no newline\n");
    assert_eq!(logs(&init, &["-n", "0", "once"]).1, b"");
    // Declared anew, its log goes on.
    init.client()
        .spawn(&logged("once", Restart::Never, "echo again"))
        .unwrap();
    init.in_state("once", "Stopped");
    assert_eq!(logs(&init, &["-n", "2", "once"]).1, b"no newline\nagain\n");
    // Its own log is nothing that it could read, or be ended by.
    let (status, _, errors) = logs(&init, &["nobody"]);
    assert_eq!(
        (status, errors.trim_end()),
        (1, "logs: there is no service 'nobody'")
    );
    init.spawn("silent", Restart::Never, "exec sleep 1000");
    let (status, _, errors) = logs(&init, &["silent"]);
    assert_eq!(status, 1);
    assert!(
        errors.contains("start it with --stdout log --stderr log"),
        "{errors}"
    );
    assert_eq!(logs(&init, &["-n", "few", "once"]).0, 2);
}

#[test]
fn a_follower_sees_a_service_through_its_restarts() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let text = "n=$(cat n 2>/dev/null); n=$((n + 1)); echo $n > n; echo run $n; sleep 0.05; [ $n = 3 ] && exec sleep 1000; exit 1";
    let mut spec = logged("again", Restart::Always, text);
    spec.backoff = (Duration::from_millis(10), Duration::from_millis(10));
    spec.cwd = init.directory().into();
    init.client().spawn(&spec).unwrap();
    let mut follower = Follower::new(&init, &["again"]);
    assert_eq!(follower.lines(3), "run 1\nrun 2\nrun 3\n");
    // A second look costs PID 1 no time while nothing comes.
    let before = cpu(&init);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        cpu(&init) - before <= 1,
        "a waiting client keeps PID 1 busy"
    );
    init.client().stop("again", Duration::from_secs(2)).unwrap();
    init.client()
        .spawn(&logged("again", Restart::Never, "echo new"))
        .unwrap();
    assert_eq!(follower.lines(1), "new\n");
}

/// PID 1's CPU time in ticks of 10 ms.
fn cpu(init: &Init) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", init.pid)).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}

#[test]
fn lines_that_make_room_are_counted() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let text = "seq 50000; head -c 1048576 /dev/zero | tr '\\0' x; echo; echo end; exec sleep 1000";
    init.client()
        .spawn(&logged("chatty", Restart::Never, text))
        .unwrap();
    let (text, errors) = init.until("its last line", || {
        let (_, text, errors) = logs(&init, &["chatty"]);
        let text = String::from_utf8(text).unwrap();
        text.ends_with("end\n").then_some((text, errors))
    });
    assert!(text.len() > 40 * 1024, "{} bytes are kept", text.len());
    let kept: Vec<_> = text.lines().collect();
    let last: usize = kept[kept.len() - 3].parse().unwrap();
    assert_eq!(last, 50_000);
    let cut = kept[kept.len() - 2];
    assert!(cut.ends_with("x [1040384 bytes cut]"));
    let lost = 50_000 - (kept.len() - 2);
    assert_eq!(kept[0].parse(), Ok(lost + 1));
    assert!(
        errors.contains(&format!("{lost} lines are lost here")),
        "{errors}"
    );
    // Someone who has read up to here misses exactly what comes too fast for him.
    let mut reader = Reader::with(init.client(), "chatty");
    while reader.next(Duration::ZERO).unwrap().more {}
    init.client()
        .stop("chatty", Duration::from_secs(2))
        .unwrap();
    init.client()
        .spawn(&logged("chatty", Restart::Never, "seq 30000"))
        .unwrap();
    init.in_state("chatty", "Stopped");
    let mut piece = reader.next(Duration::ZERO).unwrap();
    let missed = piece.missed as usize;
    let first = String::from_utf8_lossy(&piece.bytes).into_owned();
    assert_eq!(first.lines().next().unwrap().parse(), Ok(missed + 1));
    while piece.more {
        piece = reader.next(Duration::ZERO).unwrap();
        assert_eq!(piece.missed, 0);
    }
    assert!(piece.bytes.ends_with(b"\n30000\n"));
}

#[test]
fn a_flood_of_output_keeps_nobody_waiting() {
    if skipped() {
        return;
    }
    let init = Init::new();
    for n in 0..4 {
        let name = format!("yes{n}");
        init.client()
            .spawn(&logged(&name, Restart::Never, "exec yes"))
            .unwrap();
    }
    // Never reads what it asks for.
    let stuck: Vec<_> = (0..20).map(|_| Follower::new(&init, &["yes0"])).collect();
    std::thread::sleep(Duration::from_millis(300));
    let answer = typical_answer(&init);
    println!("typical answer beside 4 'yes' and 20 followers: {answer:?}");
    assert!(answer < Duration::from_millis(50), "{answer:?}");
    drop(stuck);
    let mut yes = Vec::new();
    for service in init.client().services().unwrap() {
        yes.push(Pid::from_raw(service.pid.unwrap()));
    }
    // What it has written so far is whole lines.
    let (_, text, _) = logs(&init, &["yes1"]);
    assert!(text.len() > 32 * 1024 && text.chunks(2).all(|line| line == b"y\n"));
    init.client().stop("yes0", Duration::from_secs(2)).unwrap();
    assert_eq!(init.service("yes0").state, "Stopped");
}

#[test]
fn neither_followers_nor_what_is_left_behind_stand_in_the_way() {
    if skipped() {
        return;
    }
    let init = Init::new();
    // A child that outlives the service goes on writing into the same log.
    let text = "(sleep 0.5; echo late; exec sleep 1000) & echo early";
    let spec = logged("parent", Restart::Never, text);
    init.client().spawn(&spec).unwrap();
    init.in_state("parent", "Stopped");
    let mut followers: Vec<_> = (0..70).map(|_| Follower::new(&init, &["parent"])).collect();
    assert!(followers[69].lines(1).starts_with("early"));
    // More of them than PID 1 has places: they make room, and come back.
    let begun = Instant::now();
    init.client().services().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(followers[69].lines(1), "late\n");
    drop(followers);
    for pid in init.processes() {
        if pid != init.pid {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }
}
