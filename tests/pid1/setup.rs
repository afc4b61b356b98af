//! What a service's process is given, as it sees it itself; what is said when a step fails; terminals.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::support::{INITSH, Init, LIMIT, skipped};

/// `initsh ARGS…` from outside, with users of its own.
fn command(init: &Init, args: &[&str]) -> Command {
    init.client();
    let directory = init.directory();
    let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:1234:4321::/tmp/web:/bin/false\n";
    fs::write(directory.join("passwd"), passwd).unwrap();
    fs::write(
        directory.join("group"),
        "tty:x:5:web\naudio:x:29:root,web\n",
    )
    .unwrap();
    let mut command = Command::new(INITSH);
    command
        .args(args)
        .current_dir(directory)
        .env("INITSH_RUN", directory.join("run"))
        .env("INITSH_ETC", directory)
        .stdin(Stdio::null());
    command
}

fn initsh(init: &Init, args: &[&str]) -> Output {
    command(init, args).output().unwrap()
}

/// What a program prints as a service with these options.
fn told(init: &Init, options: &str, program: &[&str]) -> String {
    let out = init.directory().join("out");
    let _ = fs::remove_file(&out);
    let mut args = vec!["spawn", "--name", "told", "--wait", "--stdout", "out"];
    args.extend(options.split_whitespace());
    args.push("--");
    args.extend(program);
    let output = initsh(init, &args);
    assert!(output.status.success(), "{options}: {output:?}");
    fs::read_to_string(out).unwrap()
}

/// Why a service with these options does not start: status and words.
fn refused(init: &Init, options: &str) -> (i32, String) {
    let mut args = vec!["spawn", "--name", "refused"];
    args.extend(options.split_whitespace());
    args.extend(["--", "/bin/true"]);
    let output = initsh(init, &args);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), words)
}

/// A line of `/proc/self/status`.
fn line<'a>(status: &'a str, name: &str) -> &'a str {
    let found = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found
        .unwrap_or_else(|| panic!("no {name}: {status}"))
        .trim()
}

fn caps(status: &str) -> [u64; 5] {
    let bits = |name| u64::from_str_radix(line(status, name), 16).unwrap();
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(bits)
}

#[test]
fn a_process_without_options_has_nothing_of_pid_1() {
    if skipped() {
        return;
    }
    // dash knows real-time signals by number only.
    let init = Init::prepared("trap '' INT HUP USR1 34 64", "exec sleep 1000");
    let status = told(&init, "", &["/bin/cat", "/proc/self/status"]);
    for name in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(line(&status, name), "0000000000000000", "{name}");
    }
    let stat = told(&init, "", &["/bin/cat", "/proc/self/stat"]);
    let fields: Vec<_> = stat.split(' ').collect();
    // Process group and session are its own (proc(5)).
    assert_eq!((fields[4], fields[5]), (fields[0], fields[0]), "{stat}");
    assert_eq!(fields[6], "0", "a terminal: {stat}");
    // 3 is the directory that is being read.
    assert_eq!(
        told(&init, "", &["/bin/ls", "/proc/self/fd"]),
        "0\n1\n2\n3\n"
    );
    let input = told(&init, "", &["/bin/readlink", "/proc/self/fd/0"]);
    assert_eq!(input, "/dev/null\n");
}

#[test]
fn every_option_is_seen_by_the_process() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let status = told(
        &init,
        "--user web --no-new-privs",
        &["/bin/cat", "/proc/self/status"],
    );
    assert_eq!(line(&status, "Uid"), "1234\t1234\t1234\t1234");
    assert_eq!(line(&status, "Gid"), "4321\t4321\t4321\t4321");
    assert_eq!(line(&status, "Groups"), "5 29");
    assert_eq!(line(&status, "NoNewPrivs"), "1");
    assert_eq!(caps(&status)[1..3], [0, 0]);
    let status = told(
        &init,
        "--user 77 --group tty",
        &["/bin/cat", "/proc/self/status"],
    );
    assert_eq!(line(&status, "Gid"), "5\t5\t5\t5");
    assert_eq!(line(&status, "Groups"), "");
    let env = told(
        &init,
        "--user web --env A=b=c --env PATH=/bin --env A=d",
        &["env"],
    );
    for known in [
        "HOME=/tmp/web",
        "USER=web",
        "LOGNAME=web",
        "PATH=/bin",
        "A=d",
    ] {
        assert!(env.lines().any(|line| line == known), "{known}: {env}");
    }
    assert!(!env.contains("A=b"), "{env}");
    let limits = told(
        &init,
        "--rlimit nofile=100:200 --rlimit core=0 --rlimit fsize=1M:unlimited",
        &["/bin/cat", "/proc/self/limits"],
    );
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..]
            .split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["100", "200"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max file size"), ["1048576", "unlimited"]);
    assert_eq!(told(&init, "--nice 7", &["/usr/bin/nice"]), "7\n");
    let score = ["/bin/cat", "/proc/self/oom_score_adj"];
    assert_eq!(told(&init, "--oom-score 300", &score), "300\n");
    let cwd = told(
        &init,
        "--cwd run --stdout ../out",
        &["/bin/readlink", "/proc/self/cwd"],
    );
    assert_eq!(
        cwd.trim_end(),
        init.directory().join("run").to_string_lossy()
    );
}

#[test]
fn capabilities_are_exactly_those_of_the_list() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let cat = ["/bin/cat", "/proc/self/status"];
    let all = caps(&told(&init, "", &cat))[1];
    let (chown, raw, boot) = (1, 1 << 13, 1 << 22);
    let two = chown | raw;
    let seen = caps(&told(&init, "--user web --caps chown,net_raw", &cat));
    assert_eq!(seen, [two; 5]);
    let seen = caps(&told(&init, "--caps cap_net_raw --no-new-privs", &cat));
    assert_eq!(seen, [raw; 5]);
    let seen = caps(&told(&init, "--caps none", &cat));
    assert_eq!(seen, [0; 5]);
    let seen = caps(&told(&init, "--user 7 --caps all,-sys_boot", &cat));
    assert_eq!(seen, [all & !boot; 5]);
}

#[test]
fn standard_descriptors_lead_where_they_are_told() {
    if skipped() {
        return;
    }
    let init = Init::new();
    fs::write(init.directory().join("in"), "from a file\n").unwrap();
    assert_eq!(told(&init, "--stdin in", &["/bin/cat"]), "from a file\n");
    // Appended to, by two descriptors.
    let out = init.directory().join("both");
    fs::write(&out, "before\n").unwrap();
    let options = [
        "spawn", "--name", "two", "--wait", "--stdout", "both", "--stderr", "both",
    ];
    let text = ["--", "/bin/sh", "-c", "echo one; echo two >&2; echo three"];
    assert!(
        initsh(&init, &[&options[..], &text].concat())
            .status
            .success()
    );
    assert_eq!(
        fs::read_to_string(&out).unwrap(),
        "before\none\ntwo\nthree\n"
    );
    let options = [
        "spawn", "--name", "three", "--wait", "--stdout", "console", "--stderr", "null",
    ];
    let text = ["--", "/bin/sh", "-c", "echo to the console; echo lost >&2"];
    assert!(
        initsh(&init, &[&options[..], &text].concat())
            .status
            .success()
    );
    assert!(init.log().contains("to the console\n"));
    assert!(!init.log().contains("lost"));
}

#[test]
fn what_keeps_a_service_from_starting_is_said() {
    if skipped() {
        return;
    }
    let missing = ["setuid", "setpcap", "sys_nice", "sys_resource"];
    let bound: Vec<_> = missing.iter().map(|name| format!("-{name}")).collect();
    let prepare = |bound: &str| {
        format!("exec setpriv --bounding-set {bound} {INITSH} --pid1 -- /bin/sh -c \"$BOOT\"")
    };
    let init = Init::prepared(&prepare(&bound.join(",")), "exec sleep 1000");
    for (options, words) in [
        (
            "--cwd /no/dir",
            "cannot enter its working directory /no/dir: ENOENT",
        ),
        (
            "--stdin /no/file",
            "cannot open standard input /no/file: ENOENT",
        ),
        (
            "--stdout /no/file",
            "cannot open standard output /no/file: ENOENT",
        ),
        ("--stderr /proc", "cannot open standard error /proc: EISDIR"),
        (
            "--tty no-such-tty",
            "cannot open terminal /dev/no-such-tty: ENOENT",
        ),
        ("--tty null", "cannot open terminal /dev/null: ENOTTY"),
        ("--nice -5", "cannot set nice value -5: EACCES"),
        ("--oom-score -500", "cannot set oom-score -500: EACCES"),
        (
            "--rlimit core=1 --rlimit nofile=4000000000",
            "cannot set limit nofile to 4000000000:4000000000: EPERM",
        ),
        ("--user 1000", "cannot set user 1000: EPERM"),
        ("--caps chown", "cannot set its capabilities: EPERM"),
    ] {
        let (status, error) = refused(&init, options);
        let words = format!("service 'refused': {words}");
        assert!(error.contains(&words), "{options}: {error}");
        let expected = if words.contains("ENOENT") { 127 } else { 126 };
        assert_eq!(status, expected, "{options}");
        let reason = words.replace("service 'refused': ", "");
        let service = init.service("refused");
        assert_eq!(service.state, "Failed", "{options}");
        assert!(service.reason.starts_with(&reason), "{}", service.reason);
    }
    let init = Init::prepared(&prepare("-setgid"), "exec sleep 1000");
    let (_, error) = refused(&init, "--group 5");
    assert!(
        error.contains("cannot set its supplementary groups: EPERM"),
        "{error}"
    );
    let (status, error) = refused(&init, "--user nobody");
    assert!(
        error.contains("--user 'nobody': no such user in /etc/passwd"),
        "{error}"
    );
    assert_eq!(status, 1);
    let (status, error) = refused(&init, "--nice 99");
    assert!(
        error.contains("--nice '99': expected a number from -20 to 19"),
        "{error}"
    );
    assert_eq!(status, 2);
}

#[test]
fn a_file_that_is_never_opened_keeps_nobody_waiting() {
    if skipped() {
        return;
    }
    let init = Init::new();
    mkfifo(&init.directory().join("fifo"), Mode::S_IRWXU).unwrap();
    let args = [
        "spawn", "--name", "stuck", "--stdin", "fifo", "--", "/bin/cat",
    ];
    let mut spawning = command(&init, &args).stderr(Stdio::null()).spawn().unwrap();
    let stuck = init.in_state("stuck", "Starting");
    assert!(stuck.pid.is_some());
    let begun = Instant::now();
    init.client().stop("stuck", LIMIT).unwrap();
    assert!(begun.elapsed() < LIMIT / 4, "{:?}", begun.elapsed());
    let _ = spawning.wait();
}

/// A script with these descriptors, and without those that whoever runs the tests left open.
fn alone(init: &Init, open: &str, script: &str) -> Output {
    let close = "for file in /proc/self/fd/*; do number=${file##*/}; \
        if ((number > 2)); then eval \"exec $number>&-\"; fi; done; eval \"$OPEN\"; exec \"$INITSH\" -c \"$SCRIPT\"";
    let of_init = command(init, &[]);
    let mut command = Command::new("bash");
    for (name, value) in of_init.get_envs() {
        command.env(name, value.unwrap());
    }
    let command = command
        .env("INITSH", INITSH)
        .env("OPEN", open)
        .env("SCRIPT", script);
    command
        .args(["-c", close])
        .current_dir(init.directory())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn descriptors_are_handed_over_and_kept() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let directory = init.directory().to_path_buf();
    fs::write(directory.join("three"), "in three\n").unwrap();
    let script = "spawn --keep-fds --name kept --restart always --backoff 10ms --ready fd -- \
        /bin/sh -c 'cat <&3; echo $INITSH_READY_FD $(ls -m /proc/self/fd) >&7; \
        echo >&4; exec sleep 1000' 3<three 7>>seven";
    let output = alone(&init, "", script);
    assert!(output.status.success(), "{output:?}");
    init.in_state("kept", "Running");
    let seven = directory.join("seven");
    // ls itself opens one more.
    assert_eq!(
        fs::read_to_string(&seven).unwrap(),
        "4 0, 1, 2, 3, 4, 5, 7\n"
    );
    assert!(init.log().contains("in three\n"));
    // The next process gets them, too; what was read stays read.
    let first = init.service("kept").pid.unwrap();
    assert!(
        initsh(
            &init,
            &["-c", &format!("kill -9 {}", outside(&init, first))]
        )
        .status
        .success()
    );
    init.until("another process", || {
        let text = fs::read_to_string(&seven).unwrap();
        (text.lines().count() == 2).then_some(())
    });
    // PID 1 lets go of them with the service.
    init.client().stop("kept", LIMIT).unwrap();
    let output = initsh(&init, &["spawn", "--name", "kept", "/bin/true"]);
    assert!(output.status.success(), "{output:?}");
    let open = fs::read_dir(format!("/proc/{}/fd", init.pid))
        .unwrap()
        .flatten();
    let ours = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == seven));
    assert_eq!(ours.count(), 0);
    let none = alone(&init, "", "spawn --keep-fds /bin/true");
    let error = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(error.contains("no descriptor from 3 on is open"), "{error}");
    let many: String = (10..27).map(|number| format!(" {number}<three")).collect();
    let many = alone(&init, &format!("exec{many}"), "spawn --keep-fds /bin/true");
    let error = String::from_utf8_lossy(&many.stderr).into_owned();
    assert!(
        error.contains("17 descriptors are open; PID 1 takes 16"),
        "{error}"
    );
}

/// The number of a process of the namespace as the outside sees it.
fn outside(init: &Init, inside: i32) -> i32 {
    let number = |pid: i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let all = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))?
            .to_owned();
        all.split_whitespace().next_back()?.parse::<i32>().ok()
    };
    let all = init.processes();
    let found = all.iter().find(|pid| number(pid.as_raw()) == Some(inside));
    found.expect("the process").as_raw()
}

/// A new terminal: its master, itself, and its path. Close-on-exec from the beginning: other tests start
/// programs at the same time.
pub fn terminal() -> (OwnedFd, OwnedFd, String) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname_r(&master).unwrap();
    let line = open(path.as_str(), flags, Mode::empty()).unwrap();
    (OwnedFd::from(master), line, path)
}

/// The end of a shell's prompt.
const PROMPT: &str = "# ";

/// The other side of a terminal: what was shown on it, and where to type.
struct Person {
    keyboard: File,
    shown: Arc<Mutex<String>>,
    seen: usize,
    tty: String,
    // Keeps the terminal from hanging up while nobody has it.
    _line: OwnedFd,
}

impl Person {
    fn new() -> Self {
        let (keyboard, line, path) = terminal();
        let keyboard = File::from(keyboard);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, text) = (keyboard.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                let new = String::from_utf8_lossy(&bytes[..length]).into_owned();
                text.lock().unwrap().push_str(&new);
            }
        });
        Self {
            keyboard,
            shown,
            seen: 0,
            tty: path.trim_start_matches("/dev/").to_owned(),
            _line: line,
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    fn sees(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            let shown = self.shown.lock().unwrap().clone();
            if let Some(at) = shown[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let new = &shown[self.seen..];
            assert!(begun.elapsed() < LIMIT, "waiting for {text:?}: {new:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_shell_on_a_terminal_of_its_own() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let mut person = Person::new();
    let tty = person.tty.clone();
    let options = [
        "spawn",
        "--name",
        "shell",
        "--restart",
        "always",
        "--backoff",
        "10ms",
    ];
    // A dumb terminal has no editor, whose redrawing is tested elsewhere.
    let shell = ["--tty", &tty, "--env", "TERM=dumb", "--", "initsh"];
    let output = initsh(&init, &[&options[..], &shell].concat());
    assert!(output.status.success(), "{output:?}");
    // Each line is typed at a prompt, as people do.
    person.sees(PROMPT);
    person.types("echo $((6 * 7)) from $$\n");
    person.sees("42 from ");
    person.sees(PROMPT);
    person.types("/bin/sleep 1000\n");
    let sleeps = || {
        init.until("the job", || {
            let sleeps = |pid: &nix::unistd::Pid| {
                let name = super::contained::status_field(*pid, "Name");
                let state = super::contained::status_field(*pid, "State");
                name == "sleep" && state.starts_with('S')
            };
            // The boot role's own sleeps, too.
            (init.processes().iter().filter(|pid| sleeps(pid)).count() == 2).then_some(())
        });
    };
    sleeps();
    // Ctrl-Z and Ctrl-C reach the job and not the shell.
    person.types("\u{1a}");
    person.sees("topped");
    person.sees(PROMPT);
    person.types("fg\n");
    sleeps();
    person.types("\u{3}");
    person.sees(PROMPT);
    person.types("echo still $((1 + 1))\n");
    person.sees("still 2");
    // Nobody else gets the terminal meanwhile.
    let (_, error) = refused(&init, &format!("--tty {tty}"));
    let words = format!("cannot take terminal /dev/{tty}, which has a session: EPERM");
    assert!(error.contains(&words), "{error}");
    person.sees(PROMPT);
    person.types("exit 3\n");
    person.sees("initsh: a new shell begins here; the last one ended: exit 3");
    person.sees(PROMPT);
    person.types("echo $((40 + 2)) again\n");
    person.sees("42 again");
    person.sees(PROMPT);
    person.types("kill -KILL $$\n");
    person.sees("initsh: a new shell begins here; the last one ended: SIGKILL");
}

/// Nobody writes into the FIFO: the child waits before its program is executed, and holds nothing that is
/// not its own while it does. A copy of the watchdog's descriptor would keep it running.
#[test]
fn a_child_that_waits_for_a_file_has_nothing_of_others() {
    if skipped() {
        return;
    }
    let init = Init::new();
    mkfifo(&init.directory().join("fifo"), Mode::S_IRWXU).unwrap();
    let many = ["--stdout", "log", "--stderr", "log", "--ready", "notify"];
    for name in ["one", "two"] {
        let mut args = vec!["spawn", "--name", name];
        args.extend(many);
        args.extend(["--", "/bin/sleep", "1000"]);
        assert!(initsh(&init, &args).status.success());
    }
    let client = init.client();
    let stuck = ["--stdin", "fifo", "--stdout", "log", "--ready", "fd"];
    let mut spawning = command(&init, &["spawn", "--name", "stuck"])
        .args(stuck)
        .args(["--", "/bin/sleep", "1000"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    init.in_state("stuck", "Starting");
    let stuck = init.until("the child waits for its file", || {
        let pid = init.outside(init.service("stuck").pid?)?;
        // In its own session it has begun to open files.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        (rest.split(' ').nth(3) == Some(&pid.to_string())).then_some(pid)
    });
    let open = |pid: nix::unistd::Pid| -> Vec<(u32, String)> {
        let list = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let number = |name: &str| name.parse().unwrap();
        // One that is closed meanwhile is none.
        list.filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            let name = file.file_name().into_string().unwrap();
            Some((number(&name), target.to_string_lossy().into_owned()))
        })
        .collect()
    };
    // Besides the first three: its channel to PID 1, the end of its readiness pipe, the log, our program.
    init.until("nothing but its own", || {
        let mut more = open(stuck);
        more.retain(|(number, _)| *number > 2);
        let of = |kind: &str| {
            let kinds = more.iter().filter(|(_, name)| name.starts_with(kind));
            kinds.count()
        };
        let all = (of("socket:"), of("pipe:"), more.len() - of(INITSH));
        (all == (1, 2, 3)).then_some(())
    });
    assert!(open(init.pid).len() > 10);
    assert!(initsh(&init, &["stop", "stuck"]).status.success());
    spawning.wait().unwrap();
    drop(client);
}
