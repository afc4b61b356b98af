//! Services that files describe: started, wrong, changed and read again.

use std::fs;
use std::process::Output;

use nix::sys::signal::Signal;

use super::support::{Init, skipped};

fn file(init: &Init, name: &str, text: &str) -> String {
    let path = init.directory().join(name);
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn files_become_services() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let out = init.directory().join("out");
    let needy = file(&init, "a-needy.service", "--needs first\n-- sleep 1000\n");
    let first = file(
        &init,
        "first",
        &format!(
            "# The first.\n--restart always \\\n  --env 'A=b c' # quoted\n--stdout {0}\n\
             exec /bin/sh -c 'pwd; env\nexec sleep 1000'\n",
            out.display()
        ),
    );
    // Checked, and nothing started.
    let output = init.initsh(&["service", "--check", &needy, &first]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(init.client().services().unwrap().len(), 0);
    // What is needed is started first, in whatever order the files are given.
    let output = init.initsh(&["service", &needy, &first]);
    assert!(output.status.success(), "{output:?}");
    init.in_state("a-needy", "Running");
    let text = init.until("its output", || {
        let text = fs::read_to_string(&out).unwrap_or_default();
        text.contains("A=").then_some(text)
    });
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("PWD="))
        .collect();
    lines.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, ["/", "A=b c", path]);
    // One that is wrong does not keep the others from their turn.
    let wrong = file(&init, "wrong", "--nice 5\n--nice 99\n-- true\n");
    let good = file(&init, "good.txt", "-- sleep 1000\n");
    let output = init.initsh(&["service", &wrong, "/no/file", &good]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = error(&output);
    let words = format!("{wrong}:2: --nice '99': expected a number from -20 to 19");
    assert!(text.contains(&words), "{text}");
    assert!(text.contains("read /no/file: ENOENT"), "{text}");
    init.in_state("good", "Running");
    let output = init.initsh(&["service", &good]);
    assert!(
        error(&output).contains("'good' is already Running"),
        "{output:?}"
    );
}

#[test]
fn changed_files_count_from_the_next_start() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let out = init.directory().join("out");
    let text = |word: &str, more: &str| {
        let out = out.display();
        format!("--stdout {out} {more}\n-- /bin/sh -c 'echo {word}; exec sleep 1000'\n")
    };
    let web = file(&init, "web", &text("one", ""));
    let same = file(&init, "same", "--stop-timeout 0.0005\n-- sleep 1000\n");
    let bad = file(&init, "bad", "-- sleep 1000\n");
    let output = init.initsh(&["service", &web, &same, &bad]);
    assert!(output.status.success(), "{output:?}");
    init.initsh(&["spawn", "--name", "other", "sleep", "1000"]);
    let before = init.in_state("web", "Running").pid;
    file(&init, "web", &text("two", "--nice 3 --env A=b"));
    file(&init, "bad", "--name new\n-- sleep 1000\n");
    let output = init.initsh(&["service", "--reload"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = "same: as it was\nweb: command, env, nice changed, from its next start on\n";
    assert_eq!(told, words);
    let text_of_error = error(&output);
    let words = format!("bad stays as it was: {bad}: describes 'new' now");
    assert!(text_of_error.contains(&words), "{text_of_error}");
    // Told once.
    let output = init.initsh(&["service", "--reload"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("web: as it was\n"));
    assert_eq!(init.service("web").pid, before);
    let said = || fs::read_to_string(&out).unwrap_or_default();
    init.until("the old command", || (said() == "one\n").then_some(()));
    init.client().restart("web").unwrap();
    init.until("the new command", || (said() == "one\ntwo\n").then_some(()));
    // SIGHUP does the same, and says so where PID 1 speaks.
    file(&init, "web", &text("three", "--critical"));
    init.signal(Signal::SIGHUP);
    init.until("the words", || {
        let log = init.log();
        let told = log.contains("web: command, env, critical, nice changed");
        (told && log.contains("bad stays as it was")).then_some(())
    });
    // However often it comes, and PID 1 goes on.
    for _ in 0..50 {
        init.signal(Signal::SIGHUP);
    }
    fs::remove_file(&web).unwrap();
    let output = init.initsh(&["service", "--reload"]);
    let text = error(&output);
    assert!(
        text.contains(&format!("web stays as it was: read {web}: ENOENT")),
        "{text}"
    );
    assert_eq!(init.service("web").state, "Running");
}
