//! `ps` and `kill`.

use std::process::{Child, Command};

use super::support::{initsh, run};

struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("60").spawn().expect("sleep"))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn signal(mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        self.0.wait().expect("wait").signal()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ps_knows_what_procps_knows() {
    let sleeper = Sleeper::new();
    let pid = sleeper.pid();
    let out = initsh(&["ps"]).ok();
    let mut lines = out.lines();
    let heading: Vec<_> = lines
        .next()
        .expect("a heading")
        .split_whitespace()
        .collect();
    assert_eq!(
        heading,
        [
            "PID", "PPID", "USER", "RIGHTS", "STATE", "MEMORY", "TIME", "COMMAND"
        ]
    );
    let line = lines
        .find(|line| line.split_whitespace().next() == Some(&pid))
        .expect("the sleeper");
    let fields: Vec<_> = line.split_whitespace().collect();
    let theirs = run("ps", &["-o", "ppid=,user=,args=", "-p", &pid]).ok();
    let theirs: Vec<_> = theirs.split_whitespace().collect();
    assert_eq!([fields[1], fields[2]], theirs[..2]);
    assert_eq!(fields[7..], theirs[2..]);
    let json = initsh(&["ps", "--json"]).ok();
    let entry = format!("\"pid\":{pid},\"ppid\":{},", std::process::id());
    let compact: String = json.split_whitespace().collect();
    assert!(
        compact.contains(&entry) && compact.contains("[\"sleep\",\"60\"]"),
        "{json}"
    );
}

#[test]
fn kernel_threads_only_when_asked_for() {
    let threads = |out: &str| out.lines().any(|line| line.ends_with(" [kthreadd]"));
    assert!(!threads(&initsh(&["ps"]).ok()));
    let visible = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n");
    assert_eq!(threads(&initsh(&["ps", "-A"]).ok()), visible);
}

#[test]
fn kill_sends_what_it_is_told() {
    for (args, signal) in [
        (&["kill"][..], 15),
        (&["kill", "-9"], 9),
        (&["kill", "-HUP"], 1),
        (&["kill", "-s", "SIGUSR1"], 10),
        (&["kill", "-n", "12", "--"], 12),
    ] {
        let sleeper = Sleeper::new();
        let pid = sleeper.pid();
        let args: Vec<_> = args.iter().copied().chain([pid.as_str()]).collect();
        initsh(&["kill", "-0", &pid]).ok();
        initsh(&args).ok();
        assert_eq!(sleeper.signal(), Some(signal), "{args:?}");
    }
}

#[test]
fn kill_reports_every_failure() {
    let error = initsh(&["kill", "999999998", "999999999"]).fails(1);
    assert!(
        error.contains("send SIGTERM to 999999998: ESRCH (No such process)"),
        "{error}"
    );
    assert!(error.contains("999999999"), "{error}");
    assert!(
        initsh(&["kill", "-NOPE", "1"])
            .fails(2)
            .contains("'NOPE': expected a signal such as TERM")
    );
    assert!(initsh(&["kill", "x"]).fails(2).contains("'x' is not a PID"));
    initsh(&["kill"]).fails(2);
    assert_eq!(
        initsh(&["kill", "-l", "9", "143", "HUP"]).ok(),
        "KILL\nTERM\n1\n"
    );
    assert!(initsh(&["kill", "-l"]).ok().contains("15 TERM\n"));
}

#[test]
fn kill_reaches_a_job() {
    let ended = initsh(&["-c", "sleep 60 & kill %1; wait $!; echo $?"]);
    assert_eq!(ended.out, "143\n");
}
