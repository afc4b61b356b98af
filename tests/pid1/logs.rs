//! Logs: what services write, kept by PID 1 and read back, whatever they write and whoever reads.

use std::io::Read;
use std::process::{Child, Command, Stdio as Pipe};
use std::time::{Duration, Instant};

use initsh::supervise::log::reader::Reader;
use initsh::supervise::setup::{Setup, Stdio};
use initsh::supervise::spec::{Restart, ServiceSpec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{INITSH, Init, LIMIT, answers_within, shell, skipped};

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
    let before = init.cpu();
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        init.cpu() - before < Duration::from_millis(50),
        "a waiting client keeps PID 1 busy"
    );
    init.client().stop("again", LIMIT).unwrap();
    init.client()
        .spawn(&logged("again", Restart::Never, "echo new"))
        .unwrap();
    assert_eq!(follower.lines(1), "new\n");
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
    init.client().stop("chatty", LIMIT).unwrap();
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
    answers_within(Duration::from_millis(50), &init);
    drop(stuck);
    let mut yes = Vec::new();
    for service in init.client().services().unwrap() {
        yes.push(Pid::from_raw(service.pid.unwrap()));
    }
    // What it has written so far is whole lines.
    let (_, text, _) = logs(&init, &["yes1"]);
    assert!(text.len() > 32 * 1024 && text.chunks(2).all(|line| line == b"y\n"));
    init.client().stop("yes0", LIMIT).unwrap();
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
    assert!(begun.elapsed() < LIMIT / 4);
    assert_eq!(followers[69].lines(1), "late\n");
    drop(followers);
    for pid in init.processes() {
        if pid != init.pid {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }
}

fn filed(name: &str, file: &std::path::Path, size: u64, text: &str) -> ServiceSpec {
    let mut spec = logged(name, Restart::Never, text);
    spec.setup.log_file = Some((file.into(), size));
    spec
}

/// The processes that write log files.
fn writers(init: &Init) -> Vec<Pid> {
    let writer = |pid: &Pid| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm == "log\n")
    };
    init.processes().into_iter().filter(writer).collect()
}

#[test]
fn a_log_file_is_rotated_at_its_size() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let file = init.directory().join("web.log");
    let older = init.directory().join("web.log.1");
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let text = "for n in $(seq 3000); do echo line $n; done; printf unfinished; sleep 0.1; echo; exec sleep 1000";
    init.client()
        .spawn(&filed("web", &file, 10_000, text))
        .unwrap();
    init.until("the last line", || {
        read(&file)
            .ends_with("line 3000\nunfinished\n")
            .then_some(())
    });
    let (newer, before) = (read(&file), read(&older));
    assert!(newer.len() <= 10_000 && before.len() <= 10_000);
    assert!(before.len() > 9_000, "{} bytes", before.len());
    // Whole lines, none missing, none twice.
    let both: Vec<_> = before.lines().chain(newer.lines()).collect();
    let first: usize = both[0].strip_prefix("line ").unwrap().parse().unwrap();
    let expected: Vec<_> = (first..=3000).map(|n| format!("line {n}")).collect();
    assert_eq!(both[..both.len() - 1], expected);
    assert_eq!(writers(&init).len(), 1);
    // Who moves the file away gets a new one; who kills the writer gets a new one, too.
    std::fs::rename(&file, init.directory().join("kept")).unwrap();
    init.client().stop("web", LIMIT).unwrap();
    init.client()
        .spawn(&filed("web", &file, 10_000, "echo moved"))
        .unwrap();
    init.until("a new file", || (read(&file) == "moved\n").then_some(()));
    for pid in writers(&init) {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    init.in_state("web", "Stopped");
    init.client()
        .spawn(&filed("web", &file, 10_000, "echo killed"))
        .unwrap();
    init.until("a new writer", || {
        (read(&file) == "moved\nkilled\n").then_some(())
    });
    let reaped = init.initsh(&["reap"]);
    assert!(
        !String::from_utf8_lossy(&reaped.stdout).contains("log"),
        "{reaped:?}"
    );
}

#[test]
fn a_disk_that_is_full_costs_lines_and_nothing_else() {
    if skipped() {
        return;
    }
    let prepare = "mkdir small && mount -t tmpfs -o size=16k none small && head -c 12k /dev/zero > small/ballast";
    let init = Init::prepared(prepare, "exec sleep 1000");
    init.client();
    let small = init.directory().join("small");
    let inside = format!("/proc/{}/root{}", init.pid, small.display());
    let file = std::path::Path::new(&inside).join("web.log");
    // 12 KiB fit nowhere, 64 KiB are kept.
    let text = "seq 10000 12000; seq 20000; sleep 1; echo last; exec sleep 1000";
    let spec = filed("web", &small.join("web.log"), 1 << 20, text);
    init.client().spawn(&spec).unwrap();
    init.until("a word about it", || {
        init.log()
            .contains("web.log: ENOSPC (No space left on device)")
            .then_some(())
    });
    answers_within(Duration::from_millis(50), &init);
    init.until("its last line", || {
        let (_, text, _) = logs(&init, &["-n", "1", "web"]);
        (text == b"last\n").then_some(())
    });
    // What has not found room is taken back a moment after it was written.
    init.until("whole lines", || {
        let cramped = std::fs::read_to_string(&file).unwrap();
        (cramped.is_empty() || cramped.ends_with('\n')).then_some(())
    });
    let grown = format!("mount -o remount,size=1m {}", small.display());
    let pid = init.pid.to_string();
    let done = Command::new("nsenter")
        .args(["-t", &pid, "-m", "/bin/sh", "-c", &grown])
        .status();
    assert!(done.unwrap().success());
    let text = init.until("the file goes on", || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.ends_with("\n20000\nlast\n").then_some(text)
    });
    // Each line is there or counted, in its order.
    let mut lines = 0;
    for line in text.lines() {
        match line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(" lines lost]"))
        {
            Some(lost) => lines += lost.parse::<usize>().unwrap(),
            None => lines += 1,
        }
    }
    assert_eq!(lines, 2001 + 20_000 + 1);
}

#[test]
fn what_is_no_regular_file_is_not_written() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let at = |name: &str| init.directory().join(name);
    nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(at("secret"), "").unwrap();
    std::os::unix::fs::symlink(at("secret"), at("link")).unwrap();
    for (name, why) in [
        ("fifo", "ENXIO (it is no regular file)"),
        ("link", "ELOOP (it is a symbolic link)"),
        ("no/such", "ENOENT (No such file or directory)"),
    ] {
        let service = name.replace('/', "-");
        let spec = filed(&service, &at(name), 1 << 20, "echo text; exec sleep 1000");
        init.client().spawn(&spec).unwrap();
        let expected = format!("{}: {why}", at(name).display());
        init.until(&expected, || init.log().contains(&expected).then_some(()));
        init.until("its text", || {
            (logs(&init, &[&service]).1 == b"text\n").then_some(())
        });
    }
    assert_eq!(std::fs::read(at("secret")).unwrap(), b"");
}

#[test]
fn the_last_words_of_a_service_are_filed_before_the_end() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let file = init.directory().join("web.log");
    let text = "trap 'echo farewell; exit 0' TERM; echo hello; while :; do sleep 0.05; done";
    init.client()
        .spawn(&filed("web", &file, 1 << 20, text))
        .unwrap();
    init.until("its first words", || {
        (std::fs::read(&file).unwrap_or_default() == b"hello\n").then_some(())
    });
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    // Half of the deadline is what services have.
    assert!(
        begun.elapsed() < Duration::from_secs(14),
        "{:?}",
        begun.elapsed()
    );
    // The shell has a word about its child in between.
    let text = std::fs::read(&file).unwrap();
    assert!(text.starts_with(b"hello\n") && text.ends_with(b"farewell\n"));
}

#[test]
fn a_log_goes_on_under_another_program_of_pid_1() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let file = init.directory().join("web.log");
    let text = "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.01; done";
    init.client()
        .spawn(&filed("web", &file, 1 << 20, text))
        .unwrap();
    let mut follower = Follower::new(&init, &["web"]);
    let mut seen = follower.lines(20);
    for _ in 0..3 {
        let upgraded = init.initsh(&["upgrade", INITSH]);
        assert!(upgraded.status.success(), "{upgraded:?}");
        seen += &follower.lines(20);
    }
    init.client().stop("web", LIMIT).unwrap();
    let (_, all, _) = logs(&init, &["web"]);
    let all = String::from_utf8(all).unwrap();
    for (line, number) in all.lines().zip(1..) {
        assert_eq!(line.parse(), Ok(number));
    }
    assert!(all.starts_with(&seen));
    init.until("the whole file", || {
        (std::fs::read_to_string(&file).unwrap_or_default() == all).then_some(())
    });
}
