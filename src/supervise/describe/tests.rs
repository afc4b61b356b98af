//! Each option with good and bad values.

use std::time::Duration;

use super::*;
use crate::cmd;

fn place() -> Place {
    Place {
        env: vec![("HOME".into(), "/root".into()), ("A".into(), "1".into())],
        cwd: "/srv".into(),
        path: None,
        passwd: "www:x:33:34:w:/var/www:/bin/false\n".to_owned(),
        group: "tty:x:5:www\nadm:x:4:\n".to_owned(),
        cgroup: Some("/cg".into()),
        kept: Vec::new(),
    }
}

fn read(options: &[&str]) -> Result<ServiceSpec, Failure> {
    let words = options.iter().chain(&["--", "sleep", "1"]);
    let spawn = cmd::find(OsStr::new("spawn")).unwrap();
    let (given, command) = Given::parse(spawn, words.map(OsString::from).collect())?;
    describe(&given, &command, &place())
}

fn good(options: &[&str], change: impl Fn(&mut ServiceSpec)) {
    let mut expected = read(&[]).unwrap();
    change(&mut expected);
    assert_eq!(read(options), Ok(expected), "{options:?}");
}

#[test]
fn without_options() {
    let spec = read(&[]).unwrap();
    assert_eq!(spec.name, "sleep");
    assert_eq!(spec.program, Program::Own);
    assert_eq!(spec.cwd, "/srv");
    assert_eq!(spec.env, place().env);
    assert_eq!(spec.setup, Setup::default());
}

#[test]
fn when_it_runs() {
    let ms = Duration::from_millis;
    good(&["--name", "a.b"], |s| s.name = "a.b".into());
    good(&["--restart", "always"], |s| s.restart = Restart::Always);
    good(&["--backoff", "100ms..2"], |s| {
        s.backoff = (ms(100), ms(2000))
    });
    good(&["--backoff=1"], |s| s.backoff = (ms(1000), ms(1000)));
    good(&["--max-restarts", "3/10"], |s| {
        s.max_restarts = Some((3, ms(10_000)))
    });
    good(&["--needs", "a,b", "--needs", "c,a"], |s| {
        s.needs = vec!["a".into(), "b".into(), "c".into()];
    });
    good(&["--after", "a"], |s| s.after = vec!["a".into()]);
    good(&["--ready", "fd"], |s| s.ready = Ready::Descriptor);
    good(&["--ready", "notify"], |s| s.ready = Ready::Notify);
    good(&["--ready", "tcp=80"], |s| s.ready = Ready::Tcp(80));
    good(&["--ready", "after=0.5"], |s| {
        s.ready = Ready::After(ms(500))
    });
    good(&["--ready", "pidfile=x.pid", "--cwd", "run"], |s| {
        s.ready = Ready::PidFile("/srv/run/x.pid".into());
        s.cwd = "/srv/run".into();
    });
    good(&["--stop-timeout", "2m"], |s| s.stop_timeout = ms(120_000));
    good(&["--stop-signal", "sighup"], |s| s.stop_signal = 1);
    good(&["--stop-signal", "RTMIN+3"], |s| s.stop_signal = 37);
    good(&["--critical", "--oneshot"], |s| {
        (s.critical, s.oneshot) = (true, true)
    });
}

#[test]
fn what_its_process_is_given() {
    good(&["--user", "www"], |s| {
        (s.setup.user, s.setup.group, s.setup.groups) = (Some(33), Some(34), vec![5]);
        s.env = vec![
            ("A".into(), "1".into()),
            ("HOME".into(), "/var/www".into()),
            ("USER".into(), "www".into()),
            ("LOGNAME".into(), "www".into()),
        ];
    });
    good(&["--user=1000", "--group", "adm"], |s| {
        (s.setup.user, s.setup.group) = (Some(1000), Some(4));
    });
    good(&["--cwd", "/"], |s| s.cwd = "/".into());
    good(&["--env", "A=2", "--env", "B=x=y", "--env=C="], |s| {
        s.env.pop();
        s.env
            .extend([("A", "2"), ("B", "x=y"), ("C", "")].map(|(n, v)| (n.into(), v.into())));
    });
    good(
        &["--stdin", "in", "--stdout", "null", "--stderr", "log"],
        |s| {
            s.setup.stdin = Stdio::File("in".into());
            (s.setup.stdout, s.setup.stderr) = (Stdio::Null, Stdio::Log);
        },
    );
    good(&["--stdin", "console", "--stdout", "./log"], |s| {
        s.setup.stdin = Stdio::Console;
        s.setup.stdout = Stdio::File("./log".into());
    });
    good(&["--nice", "-5", "--oom-score", "-1000"], |s| {
        (s.setup.nice, s.setup.oom_score) = (Some(-5), Some(-1000));
    });
    good(
        &[
            "--rlimit",
            "nofile=10:20",
            "--rlimit",
            "RLIMIT_CORE=unlimited",
        ],
        |s| {
            s.setup.rlimits = vec![(7, 10, 20), (4, u64::MAX, u64::MAX)];
        },
    );
    good(&["--rlimit", "memlock=64K"], |s| {
        s.setup.rlimits = vec![(8, 65536, 65536)]
    });
    good(&["--caps", "net_raw", "--no-new-privs"], |s| {
        (s.setup.caps, s.setup.no_new_privs) = (Some(1 << 13), true);
    });
    good(&["--tty", "ttyS1"], |s| {
        s.setup.tty = Some("/dev/ttyS1".into());
        s.env.push(("TERM".into(), "vt102".into()));
    });
    good(&["--tty", "/dev/tty2", "--env", "TERM=x"], |s| {
        s.setup.tty = Some("/dev/tty2".into());
        s.env.push(("TERM".into(), "x".into()));
    });
    good(&["--log-file", "web.log"], |s| {
        (s.setup.stdout, s.setup.stderr) = (Stdio::Log, Stdio::Log);
        s.setup.log_file = Some(("/srv/web.log".into(), 1 << 20));
    });
    good(
        &[
            "--cgroup",
            "memory.max=64M,cpu.max=50000/100000",
            "--cgroup",
            "pids.max=max",
        ],
        |s| {
            let limits = [
                ("memory.max", "64M"),
                ("cpu.max", "50000 100000"),
                ("pids.max", "max"),
            ];
            s.setup.cgroup = limits.map(|(f, v)| (f.to_owned(), v.to_owned())).into();
            s.setup.cgroup_at = Some("/cg".into());
        },
    );
}

#[test]
fn bad_values_are_named_with_what_is_expected() {
    for (options, words) in [
        ("--name a/b", "'a/b' is not a service's name"),
        (
            "--restart maybe",
            "--restart 'maybe': expected never, on-failure or always",
        ),
        ("--backoff 1..", "--backoff '1..': '' is not a time"),
        (
            "--backoff 0..5",
            "--backoff '0..5': expected a pause of 10ms or more",
        ),
        ("--backoff 5..1", "the shorter one first"),
        (
            "--max-restarts 3",
            "--max-restarts '3': expected N/SECONDS, such as 3/10",
        ),
        ("--max-restarts 0/3", "expected N/SECONDS"),
        ("--max-restarts -1/3", "expected N/SECONDS"),
        ("--max-restarts 3/0", "expected N/SECONDS"),
        ("--needs a,,b", "--needs: '' is not a service's name"),
        ("--after 42", "--after: '42' is not a service's name"),
        (
            "--ready soon",
            "--ready 'soon': expected exec, fd, notify, pidfile=PATH, tcp=PORT or",
        ),
        ("--ready fd=3", "--ready 'fd=3': expected"),
        ("--ready tcp=0", "expected tcp=PORT"),
        ("--ready tcp=65536", "expected tcp=PORT"),
        ("--ready pidfile=", "expected pidfile=PATH"),
        ("--ready after=x", "'x' is not a time"),
        (
            "--stop-timeout soon",
            "--stop-timeout: 'soon' is not a time",
        ),
        ("--stop-signal 0", "--stop-signal '0': expected a signal"),
        ("--stop-signal 65", "expected a signal"),
        ("--stop-signal RTMIN+31", "expected a signal"),
        (
            "--stop-signal RTMIN+18446744073709551615",
            "expected a signal",
        ),
        ("--stop-signal RTMIN-1", "expected a signal"),
        (
            "--oneshot --restart always",
            "--restart always with --oneshot: it does its work by ending",
        ),
        ("--oneshot --ready fd", "--ready with --oneshot"),
        (
            "--user nobody",
            "--user 'nobody': no such user in /etc/passwd",
        ),
        ("--user -1", "no such user"),
        (
            "--group staff",
            "--group 'staff': no such group in /etc/group",
        ),
        ("--env =x", "--env '=x': expected NAME=VALUE"),
        ("--env X", "--env 'X': expected NAME=VALUE"),
        (
            "--stdin log",
            "--stdin 'log': expected a file, null or console",
        ),
        (
            "--stdout=",
            "--stdout '': expected a file, null, console or log",
        ),
        ("--nice 20", "--nice '20': expected a number from -20 to 19"),
        (
            "--oom-score 1001",
            "--oom-score '1001': expected a number from -1000 to 1000",
        ),
        (
            "--rlimit nofile",
            "--rlimit 'nofile': expected NAME=SOFT[:HARD]",
        ),
        ("--rlimit files=3", "expected one of cpu, fsize"),
        (
            "--rlimit nofile=20:10",
            "a soft limit that is not above the hard one",
        ),
        ("--rlimit nofile=x", "expected SOFT[:HARD]"),
        (
            "--cgroup memory.max",
            "--cgroup 'memory.max': expected FILE=VALUE",
        ),
        ("--cgroup memory.max=much", "memory.max: bytes"),
        ("--cgroup pids.max=-1", "pids.max: a number or max"),
        ("--cgroup cpu.max=1/x", "cpu.max: QUOTA[/PERIOD]"),
        (
            "--cgroup cgroup.procs=1",
            "expected a file of the controllers",
        ),
        (
            "--cgroup memory./../x=1",
            "expected a file of the controllers",
        ),
        (
            "--caps net_raw,fly",
            "--caps 'net_raw,fly': 'fly' is no capability",
        ),
        (
            "--tty console",
            "--tty 'console': expected a terminal such as ttyS1",
        ),
        ("--tty=", "expected a terminal"),
        (
            "--log-file x --log-size 5",
            "--log-size '5': expected bytes",
        ),
        (
            "--log-size 5K",
            "--log-size makes no sense without --log-file",
        ),
        (
            "--log-file x --stdout null",
            "--log-file makes no sense without",
        ),
        ("--no-new-privs=1", "--no-new-privs takes no value"),
        ("--nonsense", "unknown option --nonsense"),
    ] {
        let words_given: Vec<_> = options.split(' ').collect();
        let failure = read(&words_given).unwrap_err();
        assert!(failure.to_string().contains(words), "{options}: {failure}");
    }
    let mut place = place();
    place.cgroup = None;
    let spawn = cmd::find(OsStr::new("spawn")).unwrap();
    let (given, _) = Given::parse(spawn, Vec::new()).unwrap();
    let missing = describe(&given, &[], &place).unwrap_err();
    assert_eq!(missing.to_string(), "missing COMMAND");
}

#[test]
fn programs_are_found_from_where_the_caller_is() {
    let given = |words: &[&str]| {
        let spawn = cmd::find(OsStr::new("spawn")).unwrap();
        let words = words.iter().map(OsString::from).collect();
        let (given, command) = Given::parse(spawn, words).unwrap();
        let place = Place {
            cwd: "/usr".into(),
            path: Some("/nowhere".into()),
            ..place()
        };
        describe(&given, &command, &place).map(|spec| spec.program)
    };
    let sh = |path: &str| Ok(Program::Path(path.into()));
    assert_eq!(given(&["--cwd", "/", "bin/env"]), sh("/usr/bin/env"));
    assert_eq!(
        given(&["--env", "PATH=/usr/bin", "env"]),
        sh("/usr/bin/env")
    );
    assert_eq!(given(&["env"]).unwrap_err().status(), 127);
    assert_eq!(given(&["initsh"]), Ok(Program::Own));
}
