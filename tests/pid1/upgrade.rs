//! PID 1's program is replaced, and crashes, while everything runs on.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use initsh::supervise::protocol::{Reply, Request, Target, Until};
use initsh::supervise::spec::Restart;
use initsh::sys::child::Exit;
use initsh::sys::seqpacket;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{INITSH, Init, LIMIT, program, shell, skipped, undisturbed, within};

/// A part of every line by which a new program says that it is there.
const UPGRADED: &str = "from now on";

fn upgrade(init: &Init, path: impl AsRef<Path>) -> Result<(), String> {
    let done = init.client().upgrade(path.as_ref().as_os_str());
    done.map_err(|failure| failure.to_string())
}

/// Every service's pid by name.
fn pids(init: &Init) -> BTreeMap<String, Option<i32>> {
    let all = init.client().services().unwrap();
    all.into_iter()
        .map(|service| (service.name, service.pid))
        .collect()
}

fn copy_of_initsh(init: &Init, name: &str) -> PathBuf {
    let path = init.directory().join(name);
    program(&path, &fs::read(INITSH).unwrap(), 0o755);
    path
}

#[test]
fn everything_is_as_it_was() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Always, "exec sleep 1000");
    init.spawn("dead", Restart::Never, "exit 7");
    init.spawn("again", Restart::OnFailure, "sleep 0.2; exit 3");
    let mut talker = shell(
        "talker",
        Restart::Never,
        "while :; do echo tick; sleep 0.1; done",
    );
    talker.setup.stdout = initsh::supervise::setup::Stdio::Log;
    init.client().spawn(&talker).unwrap();
    init.in_state("dead", "Failed");
    let before = pids(&init);
    let descriptors = || {
        fs::read_dir(format!("/proc/{}/fd", init.pid))
            .unwrap()
            .count()
    };
    upgrade(&init, copy_of_initsh(&init, "new")).unwrap();
    let open = descriptors();
    for _ in 0..20 {
        upgrade(&init, "").unwrap();
    }
    assert!(
        init.log().contains("/new 0.1.0 from now on"),
        "{}",
        init.log()
    );
    let after = pids(&init);
    for name in ["web", "dead", "talker"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    init.until("no descriptors that leak", || {
        (descriptors() <= open + 1).then_some(())
    });
    // The ended ones are told once, whichever program saw them.
    let (exits, lost) = init.client().exits().unwrap();
    let dead: Vec<_> = exits.iter().filter(|ended| ended.name == "dead").collect();
    assert_eq!((dead.len(), dead[0].exit, lost), (1, Exit::Code(7), 0));
    init.until("another run", || {
        (init.service("again").starts > 1).then_some(())
    });
    // The log goes on in the same ring.
    let lines = || {
        let output = init.initsh(&["logs", "talker"]);
        String::from_utf8_lossy(&output.stdout).lines().count()
    };
    let some = lines();
    assert!(some >= 1);
    init.until("more of the log", || (lines() > some).then_some(()));
    init.client().stop("web", LIMIT).unwrap();
    // Not a word that PID 1's state and its journal were not the same.
    assert!(!init.log().contains("journal"), "{}", init.log());
    let name = fs::read_to_string(format!("/proc/{}/comm", init.pid)).unwrap();
    assert_eq!(name, "initsh\n");
}

#[test]
fn sigusr2_takes_what_is_at_its_own_path() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let web = init.spawn("web", Restart::Always, "exec sleep 1000");
    init.signal(Signal::SIGUSR2);
    init.until("the new program", || {
        init.log().contains(UPGRADED).then_some(())
    });
    assert_eq!(init.service("web").pid, web.pid);
}

#[test]
fn who_waits_goes_on_waiting() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("job", Restart::Never, "sleep 1.5; exit 7");
    init.spawn("silent", Restart::Never, "exec sleep 1000");
    let wait = |name: &'static str, limit: u64| {
        let mut client = init.client();
        std::thread::spawn(move || {
            let target = Target::Name(name.into());
            client.wait_end(target, Until::Exit, Some(Duration::from_millis(limit)))
        })
    };
    let (job, silent) = (wait("job", 100_000), wait("silent", 2000));
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..5 {
        upgrade(&init, "").unwrap();
    }
    init.client().crash("segv").unwrap();
    assert_eq!(job.join().unwrap(), Ok(Some(Exit::Code(7))));
    assert_eq!(silent.join().unwrap(), Ok(None));
}

#[test]
fn bad_programs_are_refused_and_nothing_changes() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let web = init.spawn("web", Restart::Always, "exec sleep 1000");
    let program = |name: &str, bytes: &[u8], mode: u32| {
        let path = init.directory().join(name);
        program(&path, bytes, mode);
        path
    };
    let mut foreign = fs::read(INITSH).unwrap();
    foreign.truncate(4096);
    // Another machine's: e_machine.
    foreign[18] = 0xf3;
    let cases = [
        (program("text", b"hello\n", 0o755), "ENOEXEC"),
        (program("empty", b"", 0o755), "ENOEXEC"),
        (program("foreign", &foreign, 0o755), "ENOEXEC"),
        (program("closed", b"x", 0o644), "EACCES"),
        (program("no", b"#!/bin/sh\nexit 1\n", 0o755), "ENOEXEC"),
        (init.directory().join("missing"), "ENOENT"),
        (init.directory().to_owned(), "EISDIR"),
        ("/dev/null".into(), "EACCES"),
        ("/bin/true".into(), "that is not an initsh"),
        ("/bin/false".into(), "it ended with exit 1"),
        ("/bin/echo".into(), "that is not an initsh"),
    ];
    for (path, expected) in &cases {
        let error = upgrade(&init, path).unwrap_err();
        assert!(error.contains(expected), "{}: {error}", path.display());
    }
    assert_eq!(init.service("web").pid, web.pid);
    assert!(!init.log().contains(UPGRADED), "{}", init.log());
}

/// One that hangs is given up after five seconds; PID 1 serves everybody meanwhile.
#[test]
fn a_program_that_hangs_is_given_up() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Always, "exec sleep 1000");
    let mut client = init.client();
    let begun = Instant::now();
    // Any options it has are none of sleep's; `tail -f` of nothing waits for ever.
    let hangs = init.directory().join("hangs");
    compile_a_loop(&hangs);
    let path = hangs.clone();
    let asked = std::thread::spawn(move || client.upgrade(path.as_os_str()));
    let checks = || {
        let exe = |pid: &Pid| fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let all = init.processes();
        all.iter()
            .any(|pid| exe(pid).ends_with("hangs"))
            .then_some(())
    };
    init.until("the check", checks);
    let second = upgrade(&init, "").unwrap_err();
    assert!(second.contains("under way already"), "{second}");
    let mut slowest = Duration::ZERO;
    while !asked.is_finished() {
        let took = undisturbed(&init, || drop(init.client().services().unwrap()));
        slowest = slowest.max(took);
        std::thread::sleep(Duration::from_millis(20));
    }
    let error = asked.join().unwrap().unwrap_err().to_string();
    assert!(
        error.contains("did not read the state within 5 s"),
        "{error}"
    );
    assert!(begun.elapsed() < LIMIT / 2);
    // Of the five seconds, had PID 1 waited itself.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // A crash meanwhile: whoever waits for the check is told.
    let mut client = init.client();
    let asked = std::thread::spawn(move || client.upgrade(hangs.as_os_str()));
    init.until("the check", checks);
    init.client().crash("segv").unwrap();
    let error = asked.join().unwrap().unwrap_err().to_string();
    assert!(error.contains("PID 1 crashed"), "{error}");
    upgrade(&init, "").unwrap();
}

/// The smallest program that never ends: an ELF file of one instruction that jumps to itself.
fn compile_a_loop(path: &Path) {
    const BASE: u64 = 0x40_0000;
    let mut elf = Vec::new();
    elf.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2_u16, 62] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    elf.extend_from_slice(&1_u32.to_le_bytes());
    for long in [BASE + 120, 64, 0] {
        elf.extend_from_slice(&long.to_le_bytes());
    }
    elf.extend_from_slice(&0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    elf.extend_from_slice(&1_u32.to_le_bytes());
    elf.extend_from_slice(&5_u32.to_le_bytes());
    for long in [0, BASE, BASE, 122, 122, 4096] {
        elf.extend_from_slice(&long.to_le_bytes());
    }
    elf.extend_from_slice(&[0xeb, 0xfe]);
    program(path, &elf, 0o755);
}

#[test]
fn while_the_machine_goes_down_it_is_refused() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let text = "trap '' TERM; while :; do sleep 0.1; done";
    let mut deaf = shell("deaf", Restart::Never, text);
    deaf.stop_timeout = Duration::from_secs(5);
    init.client().spawn(&deaf).unwrap();
    init.hears("deaf", Signal::SIGTERM);
    let mut client = init.client();
    let mut other = init.client();
    init.client().services().unwrap();
    other
        .power(initsh::supervise::protocol::Power::Off(9))
        .unwrap();
    let error = client.upgrade("".as_ref()).unwrap_err().to_string();
    assert!(error.contains("being shut down"), "{error}");
    init.signal(Signal::SIGUSR2);
    assert_eq!(init.ended(), 9);
}

/// How long a client that asks all the time gets no answer while PID 1 is replaced.
#[test]
fn the_control_socket_is_silent_for_some_milliseconds() {
    if skipped() {
        return;
    }
    let init = Init::new();
    for n in 0..20 {
        init.spawn(&format!("s{n}"), Restart::Never, "exec sleep 1000");
    }
    // Of a release on an idle machine: 5 ms. Here others run, too.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
    within(limit, "typical silence", || twenty_silences(&init));
}

/// The typical silence in twenty upgrades; prints it with the longest.
fn twenty_silences(init: &Init) -> Duration {
    let mut silences: Vec<_> = (0..20).map(|_| silence_of_an_upgrade(init)).collect();
    silences.sort();
    let (median, slowest) = (silences[10], silences[19]);
    let kind = match cfg!(debug_assertions) {
        true => "debug",
        false => "release",
    };
    let line = format!(
        "\nupgrade ({kind} build): silence of {median:?}, {slowest:?} at most in 20 upgrades\n"
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    median
}

/// The longest time that a client which asks all the while waits for an answer.
fn silence_of_an_upgrade(init: &Init) -> Duration {
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = done.clone();
    let mut client = init.client();
    let asking = std::thread::spawn(move || {
        let mut slowest = Duration::ZERO;
        while !seen.load(std::sync::atomic::Ordering::Relaxed) {
            let begun = Instant::now();
            client.services().unwrap();
            slowest = slowest.max(begun.elapsed());
        }
        slowest
    });
    upgrade(init, "").unwrap();
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    asking.join().unwrap()
}

/// Five hundred services, some of which are killed all the time, through two hundred upgrades.
#[test]
fn a_storm_of_upgrades_loses_no_process_and_no_exit() {
    if skipped() {
        return;
    }
    const SERVICES: usize = 500;
    const UPGRADES: u32 = 200;
    let init = Init::new();
    let mut client = init.client();
    for n in 0..SERVICES {
        // Every tenth is not started again: its exit is to be told once.
        let restart = if n % 10 == 0 {
            Restart::Never
        } else {
            Restart::Always
        };
        let mut spec = shell(&format!("s{n:03}"), restart, "");
        spec.program = initsh::supervise::spec::Program::Path("/bin/sleep".into());
        spec.argv = vec!["sleep".into(), "1000".into()];
        spec.backoff.0 = Duration::from_millis(50);
        client.spawn(&spec).unwrap();
    }
    let begun = Instant::now();
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let outside = |pid: i32| init.outside(pid);
    let mut killed = 0_usize;
    let mut told = 0_usize;
    let mut expected = pids(&init);
    for round in 0..UPGRADES {
        let name = format!("s{:03}", next(SERVICES));
        if let Some(pid) = expected[&name].and_then(outside) {
            kill(pid, Signal::SIGKILL).unwrap();
            killed += 1;
            expected.insert(name, None);
        }
        client
            .upgrade("".as_ref())
            .unwrap_or_else(|e| panic!("round {round}: {e}\n{}", init.log()));
        let (exits, lost) = client.exits().unwrap();
        assert_eq!(lost, 0);
        told += exits
            .iter()
            .filter(|ended| ended.exit == Exit::Signal(9))
            .count();
    }
    let line = format!(
        "\n{UPGRADES} upgrades with {SERVICES} services: {:?}\n",
        begun.elapsed()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    init.until("every exit", || {
        let (exits, _) = init.client().exits().unwrap();
        told += exits
            .iter()
            .filter(|ended| ended.exit == Exit::Signal(9))
            .count();
        (told >= killed).then_some(())
    });
    assert_eq!(told, killed, "exits told");
    let after = pids(&init);
    for (name, pid) in expected {
        if pid.is_some() {
            assert_eq!(after[&name], pid, "{name}");
        }
    }
    let exited: u32 = init
        .client()
        .services()
        .unwrap()
        .iter()
        .map(|s| s.starts)
        .sum();
    assert!(usize::try_from(exited).unwrap() <= SERVICES + killed);
}

#[test]
fn a_crash_of_any_kind_touches_no_service() {
    if skipped() {
        return;
    }
    for how in ["segv", "bus", "ill", "fpe", "abort", "panic", "overflow"] {
        let init = Init::new();
        let web = init.spawn("web", Restart::Always, "exec sleep 1000");
        init.spawn("dead", Restart::Never, "exit 7");
        init.in_state("dead", "Failed");
        // Four in a minute do not lead to rescue mode.
        for round in 0..4 {
            let words = init.client().crash(how).unwrap();
            assert!(words.contains("PID 1 crashed"), "{how} {round}: {words}");
            assert_eq!(init.service("web").pid, web.pid, "{how}");
        }
        let (exits, _) = init.client().exits().unwrap();
        assert_eq!(exits.len(), 1, "{how}: {exits:?}");
        assert_eq!(exits[0].exit, Exit::Code(7));
        let signal = match how {
            "segv" | "overflow" => "SIGSEGV",
            "bus" => "SIGBUS",
            "ill" => "SIGILL",
            "fpe" => "SIGFPE",
            _ => "SIGABRT",
        };
        let said = format!("PID 1 crashed: {signal}");
        assert_eq!(
            init.log().matches(&said).count(),
            4,
            "{how}: {}",
            init.log()
        );
        // It still supervises.
        let outside = init.outside(web.pid.unwrap()).unwrap();
        kill(outside, Signal::SIGKILL).unwrap();
        init.until("another process", || {
            let now = init.service("web").pid;
            (now.is_some() && now != web.pid).then_some(())
        });
    }
}

#[test]
fn one_that_crashes_all_the_time_ends_in_rescue_mode() {
    if skipped() {
        return;
    }
    let mut init = Init::with_boot("echo a shell began; exec sleep 1000");
    let web = init.spawn("web", Restart::Always, "exec sleep 1000");
    let pid = init.outside(web.pid.unwrap()).unwrap();
    for _ in 0..4 {
        init.client().crash("segv").unwrap();
    }
    let _ = init.client().crash("abort");
    init.until("rescue mode", || {
        init.log().contains("rescue mode").then_some(())
    });
    // The service lives on, unsupervised; whoever asks for more than the least is told why not.
    kill(pid, None).unwrap();
    let error = init.client().services().unwrap_err().to_string();
    assert!(error.contains("rescue mode"), "{error}");
    // It would forget that it is.
    init.signal(Signal::SIGUSR2);
    init.until("a refusal", || {
        init.log()
            .contains("upgrade: PID 1 is in rescue")
            .then_some(())
    });
    // The shell is the old one; one that ends is started again; orphans are reaped.
    assert_eq!(init.log().matches("a shell began").count(), 1);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", init.pid)).unwrap();
    for child in children.split_whitespace() {
        let _ = kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL);
    }
    init.until("another shell", || {
        (init.log().matches("a shell began").count() == 2).then_some(())
    });
    init.until("nothing unreaped", || (init.zombies() == 0).then_some(()));
    let output = init.initsh(&["poweroff", "--status", "5"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(init.ended(), 5);
}

#[test]
fn fault_signals_of_others_are_no_crash() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    let web = init.spawn("web", Restart::Always, "exec sleep 1000");
    for signal in [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
        Signal::SIGABRT,
    ] {
        init.signal(signal);
        init.service("web");
    }
    init.until("a message", || init.log().contains("sent by").then_some(()));
    assert!(!init.log().contains("crashed"), "{}", init.log());
    assert_eq!(init.service("web").pid, web.pid);
    assert!(init.is_alive());
}

/// A crash in the very turn that forks: the new process is in no journal, so it is to end, and whoever
/// asked for it is to be told.
#[test]
fn a_process_forked_in_a_turn_that_crashes_never_runs() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.client();
    let ask = |socket: &OwnedFd, request: &Request| {
        seqpacket::send_message(socket.as_fd(), &request.encode()).unwrap();
    };
    let answer = |socket: &OwnedFd| {
        let message = init.until("an answer", || {
            seqpacket::receive_message(socket.as_fd(), 1 << 16)
                .ok()
                .flatten()
        });
        Reply::decode(&message).unwrap()
    };
    // Both are known to PID 1, in this order.
    let both = [(); 2].map(|()| {
        let socket = seqpacket::connect(&init.socket(), 5).unwrap();
        ask(&socket, &Request::List(String::new()));
        answer(&socket);
        socket
    });
    let ran = init.directory().join("ran");
    let spec = shell(
        "lost",
        Restart::Always,
        &format!("touch {}; sleep 1000", ran.display()),
    );
    let before = init.processes().len();
    init.signal(Signal::SIGSTOP);
    init.until("a PID 1 that stands still", || {
        super::contained::status_field(init.pid, "State")
            .starts_with('T')
            .then_some(())
    });
    ask(&both[0], &Request::Spawn(Box::new(spec)));
    ask(&both[1], &Request::Crash("segv".into()));
    init.signal(Signal::SIGCONT);
    for socket in &both {
        let said = answer(socket);
        assert!(
            matches!(&said, Reply::Refused(_, _, words) if words.contains("PID 1 crashed")),
            "{said:?}"
        );
    }
    init.until("only what there was", || {
        (init.processes().len() == before).then_some(())
    });
    assert!(pids(&init).is_empty());
    assert!(!ran.exists());
}

/// Container mode with any PID: the command and its status are kept.
#[test]
fn container_mode_goes_on_too() {
    let directory = std::env::temp_dir().join(format!("initsh-again-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    let text = format!(
        "until {INITSH} services; do sleep 0.1; done
        {INITSH} spawn --name s --restart always /bin/sleep 1000 && {INITSH} upgrade &&
        {INITSH} crash-test segv && {INITSH} crash-test panic && {INITSH} services && exit 42"
    );
    let output = std::process::Command::new("timeout")
        .args(["180", INITSH, "--container", "--", "/bin/sh", "-c", &text])
        .env("INITSH_RUN", directory.join("run"))
        .output()
        .unwrap();
    let _ = fs::remove_dir_all(&directory);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(42), "{said}");
    assert!(said.contains("s     Running"), "{said}");
    assert!(said.contains("PID 1 crashed: SIGABRT"), "{said}");
}
