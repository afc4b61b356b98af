//! Power off, reboot and halt inside a PID namespace: there, reboot(2) ends the namespace with a signal
//! (reboot(2), "Behavior inside PID namespaces") and powering off is an exit.

use std::time::{Duration, Instant};

use initsh::supervise::protocol::Power;
use initsh::supervise::spec::{Restart, ServiceSpec};
use nix::sys::signal::Signal;

use super::support::{Init, shell, skipped, within};

#[test]
fn poweroff_ends_with_its_status() {
    if skipped() {
        return;
    }
    let mut init = Init::with_boot("sleep 0.3; $INITSH poweroff --status 7; echo went on");
    assert_eq!(init.ended(), 7);
    let log = init.log();
    assert!(log.contains("initsh: power off, status 7"), "{log}");
    assert!(!log.contains("went on"), "{log}");
}

#[test]
fn the_common_case_is_quick() {
    if skipped() {
        return;
    }
    within(
        Duration::from_millis(2500),
        "power off with ten services",
        || {
            let mut init = Init::new();
            for n in 0..10 {
                init.spawn(&format!("s{n}"), Restart::Always, "exec sleep 1000");
            }
            let begun = Instant::now();
            init.client().power(Power::Off(0)).unwrap();
            assert_eq!(init.ended(), 0);
            begun.elapsed()
        },
    );
}

#[test]
fn signals_of_the_machine() {
    if skipped() {
        return;
    }
    for (signal, end) in [
        (Signal::SIGTERM, 0),
        (Signal::SIGPWR, 0),
        (Signal::SIGINT, -(Signal::SIGHUP as i32)),
    ] {
        let mut init = Init::new();
        init.client();
        init.signal(signal);
        assert_eq!(init.ended(), end, "{signal}");
    }
}

#[test]
fn halt_and_reboot_end_the_namespace() {
    if skipped() {
        return;
    }
    for (power, signal) in [
        (Power::Reboot, Signal::SIGHUP),
        (Power::Halt, Signal::SIGINT),
    ] {
        let mut init = Init::new();
        init.client().power(power).unwrap();
        assert_eq!(init.ended(), -(signal as i32));
    }
}

#[test]
fn services_are_stopped_first_and_in_peace() {
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
    init.client().power(Power::Off(0)).unwrap();
    assert_eq!(init.ended(), 0);
    assert_eq!(std::fs::read_to_string(note).unwrap(), "saved\n");
}

#[test]
fn what_ignores_sigterm_is_killed_and_the_end_comes() {
    if skipped() {
        return;
    }
    let boot = "trap '' TERM HUP; (trap '' TERM; setsid sleep 1000) & echo deaf, too
        while :; do sleep 1; done";
    let mut init = Init::with_boot(boot);
    let text = "trap '' TERM; while :; do sleep 1; done";
    let deaf = ServiceSpec {
        stop_timeout: Duration::from_secs(5),
        ..shell("deaf", Restart::Always, text)
    };
    init.client().spawn(&deaf).unwrap();
    init.hears("deaf", Signal::SIGTERM);
    init.until("the shell", || {
        init.log().contains("deaf, too").then_some(())
    });
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    let took = begun.elapsed();
    // 5 s for the service, 3 s for everybody else.
    assert!(took > Duration::from_secs(7), "{took:?}");
    // Nor does it last until the deadline.
    assert!(took < Duration::from_secs(25), "{took:?}");
}

#[test]
fn nothing_is_started_during_the_end() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let go = init.directory().join("go");
    let text = format!(
        "trap 'until [ -e {} ]; do sleep 0.05; done; exit' TERM; while :; do sleep 0.1; done",
        go.display()
    );
    init.spawn("slow", Restart::Always, &text);
    init.hears("slow", Signal::SIGTERM);
    init.client().power(Power::Off(3)).unwrap();
    let spec = shell("more", Restart::Never, "true");
    let error = init.client().spawn(&spec).unwrap_err().to_string();
    assert_eq!(error, "the machine is being shut down");
    std::fs::write(go, "").unwrap();
    assert_eq!(init.ended(), 3);
}

#[test]
fn elsewhere_pid1_refuses() {
    if skipped() {
        return;
    }
    let output = std::process::Command::new(super::support::INITSH)
        .args(["--pid1", "--", "/bin/true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
