//! When a service counts as ready: every way of saying it, kept, broken and abused.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use initsh::supervise::client::ServiceInfo;
use initsh::supervise::spec::{Ready, Restart, ServiceSpec};
use initsh::sys::child::Exit;
use initsh::sys::notify;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockname, setsockopt, socket,
    sockopt,
};

use super::support::{Init, LIMIT, answers_within, shell, skipped};

/// In milliseconds: what is to come comes before that on any machine.
const LONG: u64 = 100_000;

fn promising(name: &str, ready: Ready, text: &str) -> ServiceSpec {
    ServiceSpec {
        ready,
        ..shell(name, Restart::Never, text)
    }
}

/// Starts it and waits until it is ready, has ended, or the time is over.
fn start(init: &Init, spec: &ServiceSpec, wait: u64) -> ServiceInfo {
    init.client().spawn(spec).unwrap();
    let wait = Duration::from_millis(wait);
    init.client().wait_ready(&spec.name, wait).unwrap()
}

/// A port that nobody else gets, and who holds it: bound, but not listening, which a service may do.
fn reserve(host: &str) -> (OwnedFd, u16) {
    let host: IpAddr = host.parse().unwrap();
    let family = match host {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let holder = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&holder, sockopt::ReuseAddr, &true).unwrap();
    let any = SockaddrStorage::from(SocketAddr::new(host, 0));
    bind(holder.as_raw_fd(), &any).unwrap();
    let bound: SockaddrStorage = getsockname(holder.as_raw_fd()).unwrap();
    let four = bound.as_sockaddr_in().map(|bound| bound.port());
    let six = bound.as_sockaddr_in6().map(|bound| bound.port());
    (holder, four.or(six).unwrap())
}

/// A shell function that sends a datagram as a process of the service, and stays until it is heard: taken
/// from the queue (SIOCOUTQ of unix(7)), and looked at after that.
const NOTIFY: &str = r#"
notify() {
    perl -MSocket -e '
        socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
        (my $a = $ENV{NOTIFY_SOCKET}) =~ s/^@/\0/;
        send($s, join("\n", @ARGV), 0, pack("S a*", AF_UNIX, $a)) or die "$!";
        do {
            select undef, undef, undef, 0.2;
            ioctl($s, 0x5411, my $left = pack("i", 0)) or die "$!";
            $queued = unpack("i", $left);
        } while $queued;
    ' "$@"
}
"#;

fn notifying(name: &str, text: &str) -> ServiceSpec {
    promising(name, Ready::Notify, &format!("{NOTIFY}\n{text}"))
}

#[test]
fn ready_when_it_has_run_for_long_enough() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let after = Ready::After(Duration::from_millis(400));
    let begun = Instant::now();
    let web = start(
        &init,
        &promising("web", after.clone(), "exec sleep 1000"),
        LONG,
    );
    assert_eq!(web.state, "Running");
    assert!(begun.elapsed() >= Duration::from_millis(400));
    let brief = start(&init, &promising("brief", after, "exit 0"), LONG);
    assert_eq!(brief.state, "Stopped");
}

#[test]
fn ready_when_it_says_so() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let go = init.directory().join("go");
    let text = format!(
        "notify 'STATUS=loading'; until [ -e {} ]; do sleep 0.05; done; \
         notify junk READY=1 'STATUS=serving on 80' READY=1; notify READY=1; exec sleep 1000",
        go.display()
    );
    let spec = notifying("web", &text);
    init.client().spawn(&spec).unwrap();
    let loading = init.until("its status", || {
        let web = init.service("web");
        web.reason.ends_with("loading").then_some(web)
    });
    assert_eq!(loading.state, "Starting");
    assert_eq!(loading.reason, "not ready yet: loading");
    std::fs::write(go, "").unwrap();
    let ready = init.in_state("web", "Running");
    assert_eq!(ready.reason, "serving on 80");
    init.client().stop("web", LIMIT).unwrap();
    assert_eq!(init.service("web").reason, "stopped on request");
    // One that ends before it has said so, one that says so with its last breath.
    let ended = start(&init, &notifying("ended", "exit 4"), LONG);
    assert_eq!(
        (ended.state.as_str(), ended.exit),
        ("Failed", Some(Exit::Code(4)))
    );
    let silent = start(&init, &notifying("silent", "exec sleep 1000"), 300);
    assert_eq!(
        (silent.state.as_str(), silent.reason.as_str()),
        ("Starting", "not ready yet")
    );
    // What a service inherits of somebody else's socket is not handed on.
    let mut plain = shell("plain", Restart::Never, "[ -z \"$NOTIFY_SOCKET\" ]");
    plain
        .env
        .push(("NOTIFY_SOCKET".into(), "/run/other".into()));
    init.client().spawn(&plain).unwrap();
    init.in_state("plain", "Stopped");
}

#[test]
fn nobody_else_is_believed() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let path = init.directory().join("address");
    let text = format!(
        "printf %s \"$NOTIFY_SOCKET\" > {}; exec sleep 1000",
        path.display()
    );
    init.client().spawn(&notifying("web", &text)).unwrap();
    let address = init.until("its address", || {
        std::fs::read_to_string(&path)
            .ok()
            .filter(|text| !text.is_empty())
    });
    assert!(address.starts_with('@'), "{address}");
    // From outside of the namespace, where a sender has no number at all; from another service.
    for message in [
        &b"READY=1"[..],
        b"",
        &[0xff; 2000],
        &[b'\n'; 2048],
        b"STATUS=forged\n=\n\0=\0",
    ] {
        notify::send(address.as_ref(), message).unwrap();
    }
    let text = format!(
        "NOTIFY_SOCKET={address}; export NOTIFY_SOCKET; {NOTIFY} notify READY=1 STATUS=forged"
    );
    let mut forger = shell("forger", Restart::Never, &text);
    forger.name = "forger".into();
    init.client().spawn(&forger).unwrap();
    init.in_state("forger", "Stopped");
    let web = init.service("web");
    assert_eq!(web.state, "Starting");
    assert!(
        web.reason.contains("which is none of its own"),
        "{}",
        web.reason
    );
    assert!(!web.reason.contains("forged"), "{}", web.reason);
    // A flood of it costs others nothing.
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let flood = std::thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) && !seen.load(Ordering::Relaxed) {
            let _ = notify::send(address.as_ref(), b"READY=1");
        }
    });
    answers_within(Duration::from_millis(50), &init);
    over.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    assert_eq!(init.service("web").state, "Starting");
}

#[test]
fn one_that_owes_a_sign_of_life_is_ended_without_it() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let text = "notify READY=1; for n in 1 2 3; do notify WATCHDOG=1; done; exec sleep 1000";
    let mut spec = notifying("web", text);
    spec.env.push(("WATCHDOG_USEC".into(), "4000000".into()));
    let begun = Instant::now();
    assert_eq!(start(&init, &spec, LONG).state, "Running");
    let dead = init.in_state("web", "Failed");
    assert_eq!(dead.exit, Some(Exit::Signal(6)));
    // Three signs of life put it off.
    assert!(
        begun.elapsed() > Duration::from_millis(4600),
        "{:?}",
        begun.elapsed()
    );
    assert!(init.log().contains("web: no WATCHDOG=1 within 4s: SIGABRT"));
    // One that does not end by that is killed.
    let mut deaf = notifying(
        "deaf",
        "trap '' ABRT; notify READY=1; while :; do sleep 1; done",
    );
    deaf.env.push(("WATCHDOG_USEC".into(), "300000".into()));
    deaf.stop_timeout = Duration::from_millis(300);
    assert_eq!(start(&init, &deaf, LONG).state, "Running");
    assert_eq!(init.in_state("deaf", "Failed").exit, Some(Exit::Signal(9)));
}

#[test]
fn ready_when_its_port_is_served() {
    if skipped() {
        return;
    }
    let init = Init::new();
    for host in ["127.0.0.1", "::1"] {
        let (_reserved, port) = reserve(host);
        let name = if host == "::1" { "six" } else { "four" };
        let text = format!(
            "sleep 0.3; exec perl -MIO::Socket::IP -e 'my $s = IO::Socket::IP->new(LocalHost => \"{host}\", LocalPort => {port}, Listen => 5, ReuseAddr => 1) or die; sleep 1000'"
        );
        let begun = Instant::now();
        let web = start(&init, &promising(name, Ready::Tcp(port), &text), LONG);
        assert_eq!(web.state, "Running", "{host}: {}", web.reason);
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
    let (_reserved, port) = reserve("127.0.0.1");
    let never = start(
        &init,
        &promising("never", Ready::Tcp(port), "exec sleep 1000"),
        400,
    );
    assert_eq!(never.state, "Starting");
    let ended = start(
        &init,
        &promising("ended", Ready::Tcp(port), "sleep 0.2; exit 3"),
        LONG,
    );
    assert_eq!(ended.state, "Failed");
}

#[test]
fn a_daemon_is_found_by_its_pid_file() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let file = init.directory().join("web.pid");
    let daemon = |name: &str, text: &str| {
        let mut spec = promising(name, Ready::PidFile("web.pid".into()), text);
        spec.cwd = init.directory().into();
        spec
    };
    // A number from before is not believed, not even that of a child of PID 1.
    let other = init
        .spawn("other", Restart::Never, "exec sleep 1000")
        .pid
        .unwrap();
    std::fs::write(&file, format!("{other}\n")).unwrap();
    let text = "setsid sleep 1000 & sleep 0.3; echo $! > seen; echo $! > web.pid";
    let web = start(&init, &daemon("web", text), LONG);
    assert_eq!(web.state, "Running", "{}", web.reason);
    let seen = std::fs::read_to_string(init.directory().join("seen")).unwrap();
    assert_eq!(
        web.pid.map(|pid| pid.to_string()).as_deref(),
        Some(seen.trim())
    );
    assert_eq!(init.service("other").pid, Some(other));
    // It is the service: it is stopped, and its end is the service's.
    init.client().stop("web", LIMIT).unwrap();
    let stopped = init.service("web");
    assert_eq!(
        (stopped.state.as_str(), stopped.exit),
        ("Stopped", Some(Exit::Signal(15)))
    );
    // The stale file alone, somebody else's number, and no regular file at all.
    let text = format!("(sleep 0.2; echo {other} > web.pid) & exit 0");
    for (name, text) in [("stale", "exit 0"), ("foreign", text.as_str())] {
        let never = start(&init, &daemon(name, text), 600);
        assert_eq!(never.state, "Starting", "{name}: {}", never.reason);
        init.client().stop(name, LIMIT).unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let never = start(&init, &daemon("fifo", "exec sleep 1000"), 400);
    assert_eq!(never.state, "Starting");
    init.client().stop("fifo", LIMIT).unwrap();
    // One that does not fork may have a pid file, too.
    std::fs::remove_file(&file).unwrap();
    let own = start(
        &init,
        &daemon("own", "echo $$ > web.pid; exec sleep 1000"),
        LONG,
    );
    assert_eq!(own.state, "Running");
    let ended = start(&init, &daemon("ended", "exit 2"), LONG);
    assert_eq!(ended.state, "Failed");
    // Helpers are nobody's business, and leave when they are not needed any more.
    let reaped = init.initsh(&["reap"]);
    assert!(!String::from_utf8_lossy(&reaped.stdout).contains("pidfile"));
    init.until("no helper", || {
        let helper = |pid: &nix::unistd::Pid| {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            comm.is_ok_and(|comm| comm == "pidfile\n")
        };
        (!init.processes().iter().any(helper)).then_some(())
    });
}

#[test]
fn what_was_promised_is_kept_under_another_program_of_pid_1() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let (_reserved, port) = reserve("127.0.0.1");
    let go = init.directory().join("go");
    let wait = format!("while ! [ -e {} ]; do sleep 0.05; done;", go.display());
    let pidfile = init.directory().join("daemon.pid");
    let serve = format!(
        "exec perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1:{port}\", Listen => 5, ReuseAddr => 1) or die; sleep 1000'"
    );
    let fork = format!("setsid sleep 1000 & echo $! > {}", pidfile.display());
    let text = [
        ("tcp", Ready::Tcp(port), serve),
        ("daemon", Ready::PidFile(pidfile.clone().into()), fork),
        (
            "fd",
            Ready::Descriptor,
            "echo >&$INITSH_READY_FD; exec sleep 1000".into(),
        ),
        (
            "notify",
            Ready::Notify,
            format!("{NOTIFY} notify READY=1 STATUS=well; exec sleep 1000"),
        ),
        (
            "after",
            Ready::After(Duration::from_millis(1500)),
            "exec sleep 1000".into(),
        ),
    ];
    for (name, ready, text) in &text {
        let spec = promising(name, ready.clone(), &format!("{wait} {text}"));
        assert_eq!(
            init.client().spawn(&spec).unwrap().state,
            "Starting",
            "{name}"
        );
    }
    let mut owing = notifying("owing", "notify READY=1; exec sleep 1000");
    owing.env.push(("WATCHDOG_USEC".into(), "2500000".into()));
    assert_eq!(start(&init, &owing, LONG).state, "Running");
    let upgraded = init.initsh(&["upgrade", super::support::INITSH]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    for (name, ..) in &text {
        assert_ne!(init.service(name).state, "Failed", "{name}");
    }
    std::fs::write(&go, "").unwrap();
    for (name, ..) in &text {
        init.in_state(name, "Running");
    }
    init.until("its status", || {
        (init.service("notify").reason == "well").then_some(())
    });
    assert_eq!(init.in_state("owing", "Failed").exit, Some(Exit::Signal(6)));
}
