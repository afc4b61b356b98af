//! Clients that break every rule, and a world without room: others are served all the same.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use initsh::supervise::protocol::{Request, VERSION};
use initsh::supervise::spec::Restart;
use initsh::sys::seqpacket;

use super::support::{Init, skipped};

fn raw(path: &Path) -> OwnedFd {
    seqpacket::connect(path, 5).unwrap()
}

/// How long an honest client waits for its answer, at most.
fn slowest_answer(init: &Init, rounds: u32) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let begun = Instant::now();
        let services = init.client().services().unwrap();
        assert_eq!(services.len(), 1);
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[test]
fn others_are_served_whatever_some_clients_do() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Never, "exec sleep 1000");
    let path = init.socket();
    let mut held = Vec::new();
    // Half messages, nonsense, and messages that are too long.
    let spec = super::support::shell("half", Restart::Never, "true");
    let whole = Request::Spawn(Box::new(spec)).encode();
    for end in 1..whole.len() {
        let socket = raw(&path);
        let _ = seqpacket::send_message(socket.as_fd(), &whole[..end]);
        held.push(socket);
        if held.len() > 50 {
            held.remove(0);
        }
    }
    let long = vec![VERSION; 150_000];
    for _ in 0..50 {
        let _ = seqpacket::send_message(raw(&path).as_fd(), &long);
    }
    // Two hundred that say nothing, and some that ask and never read.
    held.extend((0..200).map(|_| raw(&path)));
    for _ in 0..20 {
        let socket = raw(&path);
        let ask = Request::List(String::new()).encode();
        while seqpacket::send_message(socket.as_fd(), &ask).is_ok() {}
        held.push(socket);
    }
    let slowest = slowest_answer(&init, 50);
    println!("slowest answer {slowest:?}");
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let services = init.client().services().unwrap();
    assert!(services.iter().all(|service| service.name == "web"));
    drop(held);
}

#[test]
fn descriptors_sent_along_are_not_kept() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Never, "exec sleep 1000");
    let count = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", init.pid)).unwrap();
        fds.count()
    };
    drop(init.client());
    let before = count();
    let socket = raw(&init.socket());
    let null = std::fs::File::open("/dev/null").unwrap();
    for _ in 0..100 {
        let _ = seqpacket::send_descriptor(socket.as_fd(), 0, null.as_fd());
    }
    slowest_answer(&init, 5);
    drop(socket);
    init.until("descriptors closed", || (count() <= before).then_some(()));
}

#[test]
fn without_room_for_the_socket_pid_1_goes_on() {
    if skipped() {
        return;
    }
    for (prepare, repair) in [
        (
            "mkdir run; mount -t tmpfs -o nr_inodes=1 none run",
            "mount -o remount,nr_inodes=100 run",
        ),
        (
            "mkdir run; mount -t tmpfs -o ro none run",
            "mount -o remount,rw run",
        ),
        ("touch run", "rm run"),
    ] {
        // The socket is on the namespace's own mount, so the boot role asks.
        let boot = format!(
            "sleep 1.5; {repair}; \
             until $INITSH services; do sleep 0.2; done; echo it works; exec sleep 1000"
        );
        let mut init = Init::prepared(prepare, &boot);
        init.until(prepare, || init.log().contains("it works").then_some(()));
        let ticks = cpu_ticks(&init);
        assert!(ticks < 50, "PID 1 spins: {ticks} ticks after {prepare}");
        assert!(init.is_alive());
    }
}

#[test]
fn a_socket_that_is_mounted_over_comes_back() {
    if skipped() {
        return;
    }
    let boot = "until $INITSH services; do sleep 0.1; done
        mount -t tmpfs none $INITSH_RUN
        $INITSH services || echo gone
        until $INITSH services; do sleep 0.2; done; echo back; exec sleep 1000";
    let init = Init::with_boot(boot);
    init.until("back", || init.log().contains("back").then_some(()));
    assert!(init.log().contains("gone"), "{}", init.log());
}

#[test]
fn standard_descriptors_may_be_closed() {
    if skipped() {
        return;
    }
    let prepare = "exec <&- >&- 2>&-";
    let boot = "$INITSH spawn --name x /bin/sleep 1000 && sleep 1000";
    let init = Init::prepared(prepare, boot);
    init.until("the service", || {
        let services = init.client().services().unwrap();
        services.iter().any(|s| s.name == "x").then_some(())
    });
}

/// CPU time of PID 1 in hundredths of a second.
fn cpu_ticks(init: &Init) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", init.pid)).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<_> = rest.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn idle_costs_nothing() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Never, "exec sleep 1000");
    let before = cpu_ticks(&init);
    std::thread::sleep(Duration::from_secs(3));
    assert!(cpu_ticks(&init) - before <= 1);
    let path = format!("/proc/{}/smaps_rollup", init.pid);
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("Anonymous:"));
    println!("PID 1: {}", line.unwrap_or("?"));
}
