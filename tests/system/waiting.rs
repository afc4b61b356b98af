//! `waitfor`.

use std::time::{Duration, Instant};

use super::support::{INITSH, Scratch, initsh, run};

#[test]
fn a_path_that_appears() {
    let scratch = Scratch::new();
    let path = scratch.text("file");
    let text =
        format!("{{ sleep 0.2; echo x > {path}; }} & waitfor --timeout 200 path {path}; echo $?");
    let start = Instant::now();
    assert_eq!(run(INITSH, &["-c", &text]).ok(), "0\n");
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(150) && took < Duration::from_secs(150),
        "{took:?}"
    );
}

#[test]
fn what_never_comes_says_how_things_stood() {
    for (args, expected) in [
        (
            &["path", "/nowhere/x"][..],
            "waited 50 ms for path /nowhere/x: it does not exist",
        ),
        (
            &["link", "nolink0", "up"],
            "waited 50 ms for link nolink0 up: there is no such link",
        ),
        (
            &["device", "nodisk"],
            "waited 50 ms for device nodisk: it is not there",
        ),
        (&["device", "4095:1048575"], "it is not there"),
        (&["setting", "cmdline.no_such"], "it has no value"),
        (&["setting", "host.machine=abacus"], "it is '"),
    ] {
        let args: Vec<_> = ["waitfor", "--timeout", "50ms"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        let error = initsh(&args).fails(1);
        assert!(error.contains(expected), "{args:?}: {error}");
    }
}

#[test]
fn what_is_there_needs_no_waiting() {
    for args in [
        &["path", "/proc/self"][..],
        &["link", "lo"],
        &["device", "null"],
        &["device", "1:3"],
        &["device", "/dev/null"],
        &["setting", "host.kernel"],
    ] {
        let args: Vec<_> = ["waitfor"].iter().chain(args).copied().collect();
        assert_eq!(initsh(&args).ok(), "", "{args:?}");
    }
}

#[test]
fn what_cannot_be_waited_for() {
    for args in [
        &["waitfor"][..],
        &["waitfor", "godot", "x"],
        &["waitfor", "link", "lo", "sideways"],
        &["waitfor", "path", "/", "x"],
        &["waitfor", "--timeout", "soon", "path", "/"],
    ] {
        initsh(args).fails(2);
    }
}
