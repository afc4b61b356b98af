//! Every way in which PID 1 is asked for an end, and everything that may be in its way.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use initsh::supervise::protocol::{Power, Urgency};
use initsh::supervise::setup::Stdio;
use initsh::supervise::spec::{Restart, ServiceSpec};
use initsh::sys::priority;
use initsh::sys::signal::send;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::contained::status_field;
use super::support::{Init, has_trap, shell, skipped, within};

/// Does nothing when it is asked to end.
const DEAF: &str = "trap '' TERM HUP INT; while :; do sleep 1; done";

/// SIGRTMIN + n, as whoever sends it counts.
fn realtime(n: i32) -> i32 {
    34 + n
}

fn after(time: f64) {
    std::thread::sleep(Duration::from_secs_f64(time));
}

/// A PID 1 whose whole end may take so long, with a service that does not want to end.
fn stubborn(seconds: u32) -> Init {
    let init = Init::prepared(&format!("WORDS=--shutdown={seconds}"), "exec sleep 1000");
    let spec = ServiceSpec {
        stop_timeout: Duration::from_secs(60),
        ..shell("deaf", Restart::Always, DEAF)
    };
    init.client().spawn(&spec).unwrap();
    init.hears("deaf", Signal::SIGTERM);
    init
}

/// What asks nobody takes no longer than this; what waits for somebody, half of 30 s.
const NO_WAIT: Duration = Duration::from_secs(12);

#[test]
fn real_time_signals_as_container_engines_send_them() {
    if skipped() {
        return;
    }
    let (hangup, interrupt) = (-(Signal::SIGHUP as i32), -(Signal::SIGINT as i32));
    for (n, end) in [(3, interrupt), (4, 0), (5, hangup)] {
        let mut init = Init::new();
        init.client();
        send(init.pid.as_raw(), realtime(n)).unwrap();
        assert_eq!(init.ended(), end, "SIGRTMIN+{n}");
    }
    for (n, end) in [(13, interrupt), (14, 0), (15, hangup)] {
        let mut init = stubborn(30);
        let begun = Instant::now();
        send(init.pid.as_raw(), realtime(n)).unwrap();
        assert_eq!(init.ended(), end, "SIGRTMIN+{n}");
        assert!(begun.elapsed() < NO_WAIT, "SIGRTMIN+{n} waits");
    }
}

#[test]
fn no_signal_is_lost_in_a_flood_and_a_flood_is_one_request() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let note = init.directory().join("note");
    let text = format!(
        "trap 'sleep 0.5; echo saved > {}; exit' TERM; while :; do sleep 0.1; done",
        note.display()
    );
    init.spawn("db", Restart::Always, &text);
    init.hears("db", Signal::SIGTERM);
    let pid = init.pid.as_raw();
    // These mean nothing; the last real-time ones wait in a queue behind each other.
    for round in 0..20_000 {
        let nothing = [
            Signal::SIGCHLD as i32,
            Signal::SIGWINCH as i32,
            realtime(20),
        ];
        let _ = send(pid, nothing[round % 3]);
    }
    // Within a second, which makes them one.
    priority::raise();
    for _ in 0..1000 {
        let _ = send(pid, Signal::SIGTERM as i32);
        let _ = send(pid, realtime(4));
    }
    priority::lower();
    assert_eq!(init.ended(), 0);
    assert_eq!(fs::read_to_string(note).unwrap(), "saved\n");
}

#[test]
fn the_deadline_holds_whatever_a_service_says() {
    if skipped() {
        return;
    }
    let mut init = stubborn(4);
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    let took = begun.elapsed();
    println!("4 s, took {took:?}");
    assert!(took > Duration::from_secs(2), "{took:?}");
    // And not half of a minute, or of the service's own.
    assert!(took < Duration::from_secs(14), "{took:?}");
    let log = init.log();
    assert!(log.contains("waiting for deaf: Stopping, 1 s"), "{log}");
}

#[test]
fn a_second_request_goes_on_to_the_next_stage() {
    if skipped() {
        return;
    }
    for second in [Signal::SIGTERM as i32, Signal::SIGINT as i32, realtime(3)] {
        let mut init = stubborn(30);
        init.signal(Signal::SIGTERM);
        after(1.2);
        assert!(init.is_alive());
        let begun = Instant::now();
        send(init.pid.as_raw(), second).unwrap();
        // What was decided first is what happens.
        assert_eq!(init.ended(), 0);
        assert!(begun.elapsed() < NO_WAIT);
        let log = init.log();
        assert!(
            log.contains("asked again, so every process is killed"),
            "{log}"
        );
    }
}

#[test]
fn forced_ends_ask_nobody() {
    if skipped() {
        return;
    }
    for urgency in [Urgency::Forced, Urgency::AtOnce] {
        let mut init = stubborn(30);
        let begun = Instant::now();
        init.client().end(Power::Off(9), urgency).unwrap();
        assert_eq!(init.ended(), 9);
        assert!(begun.elapsed() < NO_WAIT, "{urgency:?}");
    }
    let mut init = stubborn(30);
    let output = init.initsh(&["poweroff", "--force", "-f", "--status", "5"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(init.ended(), 5);
}

#[test]
fn stopped_processes_end() {
    if skipped() {
        return;
    }
    let boot = "(setsid sh -c 'kill -STOP $$') & exec sleep 1000";
    let mut init = Init::with_boot(boot);
    init.spawn("stopped", Restart::Always, "kill -STOP $$; sleep 1000");
    init.until("both stopped", || {
        let stopped = |pid: &&Pid| status_field(**pid, "State").starts_with('T');
        (init.processes().iter().filter(stopped).count() == 2).then_some(())
    });
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    let took = begun.elapsed();
    // One that does not stop is killed when half of 30 s are over.
    assert!(took < NO_WAIT, "{took:?}");
}

#[test]
fn a_tree_that_grows_while_it_is_killed() {
    if skipped() {
        return;
    }
    let tree = "trap '' TERM HUP; i=0
        grow() { while [ $i -lt 4000 ]; do (trap '' TERM; setsid sleep 0.3) & i=$((i + 1)); done; sleep 9; }
        grow & grow";
    let mut init = Init::prepared("WORDS=--shutdown=6", "exec sleep 1000");
    let spec = ServiceSpec {
        stop_timeout: Duration::from_millis(300),
        ..shell("tree", Restart::Always, tree)
    };
    init.client().spawn(&spec).unwrap();
    after(0.3);
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    let took = begun.elapsed();
    println!("a growing tree: {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// The child waits for somebody who reads the FIFO and has not executed anything yet.
#[test]
fn a_service_in_its_setup_does_not_keep_the_machine() {
    if skipped() {
        return;
    }
    let mut init = Init::prepared("WORDS=--shutdown=4; mkfifo fifo", "exec sleep 1000");
    let mut spec = shell("early", Restart::Always, "true");
    spec.setup.stdout = Stdio::File(init.directory().join("fifo").into());
    let mut client = init.client();
    let spawning = std::thread::spawn(move || client.spawn(&spec));
    init.in_state("early", "Starting");
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let _ = spawning.join();
}

/// Nobody reads what PID 1 writes, and others write to the same pipe.
#[test]
fn a_full_pipe_costs_messages_and_not_pid_1() {
    if skipped() {
        return;
    }
    let prepare = "mkfifo pipe; exec 8<>pipe 2>pipe; timeout 2 yes >pipe & sleep 0.3";
    let mut init = Init::prepared(prepare, "exec sleep 1000");
    for n in 0..4 {
        init.spawn(&format!("s{n}"), Restart::Always, "exit 3");
    }
    let begun = Instant::now();
    for _ in 0..20 {
        init.client().services().unwrap();
        after(0.05);
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    // Somebody reads again: now it is told.
    let mut pipe = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(init.directory().join("pipe"))
        .unwrap();
    let mut text = Vec::new();
    init.until("what was lost", || {
        let mut piece = vec![0; 1 << 16];
        let length = pipe.read(&mut piece).unwrap_or(0);
        text.extend(piece[..length].iter().filter(|&&byte| byte != b'y'));
        let shown = String::from_utf8_lossy(&text);
        shown.contains("before this one were lost)").then_some(())
    });
    drop(pipe);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
}

#[test]
fn a_hundred_obedient_services_cost_what_the_slowest_does() {
    if skipped() {
        return;
    }
    let end = |others: u32| {
        let mut init = Init::new();
        let mut client = init.client();
        for n in 0..others {
            let spec = shell(&format!("s{n}"), Restart::Always, "exec sleep 1000");
            client.spawn(&spec).unwrap();
        }
        let slow = "trap 'sleep 2; exit' TERM; while :; do sleep 0.05; done";
        client.spawn(&shell("slow", Restart::Always, slow)).unwrap();
        init.hears("slow", Signal::SIGTERM);
        let begun = Instant::now();
        client.power(Power::Off(0)).unwrap();
        assert_eq!(init.ended(), 0);
        begun.elapsed()
    };
    let what = "99 services beside one that stops in 2 s";
    within(Duration::from_millis(800), what, || {
        let alone = end(0);
        end(99).saturating_sub(alone)
    });
}

fn start_time(init: &Init) -> String {
    let stat = fs::read_to_string(format!("/proc/{}/stat", init.pid)).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(19).unwrap().to_owned()
}

#[test]
fn a_soft_restart_begins_anew_under_the_same_pid_1() {
    if skipped() {
        return;
    }
    let boot = "echo booted
        $INITSH spawn --name web --restart always /bin/sleep 1000
        (setsid sleep 999) &
        exec sleep 1000";
    let mut init = Init::with_boot(boot);
    let booted = |init: &Init| init.log().matches("booted\n").count();
    init.in_state("web", "Running");
    let (before, web) = (start_time(&init), init.service("web").pid);
    init.spawn("other", Restart::Always, "exec sleep 1000");
    let others = init.processes();
    let ask: [&dyn Fn(&Init); 3] = [
        &|init| init.signal(Signal::SIGUSR1),
        &|init| send(init.pid.as_raw(), realtime(7)).unwrap(),
        &|init| assert!(init.initsh(&["reboot", "--soft"]).status.success()),
    ];
    for (round, ask) in ask.into_iter().enumerate() {
        ask(&init);
        init.until("booted again", || {
            (booted(&init) == round + 2).then_some(())
        });
        init.in_state("web", "Running");
        assert!(init.is_alive());
    }
    assert_eq!(start_time(&init), before);
    assert_ne!(init.service("web").pid, web);
    assert_eq!(init.service("web").starts, 1);
    assert_eq!(init.client().services().unwrap().len(), 1);
    let now = init.processes();
    let left: Vec<_> = others.iter().filter(|pid| now.contains(pid)).collect();
    assert_eq!(left, [&init.pid]);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
}

#[test]
fn anything_else_replaces_a_soft_restart() {
    if skipped() {
        return;
    }
    let mut init = stubborn(20);
    init.signal(Signal::SIGUSR1);
    after(0.3);
    init.client().end(Power::Off(4), Urgency::Forced).unwrap();
    assert_eq!(init.ended(), 4);
}

#[test]
fn a_critical_service_that_fails_ends_the_machine_with_its_status() {
    if skipped() {
        return;
    }
    for (text, status) in [
        ("sleep 0.3; exit 42", 42),
        ("sleep 0.3; kill -KILL $$", 137),
    ] {
        let mut init = Init::new();
        let spec = ServiceSpec {
            critical: true,
            ..shell("db", Restart::Never, text)
        };
        init.client().spawn(&spec).unwrap();
        assert_eq!(init.ended(), status);
        let log = init.log();
        assert!(log.contains("critical service db has failed"), "{log}");
    }
}

/// Those that need others end first; those that have nothing to do with each other, together.
#[test]
fn services_end_in_reverse_order_and_as_many_together_as_may() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let note = init.directory().join("note");
    let mut client = init.client();
    // Each ends only when the one that may end at the same time has been asked to, too.
    for (name, needs, after, beside) in [
        ("db", "", "", "log"),
        ("log", "", "", "db"),
        ("web", "db", "log", "web"),
        ("api", "db", "", "front"),
        ("front", "web", "", "api"),
    ] {
        let (note, asked) = (note.display(), init.directory().display());
        let text = format!(
            "trap ': >{asked}/{name}; until [ -e {asked}/{beside} ]; do sleep 0.02; done
                echo {name} >> {note}; exit' TERM; while :; do sleep 0.02; done"
        );
        let list = |text: &str| match text {
            "" => Vec::new(),
            name => vec![name.to_owned()],
        };
        let spec = ServiceSpec {
            needs: list(needs),
            after: list(after),
            ..shell(name, Restart::Always, &text)
        };
        client.spawn(&spec).unwrap();
        init.in_state(name, "Running");
        init.hears(name, Signal::SIGTERM);
    }
    client.power(Power::Off(0)).unwrap();
    assert_eq!(init.ended(), 0);
    let order = fs::read_to_string(note).unwrap();
    let place = |name: &str| order.lines().position(|line| line == name).unwrap();
    assert_eq!(order.lines().count(), 5, "{order}");
    for (first, then) in [
        ("front", "web"),
        ("web", "db"),
        ("web", "log"),
        ("api", "db"),
    ] {
        assert!(place(first) < place(then), "{first} before {then}: {order}");
    }
}

/// A process that was put into the namespace from outside is nobody's child in it.
#[test]
fn a_stranger_is_waited_for() {
    if skipped() {
        return;
    }
    // Strangers have a tenth of that.
    let mut init = Init::prepared("WORDS=--shutdown=300", "exec sleep 1000");
    init.client();
    let note = init.directory().join("note");
    let text = format!(
        "trap 'sleep 0.5; echo saved > {}; exit' TERM; while :; do sleep 0.1; done",
        note.display()
    );
    let mut stranger = std::process::Command::new("nsenter")
        .args([
            "--target",
            &init.pid.to_string(),
            "--pid",
            "sh",
            "-c",
            &text,
        ])
        .spawn()
        .unwrap();
    init.until("the stranger", || {
        let others = init.processes().into_iter().filter(|pid| *pid != init.pid);
        others
            .into_iter()
            .any(|pid| has_trap(pid, Signal::SIGTERM))
            .then_some(())
    });
    init.signal(Signal::SIGTERM);
    // It has ended only when its parent has taken notice.
    let _ = stranger.wait();
    assert_eq!(init.ended(), 0);
    assert_eq!(fs::read_to_string(note).unwrap(), "saved\n");
}
