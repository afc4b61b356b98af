//! Another program becomes PID 1 of the namespace (`exec --pid1`), or is refused.

use std::fs;
use std::path::Path;

use initsh::failure::Failure;
use initsh::supervise::protocol::HandOver;
use initsh::supervise::spec::Restart;

use super::support::{self, INITSH, Init, skipped};

/// What the kernel says of PID 1.
fn status(init: &Init, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", init.pid)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap_or_else(|| panic!("no {field}"))
        .trim()
        .to_owned()
}

fn file(init: &Init, name: &str) -> Vec<u8> {
    fs::read(format!("/proc/{}/{name}", init.pid)).unwrap_or_default()
}

fn descriptors(init: &Init) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{}/fd", init.pid)).unwrap();
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut all: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    all.sort();
    all
}

fn children(init: &Init) -> usize {
    let text = file(init, &format!("task/{}/children", init.pid));
    String::from_utf8(text).unwrap().split_whitespace().count()
}

fn becomes(init: &Init, cmdline: &[u8]) {
    init.until("another PID 1", || {
        (file(init, "cmdline") == cmdline).then_some(())
    });
}

fn order(program: &Path, arguments: &[&str]) -> HandOver {
    let argv = arguments.iter().map(Into::into).collect();
    HandOver {
        root: None,
        program: program.into(),
        argv,
        env: vec![("ORDER".into(), "kept".into())],
        keep_services: false,
        keep_root: true,
    }
}

fn refused(init: &Init, order: HandOver) -> Failure {
    init.client().hand_over(order).unwrap_err()
}

#[test]
fn a_program_becomes_pid_1_with_the_services_as_its_children() {
    if skipped() {
        return;
    }
    let boot = "until [ -e go ]; do sleep 0.05; done; export MARK=here; \
                exec \"$INITSH\" exec --pid1 --keep-services sleep 1000";
    let init = Init::with_boot(boot);
    init.spawn("kept", Restart::Always, "exec sleep 1000");
    init.in_state("kept", "Running");
    fs::write(init.directory().join("go"), "").unwrap();
    becomes(&init, b"sleep\x001000\0");
    assert_eq!(
        status(&init, "NSpid:").split_whitespace().next_back(),
        Some("1")
    );
    for set in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        let mask = u64::from_str_radix(&status(&init, set), 16).unwrap();
        assert_eq!(mask, 0, "{set}");
    }
    // The dynamic linker has one more for a moment.
    init.until("three descriptors", || {
        (descriptors(&init) == ["0", "1", "2"]).then_some(())
    });
    assert_eq!(children(&init), 1, "the service, and not the shell");
    let cwd = fs::read_link(format!("/proc/{}/cwd", init.pid)).unwrap();
    assert_eq!(cwd, Path::new("/"));
    let environment = file(&init, "environ");
    let mut variables = environment.split(|&b| b == 0);
    assert!(variables.any(|variable| variable == b"MARK=here"));
    assert!(!init.socket().exists());
}

#[test]
fn without_keep_services_everything_ends_first_and_in_order() {
    if skipped() {
        return;
    }
    let init = Init::with_boot("(trap '' HUP; setsid sleep 1000) & exec sleep 1000");
    let note = init.directory().join("note");
    let text = format!(
        "trap 'sleep 0.3; echo saved > {}; exit' TERM; while :; do sleep 0.05; done",
        note.display()
    );
    init.spawn("db", Restart::Always, &text);
    init.hears("db", nix::sys::signal::Signal::SIGTERM);
    let path = Path::new("/bin/sleep");
    init.client()
        .hand_over(order(path, &["new", "1000"]))
        .unwrap();
    becomes(&init, b"new\x001000\0");
    assert_eq!(fs::read_to_string(note).unwrap(), "saved\n");
    assert_eq!(children(&init), 0);
    assert_eq!(file(&init, "environ"), b"ORDER=kept\0");
    assert!(init.log().contains("initsh: handing over to /bin/sleep"));
}

#[test]
fn what_cannot_become_pid_1_is_refused_and_nothing_changes() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let before = init.spawn("web", Restart::Always, "exec sleep 1000");
    init.in_state("web", "Running");
    let before_all = init.processes().len();
    for (program, why) in [
        ("/no/such/init", "ENOENT"),
        ("/etc/passwd", "EACCES"),
        ("/etc", "EISDIR"),
        ("/dev/null", "EACCES"),
    ] {
        let failure = refused(&init, order(Path::new(program), &["init"]));
        let text = failure.to_string();
        assert!(text.starts_with(&format!("execute {program}: ")), "{text}");
        assert!(text.contains(why), "{text}");
    }
    let elsewhere = HandOver {
        root: Some("/proc".into()),
        ..order(Path::new("/init"), &["init"])
    };
    let failure = refused(&init, elsewhere);
    assert!(
        failure.to_string().contains("only the PID 1 of a machine"),
        "{failure}"
    );
    assert!(failure.hint().unwrap().contains("exec --pid1"));
    let output = init.initsh(&["exec", "--pid1", "no-such-program"]);
    assert_eq!(output.status.code(), Some(127));
    let output = init.initsh(&["switch_root", "/proc", "/init"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("only the PID 1 of a machine"), "{text}");
    assert_eq!(init.service("web").pid, before.pid);
    // Whoever has checked ends after its answer.
    init.until("only what there was", || {
        (init.processes().len() == before_all).then_some(())
    });
    init.spawn("more", Restart::Never, "exec sleep 1000");
}

/// What looks like a program and is none: everything has ended by then, so PID 1 begins anew.
#[test]
fn a_program_that_fails_at_the_last_moment_leaves_pid_1_as_it_was() {
    if skipped() {
        return;
    }
    let mut init = Init::with_boot("echo boot >> starts; exec sleep 1000");
    let bad = init.directory().join("bad");
    let mut program = fs::read(INITSH).unwrap();
    program.truncate(4096);
    // No program headers.
    program[56..58].fill(0);
    support::program(&bad, &program, 0o755);
    // Its first shell has to have been there before it is ended.
    let starts = init.directory().join("starts");
    let said = || fs::read_to_string(&starts).unwrap_or_default();
    init.until("the shell", || (said() == "boot\n").then_some(()));
    init.spawn("web", Restart::Always, "exec sleep 1000");
    let failure = refused(&init, order(&bad, &["bad"]));
    assert!(failure.to_string().contains("ENOEXEC"), "{failure}");
    assert!(init.is_alive());
    init.until("the shell again", || {
        (said() == "boot\nboot\n").then_some(())
    });
    assert_eq!(init.service("web").state, "Stopped");
    init.spawn("more", Restart::Never, "exec sleep 1000");
    assert!(
        init.log().contains("this initsh goes on as PID 1"),
        "{}",
        init.log()
    );
    // And it hears signals still.
    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.ended(), 0);
}

#[test]
fn another_initsh_takes_over_and_knows_where_it_is() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    init.spawn("kept", Restart::Always, "exec sleep 1000");
    init.in_state("kept", "Running");
    let run = init.directory().join("run");
    let new = HandOver {
        env: vec![("INITSH_RUN".into(), run.into())],
        keep_services: true,
        ..order(
            Path::new(INITSH),
            &["initsh", "--pid1", "--", "/bin/sleep", "999"],
        )
    };
    init.client().hand_over(new).unwrap();
    becomes(&init, b"initsh\0--pid1\0--\0/bin/sleep\x00999\0");
    init.until("its shell", || (children(&init) == 2).then_some(()));
    assert!(init.client().services().unwrap().is_empty());
    // Powering off a namespace is an exit: it does not take itself for the machine's.
    let mut client = init.client();
    client
        .end(
            initsh::supervise::protocol::Power::Off(5),
            initsh::supervise::protocol::Urgency::Orderly,
        )
        .unwrap();
    assert_eq!(init.ended(), 5);
}
