//! Thousands: services with logs, orphans beside them, clients that wait. The bounds are wide, because
//! this is a debug build on whatever machine; what grows with the square of anything breaks them.

use std::fs;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use initsh::supervise::client::Client;
use initsh::supervise::protocol::{Reply, Request, Target, Until};
use initsh::supervise::setup::{Setup, Stdio};
use initsh::supervise::spec::{Program, Restart, ServiceSpec};
use initsh::sys::seqpacket;

use super::support::{Init, LIMIT, skipped};

const MANY: usize = 1000;

/// A service that writes into a log of PID 1's.
fn sleeper(number: usize) -> ServiceSpec {
    let argv = vec!["sleep".into(), "1000".into()];
    ServiceSpec {
        restart: Restart::Never,
        setup: Setup {
            stdout: Stdio::Log,
            stderr: Stdio::Log,
            ..Setup::default()
        },
        ..ServiceSpec::new(
            &format!("s{number}"),
            Program::Path("/bin/sleep".into()),
            argv,
        )
    }
}

fn many(init: &Init) -> Client {
    let mut client = init.client();
    for number in 0..MANY {
        client.spawn(&sleeper(number)).unwrap();
    }
    client
}

#[test]
fn a_thousand_services_start_are_listed_and_stop() {
    if skipped() {
        return;
    }
    let init = Init::new();
    // The CPU time of PID 1: how long everybody else takes says nothing about it.
    let mut before = Duration::ZERO;
    let mut lap = || {
        let now = init.cpu();
        now - std::mem::replace(&mut before, now)
    };
    let mut client = many(&init);
    let started = lap();
    let all = client.services().unwrap();
    let listed = lap();
    assert_eq!(all.len(), MANY);
    assert!(all.iter().all(|service| service.state == "Running"));
    // A thousand clients' worth of waits, each of which looks for its service.
    for number in 0..MANY {
        let ready = client.wait_ready(&format!("s{number}"), LIMIT);
        assert_eq!(ready.unwrap().state, "Running");
    }
    let waited = lap();
    for number in 0..MANY {
        client.stop(&format!("s{number}"), LIMIT).unwrap();
    }
    let stopped = lap();
    println!(
        "{MANY} services: started in {started:?}, listed in {listed:?}, \
         waited for in {waited:?}, stopped in {stopped:?} of CPU; PID 1 {} kB",
        init.anonymous()
    );
    assert!(started < Duration::from_secs(20), "{started:?}");
    assert!(listed < Duration::from_secs(2), "{listed:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert!(stopped < Duration::from_secs(20), "{stopped:?}");
    init.until("nobody left", || {
        (init.processes().len() == 2).then_some(())
    });
}

/// Twenty thousand orphans: each is left behind by a parent that ends at once.
const ORPHANS: &str = "
until [ -e go ]; do sleep 0.05; done
for side in 1 2; do
  (n=0; while [ $n -lt 10000 ]; do ( (exit 3) & ); n=$((n + 1)); done) &
done
wait
echo all made
exec sleep 1000";

#[test]
fn twenty_thousand_orphans_beside_a_thousand_services() {
    if skipped() {
        return;
    }
    let init = Init::with_boot(ORPHANS);
    let mut client = many(&init);
    client.exits().unwrap();
    let cpu = init.cpu();
    let begun = Instant::now();
    fs::write(init.directory().join("go"), "").unwrap();
    let mut most = 0;
    init.until_within("all orphans", Duration::from_secs(400), || {
        most = most.max(init.zombies());
        // PID 1, the sleeper and the services.
        (init.log().contains("all made") && init.zombies() == 0).then_some(())
    });
    let cpu = init.cpu() - cpu;
    println!(
        "20,000 orphans: {:?}, {cpu:?} of CPU in PID 1, {most} zombies at most",
        begun.elapsed()
    );
    let (exits, forgotten) = client.exits().unwrap();
    let services = exits
        .iter()
        .filter(|ended| ended.name.starts_with('s'))
        .count();
    assert_eq!(services, 0);
    // The two that made them, and each orphan with its parent's shell, may be ours or not: at least these.
    assert!(exits.len() as u64 + forgotten >= 20_000, "{forgotten}");
    // Where the machine has other work, PID 1 may be kept from its turn for a while.
    assert!(most < 10_000, "{most} zombies at once");
    assert!(cpu < Duration::from_secs(20), "{cpu:?}");
    assert!(
        client
            .services()
            .unwrap()
            .iter()
            .all(|service| service.state == "Running")
    );
}

/// Clients that wait for different services cost PID 1 next to nothing while nothing happens to theirs.
#[test]
fn two_hundred_waits_are_answered_at_once_and_cheap() {
    if skipped() {
        return;
    }
    let init = Init::new();
    let mut client = init.client();
    for number in 0..200 {
        client.spawn(&sleeper(number)).unwrap();
    }
    let limit = Duration::from_secs(1000);
    let waits: Vec<_> = (0..200)
        .map(|number| {
            let socket = seqpacket::connect(&init.socket(), 5).unwrap();
            let wait = Request::Wait(Target::Name(format!("s{number}")), Until::Settled, limit);
            seqpacket::send_message(socket.as_fd(), &wait.encode()).unwrap();
            socket
        })
        .collect();
    client.services().unwrap();
    let cpu = init.cpu();
    for _ in 0..500 {
        client.exits().unwrap();
    }
    let cpu = init.cpu() - cpu;
    println!("500 requests beside 200 waits: {cpu:?} of CPU");
    assert!(cpu < Duration::from_secs(2), "{cpu:?}");
    for number in 0..200 {
        client.stop(&format!("s{number}"), LIMIT).unwrap();
    }
    for socket in &waits {
        let reply = init.until("an answer", || {
            seqpacket::receive_message(socket.as_fd(), 4096)
                .ok()
                .flatten()
        });
        assert!(matches!(Reply::decode(&reply), Ok(Reply::Ended(_))));
    }
}

#[test]
fn children_get_the_limits_and_the_priority_that_pid_1_was_started_with() {
    if skipped() {
        return;
    }
    let limits = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files"));
        let words: Vec<_> = line.unwrap().split_whitespace().skip(3).take(2).collect();
        words.join(" ")
    };
    let nice = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(16).unwrap().parse::<i32>().unwrap()
    };
    let init = Init::prepared("ulimit -Sn 512; ulimit -Hn 4096", "exec sleep 1000");
    let service = init.spawn("web", Restart::Never, "ulimit -Sn; exec sleep 1000");
    assert_eq!(service.state, "Running");
    // More than the hard limit with CAP_SYS_RESOURCE only.
    let own = limits(&init.pid.to_string());
    assert!(
        ["65536 65536", "4096 4096"].contains(&own.as_str()),
        "{own}"
    );
    let children: Vec<_> = init
        .processes()
        .into_iter()
        .filter(|pid| *pid != init.pid)
        .collect();
    assert_eq!(children.len(), 2);
    let own = nice(&init.pid.to_string());
    // Where it is allowed to.
    assert!([-10, 0].contains(&own), "{own}");
    for child in children {
        assert_eq!(nice(&child.to_string()), 0);
        assert_eq!(limits(&child.to_string()), "512 4096");
    }
}
