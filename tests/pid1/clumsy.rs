//! What people do by mistake: PID 1 goes on, and what it says leads to the mistake.

use std::fs;
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::time::Instant;

use initsh::supervise::protocol::Request;
use initsh::supervise::spec::Restart;
use initsh::sys::seqpacket;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use super::support::{INITSH, Init, LIMIT, program, skipped};

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `initsh SPAWN…`, with paths from PID 1's directory.
fn run(init: &Init, words: &str) -> Output {
    let words = words.replace("$DIR", &init.directory().to_string_lossy());
    init.initsh(&words.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_storm_leaves_the_console_to_people() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let begun = Instant::now();
    let made = run(
        &init,
        "spawn --name storm --restart always --backoff 10ms..10ms -- /bin/false",
    );
    assert!(made.status.success(), "{}", errors(&made));
    init.until("fifty starts", || {
        (init.service("storm").starts > 50).then_some(())
    });
    let said = init.log().matches("storm ended: exit 1").count();
    // Five in ten seconds.
    let most = 5 * (1 + begun.elapsed().as_secs() as usize / 10) + 5;
    assert!((1..=most).contains(&said), "{said} lines\n{}", init.log());
    init.until("how many were left out", || {
        init.log().contains("such lines left out)").then_some(())
    });
}

#[test]
fn whoever_stops_what_another_starts_is_told() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let go = init.directory().join("go");
    let text = format!(
        "trap 'until [ -e {} ]; do sleep 0.05; done; exit' TERM; while :; do sleep 0.1; done",
        go.display()
    );
    init.spawn("slow", Restart::Never, &text);
    init.hears("slow", Signal::SIGTERM);
    let stop = std::thread::scope(|scope| {
        let stop = scope.spawn(|| run(&init, "stop slow"));
        init.in_state("slow", "Stopping");
        // It answers when there is a new process: it has to be asked before the old one ends.
        let socket = seqpacket::connect(&init.socket(), 5).unwrap();
        let restart = Request::Restart("slow".into(), LIMIT).encode();
        seqpacket::send_message(socket.as_fd(), &restart).unwrap();
        init.client().services().unwrap();
        fs::write(&go, "").unwrap();
        let stop = stop.join().unwrap();
        init.in_state("slow", "Running");
        stop
    });
    assert_eq!(stop.status.code(), Some(1));
    let expected = "stop: service 'slow' has stopped, and somebody has started it again\n";
    assert_eq!(errors(&stop), expected);
    assert_eq!(init.service("slow").state, "Running");
}

#[test]
fn why_a_service_does_not_get_on() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let directory = init.directory();
    nix::unistd::mkfifo(&directory.join("fifo"), Mode::S_IRWXU).unwrap();
    let held = run(&init, "spawn --name held --stdout $DIR/fifo -- /bin/echo");
    assert!(held.status.success());
    let expected =
        "spawn: held waits for its files or its program; going on without waiting for it\n";
    assert_eq!(errors(&held), expected);
    assert_eq!(
        init.service("held").reason,
        "waits for its files or its program"
    );
    assert!(run(&init, "stop held").status.success());

    let closes = directory.join("closes");
    let text = b"#!/bin/sh\neval \"exec $INITSH_READY_FD>&-\"\nsleep 1000\n";
    program(&closes, text, 0o755);
    assert!(
        run(&init, "spawn --ready fd -- $DIR/closes")
            .status
            .success()
    );
    let reason = "not ready yet: it has closed its descriptor without a newline";
    init.until("the reason", || {
        (init.service("closes").reason == reason).then_some(())
    });
    let late = run(&init, "start --wait --timeout 100ms closes");
    assert_eq!(late.status.code(), Some(124));
    let expected = format!("start: service 'closes' is not ready: Starting ({reason})\n");
    assert_eq!(errors(&late), expected);

    for (name, text, says) in [
        (
            "bad",
            "#!/no/such\n",
            "ENOENT (No such file or directory); it, its loader or the program after '#!' is missing",
        ),
        (
            "none",
            "echo\n",
            "ENOEXEC (Exec format error); a script without '#!', or for another processor",
        ),
    ] {
        let path = directory.join(name);
        program(&path, text.as_bytes(), 0o755);
        let bad = run(&init, &format!("spawn $DIR/{name}"));
        let path = path.display();
        let expected = format!("spawn: service '{name}': cannot execute {path}: {says}\n");
        assert_eq!(errors(&bad), expected);
    }
    let empty = init.initsh(&["upgrade", ""]);
    assert_eq!(errors(&empty), "upgrade: an empty path\n");
}

#[test]
fn a_fifo_is_no_service_file() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let (one, two) = (init.directory().join("one"), init.directory().join("two"));
    fs::write(&one, "-- sleep 1000\n").unwrap();
    fs::write(&two, "-- sleep 1000\n").unwrap();
    assert!(run(&init, "service $DIR/one $DIR/two").status.success());
    fs::remove_file(&one).unwrap();
    nix::unistd::mkfifo(&one, Mode::S_IRWXU).unwrap();
    fs::write(&two, "--nice 5\n-- sleep 1000\n").unwrap();
    let again = run(&init, "service --reload");
    let expected = format!(
        "service: one stays as it was: {}: not a file\n",
        one.display()
    );
    assert_eq!(errors(&again), expected);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!(said, "two: nice changed, from its next start on\n");
}

#[test]
fn files_that_wait_for_each_other() {
    if skipped() {
        return;
    }
    let init = Init::new();
    for (name, text) in [
        ("x", "--needs y\n-- sleep 9\n"),
        ("y", "--after x\n-- sleep 9\n"),
    ] {
        fs::write(init.directory().join(name), text).unwrap();
    }
    let refused = run(&init, "service $DIR/x $DIR/y");
    assert_eq!(refused.status.code(), Some(1));
    let expected = "service: x waits for y waits for x: none would ever start\n";
    assert_eq!(errors(&refused), expected);
}

/// In namespaces of its own, so that a boot that begins anyway changes nothing of this machine.
#[test]
fn only_pid_1_starts_the_boot_role() {
    if skipped() {
        return;
    }
    let by_hand = Command::new("timeout")
        .args(["-k", "1", "60", "unshare", "--mount", "--net", "--uts"])
        .args(["--pid", "--fork", "--kill-child"])
        .args(["/bin/sh", "-c", "\"$0\" --boot; exit $?", INITSH])
        .output()
        .expect("unshare");
    let errors = errors(&by_hand);
    assert_eq!(by_hand.status.code(), Some(2), "{errors}");
    assert_eq!(
        errors,
        "initsh: --boot: only PID 1 starts this role; 'initsh FILE' runs a script\n"
    );
}
