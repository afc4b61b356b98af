//! spawn, reap, services, stop: as a client library and as commands.

use std::time::{Duration, Instant};

use initsh::supervise::protocol::{Target, Until};
use initsh::supervise::spec::{Ready, Restart};
use initsh::sys::child::Exit;
use nix::sys::signal::Signal;

use super::support::{Init, LIMIT, shell, skipped};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_service_runs_is_listed_and_stopped() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let web = init.spawn("web", Restart::Always, "exec sleep 1000");
    assert_eq!(web.state, "Running");
    assert!(web.pid.is_some());
    let error = init
        .client()
        .spawn(&shell("web", Restart::Never, "true"))
        .unwrap_err();
    let expected = format!(
        "service 'web' is already Running (pid {})",
        web.pid.unwrap()
    );
    assert_eq!(error.to_string(), expected);
    init.client().stop("web", LIMIT).unwrap();
    let stopped = init.service("web");
    assert_eq!((stopped.state.as_str(), stopped.pid), ("Stopped", None));
    assert_eq!(stopped.exit, Some(Exit::Signal(15)));
    // Its name is free again.
    init.spawn("web", Restart::Never, "exec sleep 1000");
}

#[test]
fn one_that_ignores_sigterm_is_killed() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn(
        "deaf",
        Restart::Always,
        "trap '' TERM; while :; do sleep 1; done",
    );
    init.hears("deaf", Signal::SIGTERM);
    let grace = Some(Duration::from_millis(500));
    init.client().stop_within("deaf", grace, LIMIT).unwrap();
    assert_eq!(init.service("deaf").exit, Some(Exit::Signal(9)));
}

#[test]
fn one_that_crashes_is_started_again_later_and_later() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let begun = Instant::now();
    init.spawn("crash", Restart::OnFailure, "exit 3");
    let status = init.until("four runs", || {
        let status = init.service("crash");
        (status.starts >= 4 && status.state == "Backoff").then_some(status)
    });
    assert_eq!(status.reason, "exit 3");
    // 250, 500 and 1000 ms.
    assert!(begun.elapsed() > Duration::from_millis(1750));
    // And up to a tenth of that.
    let log = init.log();
    let said =
        |tens: u32| log.contains(&format!("crash ended: exit 3; starting it again in {tens}"));
    assert!((50..=55).any(said), "{log}");
    init.client().stop("crash", LIMIT).unwrap();
    let starts = init.service("crash").starts;
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(init.service("crash").starts, starts);
}

#[test]
fn what_cannot_be_executed_fails_at_once() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let mut missing = shell("missing", Restart::Always, "");
    missing.program = initsh::supervise::spec::Program::Path("/no/such".into());
    let error = init.client().spawn(&missing).unwrap_err();
    assert_eq!(error.status(), 127, "{error}");
    assert!(error.to_string().contains("ENOENT"), "{error}");
    assert_eq!(init.service("missing").state, "Failed");
    let mut nowhere = shell("nowhere", Restart::Always, "true");
    nowhere.cwd = "/no/such/directory".into();
    let error = init.client().spawn(&nowhere).unwrap_err().to_string();
    let words = "service 'nowhere': cannot enter its working directory /no/such/directory: ENOENT";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn readiness_is_a_newline_on_the_descriptor() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let go = init.directory().join("go");
    let text = format!(
        "until [ -e {} ]; do sleep 0.05; done; echo >&$INITSH_READY_FD; exec sleep 1000",
        go.display()
    );
    let mut late = shell("late", Restart::Never, &text);
    late.ready = Ready::Descriptor;
    assert_eq!(init.client().spawn(&late).unwrap().state, "Starting");
    let soon = Duration::from_millis(50);
    let early = init.client().wait_ready("late", soon).unwrap();
    assert_eq!(early.state, "Starting");
    std::fs::write(go, "").unwrap();
    let ready = init.client().wait_ready("late", LIMIT).unwrap();
    assert_eq!(ready.state, "Running");
    // One that ends without it is told at once.
    let mut never = shell("never", Restart::Never, "exit 4");
    never.ready = Ready::Descriptor;
    init.client().spawn(&never).unwrap();
    let ended = init.client().wait_ready("never", LIMIT).unwrap();
    assert_eq!(ended.state, "Failed");
}

#[test]
fn children_have_nothing_of_pid_1() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let text = "ls -l /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status; cut -d' ' -f6 /proc/self/stat";
    let name = init.directory().join("seen");
    let text = format!("exec > {}; {text}", name.display());
    init.spawn("look", Restart::Never, &text);
    init.in_state("look", "Stopped");
    let seen = std::fs::read_to_string(name).unwrap();
    let descriptors: Vec<_> = seen.lines().filter(|line| line.contains("->")).collect();
    // 0 to 2, and that of ls on the directory.
    assert_eq!(descriptors.len(), 4, "{seen}");
    assert!(descriptors[0].ends_with("/dev/null"), "{seen}");
    assert!(seen.contains("SigBlk:\t0000000000000000"), "{seen}");
    let ignored = seen.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    let ignored = u64::from_str_radix(ignored.unwrap(), 16).unwrap();
    // 32 and 33 belong to the C library, which lets nobody set them; posix_spawn ignores them.
    assert_eq!(ignored & !(3 << 31), 0, "{seen}");
    let session = seen.lines().last().unwrap();
    assert_ne!(session, "1", "no session of its own");
}

#[test]
fn waiting_takes_over_the_status() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let go = init.directory().join("go");
    let text = |end: &str| format!("until [ -e {} ]; do sleep 0.05; done; {end}", go.display());
    init.spawn("job", Restart::Never, &text("exit 7"));
    let wait = |name: &str, limit| {
        let target = Target::Name(name.into());
        let limit = Some(Duration::from_millis(limit));
        init.client().wait_end(target, Until::Exit, limit)
    };
    assert_eq!(wait("job", 10), Ok(None));
    std::fs::write(&go, "").unwrap();
    assert_eq!(wait("job", 100_000), Ok(Some(Exit::Code(7))));
    // And again, at once.
    assert_eq!(wait("job", 0), Ok(Some(Exit::Code(7))));
    let error = wait("nobody", 0).unwrap_err().to_string();
    assert_eq!(error, "there is no service 'nobody'");
    std::fs::remove_file(&go).unwrap();
    let killed = init.spawn("killed", Restart::Never, &text("kill -9 $$"));
    let target = Target::Pid(killed.pid.unwrap_or(0));
    let mut client = init.client();
    let waiting = std::thread::spawn(move || client.wait_end(target, Until::Exit, None));
    // Either way it is told; most often while it waits.
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(&go, "").unwrap();
    let exit = waiting.join().unwrap();
    assert_eq!(exit, Ok(Some(Exit::Signal(9))));
    let stranger = init
        .client()
        .wait_end(Target::Pid(99_999), Until::Exit, None);
    assert!(stranger.unwrap_err().to_string().contains("not a child"));
}

#[test]
fn the_commands() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let run = |args: &[&str]| {
        let output = init.initsh(args);
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let ok = (0, String::new(), String::new());
    assert_eq!(run(&["spawn", "--name", "a", "/bin/sleep", "1000"]), ok);
    let (_, services, _) = run(&["services"]);
    assert!(services.starts_with("NAME  STATE"), "{services}");
    let row: Vec<_> = services
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(row[..2], ["a", "Running"]);
    let job = ["spawn", "--wait", "--name", "b", "/bin/sh", "-c", "exit 9"];
    assert_eq!(run(&job).0, 9);
    let (status, reaped, _) = run(&["reap"]);
    assert_eq!(status, 0);
    let row: Vec<_> = reaped.split_whitespace().collect();
    assert_eq!(row[1..4], ["b", "exit", "9"], "{reaped}");
    assert_eq!(run(&["reap"]), ok);
    let (status, _, error) = run(&["reap", "--wait", "a", "--timeout", "0.1"]);
    assert_eq!(status, 124);
    assert!(error.contains("a is still running"), "{error}");
    assert_eq!(run(&["stop", "a"]), ok);
    assert_eq!(run(&["reap", "--wait", "a"]).0, 128 + 15);
    let (status, _, error) = run(&["stop", "nobody"]);
    assert_eq!(status, 1);
    assert!(error.contains("there is no service 'nobody'"), "{error}");
    assert_eq!(run(&["spawn", "no-such-program"]).0, 127);
    assert_eq!(run(&["spawn", "--restart", "often", "ls"]).0, 2);
    assert_eq!(run(&["poweroff", "--status", "128"]).0, 2);
}

#[test]
fn without_a_pid_1_to_ask_they_say_so() {
    if skipped() {
        return;
    }
    for command in [
        &["spawn", "true"][..],
        &["services"],
        &["reap"],
        &["stop", "x"],
        &["poweroff"],
        &["reboot"],
        &["halt"],
    ] {
        let output = std::process::Command::new(super::support::INITSH)
            .args(command)
            .env("INITSH_RUN", "/nowhere")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let error = text(&output.stderr);
        let expected = "no initsh is PID 1 here (no control socket at /nowhere/control)";
        assert!(error.contains(expected), "{command:?}: {error}");
    }
}

#[test]
fn a_flood_of_signals_is_harmless() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    init.client();
    for _ in 0..200 {
        for signal in [
            Signal::SIGUSR1,
            Signal::SIGHUP,
            Signal::SIGCHLD,
            Signal::SIGSEGV,
        ] {
            init.signal(signal);
        }
    }
    // While services are being stopped, none is taken.
    let spec = super::support::shell("alive", Restart::Never, "exec sleep 1000");
    init.until("a service", || init.client().spawn(&spec).ok());
    assert!(init.is_alive());
}
