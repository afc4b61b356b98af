//! The shell as other code calls it. Nothing here forks: tests run in threads.

use super::*;

fn run(text: &str) -> (Shell, Flow) {
    let mut shell = Shell::with_environment(Vec::new());
    let flow = shell.run_text("test", text.as_bytes());
    (shell, flow)
}

#[test]
fn counts_what_failed_and_nobody_tested() {
    for (text, run_count, failed) in [
        ("true; false; true", 3, 1),
        ("false || true; false && true; ! false; ! true", 5, 0),
        ("if false; then :; fi; while false; do :; done", 2, 0),
        ("f() { return 3; }; f; f || true", 5, 1),
        ("f() { false; true; }; f", 3, 1),
        ("eval false; { false; }", 3, 2),
        ("x=1; x=2 true", 2, 0),
    ] {
        let counts = run(text).0.counts();
        assert_eq!((counts.run, counts.failed), (run_count, failed), "{text}");
    }
}

#[test]
fn a_syntax_error_runs_nothing() {
    let (shell, flow) = run("x=1; if");
    assert_eq!(flow, Flow::Status(2));
    assert_eq!(shell.variable("x"), None);
    assert_eq!(shell.last_status(), 2);
}

#[test]
fn flows_out_of_a_script() {
    for (text, flow) in [
        ("exit 3; x=1", Flow::Exit(3)),
        ("return 4; x=1", Flow::Status(4)),
        ("set -e; false; x=1", Flow::Exit(1)),
        ("readonly r=1; r=2; x=1", Flow::Exit(2)),
        ("break; continue; false", Flow::Status(1)),
        ("", Flow::OK),
    ] {
        let (shell, got) = run(text);
        assert_eq!(got, flow, "{text}");
        assert_eq!(shell.variable("x"), None, "{text}");
    }
}

#[test]
fn variables_and_environment() {
    let mut shell = Shell::with_environment(vec![("A".into(), "1".into())]);
    shell.set_variable("B", OsStr::new("2")).unwrap();
    assert!(shell.set_variable("no-name", OsStr::new("")).is_err());
    shell.run_text("test", b"export B; C=3; A=$A$B f=1");
    let environment = shell.environment();
    let value = |name: &str| {
        let found = environment.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.to_str().unwrap())
    };
    assert_eq!(
        (value("A"), value("B"), value("C")),
        (Some("12"), Some("2"), None)
    );
    assert!(value("PATH").is_some(), "programs can be found");
    assert_eq!(shell.variable("f"), Some(OsStr::new("1")));
}

#[test]
fn words_are_not_read_again() {
    let mut shell = Shell::with_environment(Vec::new());
    let words = ["export", "x=$y; *"].map(OsString::from).to_vec();
    assert_eq!(shell.run_words(words), Flow::OK);
    assert_eq!(shell.variable("x"), Some(OsStr::new("$y; *")));
    assert_eq!(shell.run_words(Vec::new()), Flow::OK);
}

#[test]
fn the_exit_trap_runs_once() {
    let (mut shell, flow) = run("trap 'n=x$n; exit 7' EXIT; exit 3");
    assert_eq!(shell.finish(flow), 7);
    assert_eq!(shell.finish(flow), 3);
    assert_eq!(shell.variable("n"), Some(OsStr::new("x")));
}

#[test]
fn a_file_has_its_own_arguments() {
    let path = std::env::temp_dir().join(format!("initsh-shell-{}", std::process::id()));
    std::fs::write(&path, "set_by=$1-$#; set -- x y z; return 5; set_by=no").unwrap();
    let mut shell = Shell::with_environment(Vec::new());
    shell.set_arguments(OsStr::new("sh"), vec!["outer".into()]);
    let flow = shell.run_file(&path, vec!["inner".into()]).unwrap();
    assert_eq!(flow, Flow::Status(5));
    assert_eq!(shell.variable("set_by"), Some(OsStr::new("inner-1")));
    assert_eq!(shell.vars.positional, [b"outer"]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(shell.run_file(&path, Vec::new()).unwrap_err().status(), 127);
    let failure = shell.run_file(Path::new("/"), Vec::new()).unwrap_err();
    assert_eq!(failure.status(), 126);
}
