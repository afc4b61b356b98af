//! needs, after, oneshot, critical, max-restarts; start, restart, signal, stop, services: real processes.

use std::time::Duration;

use initsh::supervise::client::ServiceInfo;
use initsh::supervise::spec::{Ready, Restart, ServiceSpec};
use nix::sys::signal::Signal;

use super::support::{Init, LIMIT, shell, skipped};

const SLEEP: &str = "exec sleep 1000";

/// A service that says when it is ready: when this file is there.
fn gated(name: &str, needs: &[&str], gate: &str) -> ServiceSpec {
    let text =
        format!("while [ ! -e {gate} ]; do sleep 0.05; done; echo >&$INITSH_READY_FD; {SLEEP}");
    ServiceSpec {
        ready: Ready::Descriptor,
        ..needing(name, needs, &text)
    }
}

/// Shell text that waits for a file.
fn until(gate: &std::path::Path) -> String {
    format!("until [ -e {} ]; do sleep 0.05; done;", gate.display())
}

fn needing(name: &str, needs: &[&str], text: &str) -> ServiceSpec {
    ServiceSpec {
        needs: needs.iter().map(|&need| need.to_owned()).collect(),
        ..shell(name, Restart::OnFailure, text)
    }
}

/// Status, standard output, standard error.
fn run(init: &Init, args: &[&str]) -> (i32, String, String) {
    let output = init.initsh(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn says(service: &ServiceInfo) -> String {
    format!("{}: {}", service.state, service.reason)
}

/// `db`, `app` that needs it, `web` that needs that one; all are running.
fn stack(init: &Init) {
    init.spawn("db", Restart::OnFailure, SLEEP);
    for (name, needs) in [("app", "db"), ("web", "app")] {
        let spec = needing(name, &[needs], SLEEP);
        init.client().spawn(&spec).unwrap();
        init.in_state(name, "Running");
    }
}

#[test]
fn a_service_waits_for_what_it_needs_and_says_so() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let gate = init.directory().join("gate");
    let gate = gate.to_str().unwrap();
    init.client().spawn(&gated("db", &[], gate)).unwrap();
    // The answer does not wait for somebody else.
    let web = init
        .client()
        .spawn(&needing("web", &["db"], SLEEP))
        .unwrap();
    assert_eq!(says(&web), "Pending: waits for db: Starting");
    let after = ServiceSpec {
        after: vec!["db".into(), "nobody".into()],
        ..shell("late", Restart::Never, SLEEP)
    };
    let late = init.client().spawn(&after).unwrap();
    assert_eq!(says(&late), "Pending: waits for db: Starting");
    std::fs::write(gate, "").unwrap();
    for name in ["db", "web", "late"] {
        init.in_state(name, "Running");
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    if skipped() {
        return;
    }
    let init = Init::new();
    stack(&init);
    let mut client = init.client();
    let refused = client.spawn(&needing("x", &["ghost"], SLEEP)).unwrap_err();
    let expected = "service 'x' needs 'ghost': there is no service 'ghost'";
    assert_eq!(refused.to_string(), expected);
    let refused = client
        .redefine(&needing("db", &["web"], SLEEP))
        .unwrap_err();
    let expected = "service 'db' would wait for itself: db needs web needs app needs db";
    assert_eq!(refused.to_string(), expected);
    let (status, _, error) = run(
        &init,
        &["spawn", "--name", "y", "--needs", "y", "/bin/true"],
    );
    assert_eq!(status, 1);
    assert!(error.contains("y needs y"), "{error}");
    let (status, _, error) = run(&init, &["start", "ghost"]);
    assert_eq!(status, 1);
    assert!(error.contains("there is no service 'ghost'"), "{error}");
}

#[test]
fn stopping_one_stops_first_those_that_need_it() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let order = init.directory().join("order");
    let order = order.to_str().unwrap();
    for (name, needs) in [("db", &[][..]), ("app", &["db"]), ("web", &["app"])] {
        let text =
            format!("trap 'echo {name} >>{order}; exit 0' TERM; while :; do sleep 0.05; done");
        init.client().spawn(&needing(name, needs, &text)).unwrap();
        init.in_state(name, "Running");
        init.hears(name, Signal::SIGTERM);
    }
    let (status, said, error) = run(&init, &["stop", "db"]);
    assert_eq!((status, error.as_str()), (0, ""));
    assert_eq!(said, "db is needed: stopping web, app first\n");
    assert_eq!(std::fs::read_to_string(order).unwrap(), "web\napp\ndb\n");
    let web = init.service("web");
    assert_eq!(says(&web), "Stopped: it needs app, which has stopped");
    assert_eq!(says(&init.service("db")), "Stopped: stopped on request");
    // The last one brings all of them.
    assert_eq!(run(&init, &["start", "--wait", "web"]).0, 0);
    for name in ["db", "app", "web"] {
        init.in_state(name, "Running");
    }
}

#[test]
fn a_crash_of_one_restarts_those_that_need_it_and_a_failure_stops_them() {
    if skipped() {
        return;
    }
    let init = Init::new();
    stack(&init);
    let before = init.service("web").pid;
    assert_eq!(
        run(&init, &["signal", "KILL", "db"]),
        (0, String::new(), String::new())
    );
    let web = init.until("web again", || {
        let web = init.service("web");
        (web.state == "Running" && web.pid != before).then_some(web)
    });
    assert_eq!(web.starts, 2);
    assert_eq!(init.service("db").starts, 2);
    assert!(
        init.log()
            .contains("web is stopped: it needs app, which is being started again")
    );
    // 125: never again.
    let gate = init.directory().join("gate");
    let text = format!("{} exit 125", until(&gate));
    init.spawn("base", Restart::OnFailure, &text);
    init.client()
        .spawn(&needing("top", &["base"], SLEEP))
        .unwrap();
    std::fs::write(gate, "").unwrap();
    let top = init.in_state("top", "Failed");
    assert_eq!(says(&top), "Failed: it needs base, which has failed");
}

#[test]
fn restart_and_signal() {
    if skipped() {
        return;
    }
    let init = Init::new();
    stack(&init);
    let pids = || ["db", "app", "web"].map(|name| init.service(name).pid);
    let before = pids();
    assert_eq!(run(&init, &["restart", "app"]).0, 0);
    init.in_state("web", "Running");
    let after = pids();
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    assert_ne!(before[2], after[2]);
    assert_eq!(init.service("app").state, "Running");
    // Signals reach the whole group, real-time ones, too.
    let seen = init.directory().join("seen");
    let seen = seen.to_str().unwrap();
    let text = format!(
        "trap 'echo 37 >>{seen}' 37; trap 'echo hup >>{seen}' HUP; : >{seen}; while :; do sleep 0.05; done"
    );
    init.spawn("ear", Restart::Never, &text);
    init.until("its traps", || {
        std::path::Path::new(seen).exists().then_some(())
    });
    let read = || std::fs::read_to_string(seen).unwrap_or_default();
    assert_eq!(run(&init, &["signal", "hup", "ear"]).0, 0);
    init.until("HUP", || (read() == "hup\n").then_some(()));
    assert_eq!(run(&init, &["signal", "RTMIN+3", "ear"]).0, 0);
    init.until("RTMIN+3", || (read() == "hup\n37\n").then_some(()));
    let (status, _, error) = run(&init, &["signal", "NOPE", "ear"]);
    assert_eq!(status, 2);
    assert!(error.contains("'NOPE': expected a signal"), "{error}");
    init.client().stop("ear", LIMIT).unwrap();
    let (status, _, error) = run(&init, &["signal", "HUP", "ear"]);
    assert_eq!(status, 1);
    let expected = "service 'ear' has no process: Stopped (stopped on request)";
    assert!(error.contains(expected), "{error}");
    // One that is stopped is started.
    assert_eq!(run(&init, &["restart", "ear"]).0, 0);
    assert_eq!(init.service("ear").state, "Running");
}

#[test]
fn a_service_is_stopped_as_it_wants() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let told = init.directory().join("told");
    let text = format!(
        "trap '' TERM; trap 'echo int >{}; exit 0' INT; while :; do sleep 0.05; done",
        told.display()
    );
    let spec = ServiceSpec {
        stop_signal: Signal::SIGINT as u8,
        ..shell("own", Restart::Always, &text)
    };
    init.client().spawn(&spec).unwrap();
    init.hears("own", Signal::SIGINT);
    assert_eq!(run(&init, &["stop", "own"]).0, 0);
    assert_eq!(std::fs::read_to_string(told).unwrap(), "int\n");
    let spec = ServiceSpec {
        stop_timeout: Duration::from_millis(300),
        ..shell(
            "deaf",
            Restart::Always,
            "trap '' TERM; while :; do sleep 1; done",
        )
    };
    init.client().spawn(&spec).unwrap();
    init.hears("deaf", Signal::SIGTERM);
    let begun = std::time::Instant::now();
    assert_eq!(run(&init, &["stop", "deaf"]).0, 0);
    // Without its own it would have as long as any service of these tests.
    assert!(begun.elapsed() < LIMIT / 2);
    assert_eq!(
        says(&init.service("deaf")),
        "Stopped: killed: did not stop when asked"
    );
}

#[test]
fn oneshot_and_max_restarts() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let oneshot = |name: &str, text: &str| ServiceSpec {
        oneshot: true,
        ..shell(name, Restart::Never, text)
    };
    let gate = |name: &str| init.directory().join(name);
    let (set_up, broken) = (gate("set-up"), gate("broken"));
    init.client()
        .spawn(&oneshot("setup", &until(&set_up)))
        .unwrap();
    let web = init
        .client()
        .spawn(&needing("web", &["setup"], SLEEP))
        .unwrap();
    assert_eq!(says(&web), "Pending: waits for setup: Starting");
    std::fs::write(set_up, "").unwrap();
    init.in_state("web", "Running");
    let setup = init.service("setup");
    assert_eq!(
        (says(&setup).as_str(), setup.ready),
        ("Stopped: exit 0", true)
    );
    assert_eq!(
        run(&init, &["waitfor", "--timeout", "5", "service", "setup"]).0,
        0
    );
    init.client()
        .spawn(&oneshot("broken", &format!("{} exit 4", until(&broken))))
        .unwrap();
    init.client()
        .spawn(&needing("lost", &["broken"], SLEEP))
        .unwrap();
    std::fs::write(broken, "").unwrap();
    let lost = init.in_state("lost", "Failed");
    assert_eq!(says(&lost), "Failed: it needs broken, which has failed");
    let (status, _, error) = run(&init, &["start", "--wait", "lost"]);
    assert_eq!(status, 1);
    assert!(error.contains("service 'lost'"), "{error}");
    let crash = ServiceSpec {
        backoff: (Duration::from_millis(50), Duration::from_millis(50)),
        max_restarts: Some((3, Duration::from_secs(60))),
        ..shell("crash", Restart::OnFailure, "exit 3")
    };
    init.client().spawn(&crash).unwrap();
    let crash = init.in_state("crash", "Failed");
    assert_eq!(says(&crash), "Failed: exit 3; restarted 3 times in 60 s");
    assert_eq!(crash.starts, 4);
}

#[test]
fn a_critical_service_ends_the_machine_with_the_status_of_the_cause() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let gate = init.directory().join("gate");
    let text = format!("{} exit 43", until(&gate));
    init.spawn("db", Restart::Never, &text);
    let web = ServiceSpec {
        critical: true,
        ..needing("web", &["db"], SLEEP)
    };
    init.client().spawn(&web).unwrap();
    std::fs::write(gate, "").unwrap();
    assert_eq!(init.ended(), 43);
    let log = init.log();
    assert!(
        log.contains("web failed: it needs db, which has failed"),
        "{log}"
    );
}

#[test]
fn the_list_as_a_tree_and_as_json() {
    if skipped() {
        return;
    }
    let init = Init::new();
    stack(&init);
    let extra = ServiceSpec {
        after: vec!["db".into(), "ghost".into()],
        ..needing("extra", &["app"], SLEEP)
    };
    init.client().spawn(&extra).unwrap();
    init.in_state("extra", "Running");
    let (status, tree, _) = run(&init, &["services", "--tree"]);
    assert_eq!(status, 0);
    let expected = "\
extra  Running
|- app  Running
|  `- db  Running
|- (db)  Running
`- (ghost)  not there
web  Running
`- app  Running (see above)
";
    assert_eq!(tree, expected);
    let (_, tree, _) = run(&init, &["services", "--tree", "app"]);
    assert_eq!(tree, "app  Running\n`- db  Running\n");
    let (status, json, _) = run(&init, &["services", "--json", "db", "web"]);
    assert_eq!(status, 0);
    let pid = init.service("db").pid.unwrap();
    let head = format!(
        "[{{\"name\":\"db\",\"state\":\"Running\",\"ready\":true,\"reason\":\"\",\"pid\":{pid},\"exit\":null,\"starts\":1,\"since\":"
    );
    assert!(json.starts_with(&head), "{json}");
    let tail = "\"needs\":[\"app\"],\"after\":[],\"critical\":false,\"rights\":\"all\"}]\n";
    assert!(json.ends_with(tail), "{json}");
    assert_eq!(run(&init, &["services", "--json", "--tree"]).0, 2);
    let (status, _, error) = run(&init, &["services", "ghost"]);
    assert_eq!(status, 1);
    assert!(error.contains("there is no service 'ghost'"), "{error}");
}

#[test]
fn a_shutdown_stops_them_in_order() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let order = init.directory().join("order");
    let order = order.to_str().unwrap().to_owned();
    for (name, needs) in [("db", &[][..]), ("app", &["db"]), ("web", &["app"])] {
        let text =
            format!("trap 'echo {name} >>{order}; exit 0' TERM; while :; do sleep 0.05; done");
        init.client().spawn(&needing(name, needs, &text)).unwrap();
        init.in_state(name, "Running");
        init.hears(name, Signal::SIGTERM);
    }
    let after = ServiceSpec {
        after: vec!["web".into()],
        ..shell(
            "last",
            Restart::Never,
            &format!("trap 'echo last >>{order}; exit 0' TERM; while :; do sleep 0.05; done"),
        )
    };
    init.client().spawn(&after).unwrap();
    init.in_state("last", "Running");
    init.hears("last", Signal::SIGTERM);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
    assert_eq!(
        std::fs::read_to_string(&order).unwrap(),
        "last\nweb\napp\ndb\n"
    );
}

#[test]
fn a_new_description_counts_from_the_next_start() {
    if skipped() {
        return;
    }
    let init = Init::new();
    stack(&init);
    let next = ServiceSpec {
        argv: vec!["sh".into(), "-c".into(), "exec sleep 2000".into()],
        ..needing("app", &["db"], "")
    };
    init.client().redefine(&next).unwrap();
    let before = init.service("app");
    assert_eq!(before.state, "Running");
    init.client().restart("app").unwrap();
    let app = init.in_state("app", "Running");
    assert_ne!(app.pid, before.pid);
    let seen = init.until("its new words", || {
        init.processes().into_iter().find(|pid| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words == b"sleep\x002000\0"
        })
    });
    assert_ne!(seen, init.pid);
}
