//! Container mode: statuses, signals, orphans and poor surroundings, with tini and dumb-init beside it
//! where all are meant to do the same.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::contained::{Contained, OURS, PLACES, Place, children, load, run, status_field, until};
use super::support::{INITSH, program, skipped, within};

/// A command, and how we, tini and dumb-init end with it; `None`: not meant to be the same.
type Row<'a> = (&'a [&'a str], i32, Option<i32>, Option<i32>);

#[test]
fn statuses_beside_tini_and_dumb_init() {
    if skipped() {
        return;
    }
    let not_there = "/nowhere/program";
    let table: &[Row<'_>] = &[
        (&["true"], 0, Some(0), Some(0)),
        (&["sh", "-c", "exit 3"], 3, Some(3), Some(3)),
        (&["sh", "-c", "exit 255"], 255, Some(255), Some(255)),
        (&["sh", "-c", "kill -9 $$"], 137, Some(137), Some(137)),
        (&["sh", "-c", "kill -15 $$"], 143, Some(143), Some(143)),
        (&["sh", "-c", "kill -6 $$"], 134, Some(134), Some(134)),
        (&["sh", "-c", "sleep 9 & exit 4"], 4, Some(4), Some(4)),
        (&["no-such-program"], 127, Some(127), None),
        (&[not_there], 127, Some(127), None),
        (&["/etc/passwd"], 126, Some(126), None),
        (&["/etc"], 126, Some(126), None),
    ];
    for place in PLACES {
        for (command, status, tini, dumb_init) in table {
            assert_eq!(
                run(place, OURS, command).0,
                *status,
                "{command:?} {place:?}"
            );
            if let Some(expected) = tini {
                let status = run(place, &["tini", "-s", "--"], command).0;
                assert_eq!(status, *expected, "tini {command:?} {place:?}");
            }
            if let Some(expected) = dumb_init {
                let status = run(place, &["dumb-init", "--"], command).0;
                assert_eq!(status, *expected, "dumb-init {command:?} {place:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_executed_is_said() {
    if skipped() {
        return;
    }
    let (_, output, errors) = run(Place::Here, OURS, &["no-such-program"]);
    let expected = "initsh: no-such-program: cannot execute: ENOENT (No such file or directory)\n";
    assert_eq!((output.as_str(), errors.as_str()), ("", expected));
    let (_, _, errors) = run(Place::First, OURS, &["/etc/passwd"]);
    let expected = "initsh: /etc/passwd: cannot execute: EACCES (Permission denied)\n";
    assert_eq!(errors, expected);
    let (status, _, errors) = run(Place::Here, &[INITSH, "--container"], &["-x", "true"]);
    assert_eq!(status, 2);
    assert_eq!(errors, "initsh: --container: unknown option -x\n");
}

#[test]
fn a_command_is_given_what_we_were_given() {
    if skipped() {
        return;
    }
    // An ignored signal stays ignored (nohup), a descriptor stays open, nothing of ours is there.
    let prepare = "trap '' HUP; exec 7</dev/null; cd /usr";
    let text = "pwd; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status; \
                for fd in /proc/self/fd/*; do echo -n \"${fd##*/} \"; done";
    for place in PLACES {
        let output = |front| {
            let command = &["sh", "-c", text];
            Contained::prepared(place, prepare, front, command)
                .ended()
                .1
        };
        assert!(output(OURS).starts_with("/usr\nSigIgn:"));
        assert_eq!(output(OURS), output(&[]));
    }
}

/// All signals are blocked in the command, so that each that is passed on stays visible in it.
#[test]
fn every_signal_is_passed_on() {
    if skipped() {
        return;
    }
    let not_ours = [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD].map(|signal| signal as i32);
    // What PID 1 itself needs: a fault of its own. And what the C library keeps for itself.
    let mut faults = vec![4, 5, 6, 7, 8, 11, 31, 32, 33];
    if option_env!("INITSH_BINARY").is_some() {
        // musl keeps one more.
        faults.push(34);
    }
    for (place, group) in [
        (Place::Here, false),
        (Place::First, false),
        (Place::Here, true),
    ] {
        let option = if group { "-g" } else { "--" };
        let contained = Contained::start(
            place,
            &["env", "--block-signal", INITSH, "--container", option],
            &["sleep", "1000"],
        );
        let command = contained.command();
        until("exec", || {
            (status_field(command, "Name") == "sleep").then_some(())
        });
        let sent: Vec<_> = (1..=64)
            .filter(|number| !not_ours.contains(number) && !faults.contains(number))
            .collect();
        for number in &sent {
            // The stops, and what undoes them, take each other's place.
            if *number != Signal::SIGCONT as i32 {
                contained.signal(*number);
            }
        }
        let expected = sent
            .iter()
            .filter(|number| **number != Signal::SIGCONT as i32);
        let expected: u64 = expected.map(|number| 1 << (number - 1)).sum();
        until(&format!("all signals, {place:?}"), || {
            let pending = status_field(command, "ShdPnd");
            (u64::from_str_radix(&pending, 16) == Ok(expected)).then_some(())
        });
    }
}

#[test]
fn stop_as_a_container_engine_does_it() {
    if skipped() {
        return;
    }
    for place in PLACES {
        // Obedient, by its own handler, by default, and as systemd is stopped.
        let handler = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done";
        let mut contained = Contained::start(place, OURS, &["sh", "-c", handler]);
        assert_eq!(contained.line(), "up");
        contained.signal(Signal::SIGTERM as i32);
        let (status, output, _) = contained.ended();
        assert_eq!((status, output.as_str()), (5, "bye\n"));

        let mut contained = Contained::start(place, OURS, &["sh", "-c", "echo up; exec sleep 99"]);
        assert_eq!(contained.line(), "up");
        contained.signal(Signal::SIGTERM as i32);
        assert_eq!(contained.ended().0, 143);

        let mut contained = Contained::start(place, OURS, &["sh", "-c", "echo up; exec sleep 99"]);
        assert_eq!(contained.line(), "up");
        contained.signal(37);
        assert_eq!(contained.ended().0, 165);
    }
}

#[test]
fn a_command_that_ignores_sigterm_is_left_alone() {
    if skipped() {
        return;
    }
    let text = "trap '' TERM; echo up; while :; do sleep 0.1; done";
    let mut contained = Contained::start(Place::First, OURS, &["sh", "-c", text]);
    assert_eq!(contained.line(), "up");
    contained.signal(Signal::SIGTERM as i32);
    std::thread::sleep(Duration::from_millis(300));
    assert!(contained.child.try_wait().unwrap().is_none());
    kill(contained.command(), Signal::SIGKILL).unwrap();
    assert_eq!(contained.ended().0, 137);
}

#[test]
fn with_g_the_whole_group_hears_it() {
    if skipped() {
        return;
    }
    // The child says that it is up only when its parent has set its own trap; the parent says its word
    // when the child has ended, if it is told to at all.
    for (option, wait, expected) in [
        ("--", "sleep 0.3", "parent\n"),
        ("-g", "wait $child", "child\nparent\n"),
    ] {
        let text = format!(
            "trap '{wait}; echo parent; exit 6' TERM
            sh -c 'trap \"echo child; exit\" TERM; echo up; while :; do sleep 0.05; done' & child=$!
            while :; do sleep 0.05; done"
        );
        let front = [INITSH, "--container", option];
        let mut contained = Contained::start(Place::First, &front, &["sh", "-c", &text]);
        assert_eq!(contained.line(), "up");
        contained.signal(Signal::SIGTERM as i32);
        let (status, output, _) = contained.ended();
        assert_eq!((status, output.as_str()), (6, expected), "{option}");
    }
}

#[test]
fn twenty_thousand_orphans_are_reaped() {
    if skipped() {
        return;
    }
    for place in PLACES {
        let text = format!("{} orphans 20000; exec sleep 1000", load());
        let front = &["env", "INITSH_RUN=", INITSH, "--container"];
        let mut contained = Contained::start(place, &front[..], &["sh", "-c", &text]);
        let line = contained.line();
        let front = contained.front();
        until("all reaped", || (children(front).len() == 1).then_some(()));
        println!("{place:?}: {line}");
        contained.signal(Signal::SIGTERM as i32);
        assert_eq!(contained.ended().0, 143);
    }
}

#[test]
fn poor_surroundings() {
    if skipped() {
        return;
    }
    let readable = std::env::temp_dir().join(format!("initsh-container-{}", std::process::id()));
    program(&readable, &std::fs::read(INITSH).unwrap(), 0o755);
    let nobody = readable.to_str().unwrap();
    let remount = "mount -o remount,bind,ro /";
    let nobody: &[&str] = &[
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        nobody,
        "--container",
        "--",
    ];
    let cases: &[(&str, &[&str], &str)] = &[
        (remount, OURS, "a read-only root"),
        ("mount -t tmpfs -o ro none /proc", OURS, "no /proc"),
        (
            "mount -t tmpfs none /run; mount -o remount,ro /run; unset INITSH_RUN",
            OURS,
            "no /run",
        ),
        (
            "mount -t tmpfs -o nr_inodes=1 none /run; unset INITSH_RUN",
            OURS,
            "a full /run",
        ),
        ("unset INITSH_RUN", nobody, "user nobody"),
        ("mount -t tmpfs none /dev", OURS, "no /dev"),
    ];
    for (prepare, front, what) in cases {
        let text = "echo works; (exit 3); exit 7";
        let contained = Contained::prepared(Place::First, prepare, front, &["sh", "-c", text]);
        let (status, output, errors) = contained.ended();
        let expected = (7, "works\n", "");
        assert_eq!(
            (status, output.as_str(), errors.as_str()),
            expected,
            "{what}"
        );
    }
    let _ = std::fs::remove_file(readable);
}

#[test]
fn standard_descriptors_may_be_closed() {
    if skipped() {
        return;
    }
    for place in PLACES {
        let command = &["sh", "-c", "echo lost; exit 8"];
        let contained = Contained::prepared(place, "exec <&- >&- 2>&-", OURS, command);
        assert_eq!(contained.ended().0, 8);
    }
}

#[test]
fn services_live_and_are_stopped_before_the_end() {
    if skipped() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("initsh-inside-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (note, up) = (directory.join("note"), directory.join("up"));
    let service = format!(
        "trap 'sleep 0.4; echo saved >{}; exit' TERM; >{}; while :; do sleep 0.05; done",
        note.display(),
        up.display()
    );
    let text = format!(
        "until $INITSH spawn --name db --restart always --stop-timeout 100 -- sh -c \"$SERVICE\"; do sleep 0.1; done
         $INITSH services; until [ -e {} ]; do sleep 0.05; done; exit 9",
        up.display()
    );
    for place in PLACES {
        let _ = std::fs::remove_file(&note);
        let _ = std::fs::remove_file(&up);
        let prepare = format!(
            "INITSH_RUN={}/run; SERVICE=\"$1\"; shift; export INITSH_RUN SERVICE",
            directory.display()
        );
        let mut front = vec![service.as_str()];
        front.extend(OURS);
        let contained = Contained::prepared(place, &prepare, &front, &["sh", "-c", &text]);
        let (status, output, errors) = contained.ended();
        assert_eq!(status, 9, "{output}{errors}");
        assert!(output.contains("db    Running"), "{output}{errors}");
        assert_eq!(std::fs::read_to_string(&note).unwrap(), "saved\n");
        assert!(!directory.join("run/control").exists());
    }
    // From inside: everything ends, with this status.
    let text = "until $INITSH poweroff --status 11; do sleep 0.1; done; sleep 99";
    let prepare = format!("INITSH_RUN={}/run; export INITSH_RUN", directory.display());
    let contained = Contained::prepared(Place::First, &prepare, OURS, &["sh", "-c", text]);
    assert_eq!(contained.ended().0, 11);
    let _ = std::fs::remove_dir_all(directory);
}

/// Somebody else's control socket is used, but never taken.
#[test]
fn a_socket_that_is_served_stays_whose_it_is() {
    if skipped() {
        return;
    }
    let outer = super::support::Init::new();
    outer.client();
    let before = std::fs::metadata(outer.socket()).unwrap();
    let prepare = format!(
        "INITSH_RUN={}; export INITSH_RUN",
        outer.socket().parent().unwrap().display()
    );
    let command = &[
        "sh",
        "-c",
        "sleep 0.3; $INITSH spawn --name outer -- sleep 1000",
    ];
    let contained = Contained::prepared(Place::Here, &prepare, OURS, command);
    let (status, output, errors) = contained.ended();
    assert_eq!(status, 0, "{output}{errors}");
    assert_eq!(outer.service("outer").state, "Running");
    let after = std::fs::metadata(outer.socket()).unwrap();
    assert_eq!(
        std::os::unix::fs::MetadataExt::ino(&before),
        std::os::unix::fs::MetadataExt::ino(&after)
    );
}

#[test]
fn without_a_command_it_is_a_shell() {
    if skipped() {
        return;
    }
    for place in PLACES {
        let prepare = "exec <<END\necho hello from $$\nexit 12\nEND";
        let contained = Contained::prepared(place, prepare, &[INITSH, "--container"], &[]);
        let (status, output, errors) = contained.ended();
        assert_eq!(status, 12, "{output}{errors}");
        assert!(output.starts_with("hello from "), "{output}");
    }
    // A built-in serves where there is no such program.
    let front = ["env", "PATH=/nowhere", INITSH, "--container", "--"];
    let (status, output, _) = run(Place::First, &front, &["echo", "hi"]);
    assert_eq!((status, output.as_str()), (0, "hi\n"));
}

#[test]
fn dies_with_its_parent_if_asked() {
    if skipped() {
        return;
    }
    let text = "$INITSH --container -p TERM -- sh -c 'echo $PPID; exec sleep 1000' & wait";
    let mut contained = Contained::start(Place::Here, &["sh", "-c", text], &[]);
    let front = nix::unistd::Pid::from_raw(contained.line().parse().unwrap());
    kill(contained.front(), Signal::SIGKILL).unwrap();
    until("its end", || {
        let state = status_field(front, "State");
        (state.is_empty() || state.starts_with('Z')).then_some(())
    });
}

#[test]
fn idle_costs_nothing_and_the_end_comes_at_once() {
    if skipped() {
        return;
    }
    // The least, because the machine may have other work; a wait that need not be is in all of them.
    within(Duration::from_millis(200), "start to end of 'true'", || {
        let times = (0..20).map(|_| {
            let begun = Instant::now();
            assert_eq!(run(Place::Here, OURS, &["true"]).0, 0);
            begun.elapsed()
        });
        times.min().unwrap()
    });
}
