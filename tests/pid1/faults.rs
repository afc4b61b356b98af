//! A kernel that refuses: every call of PID 1's, every error that says that the machine is short of
//! something. PID 1 goes on, says so once, does not spin, loses no exit and no service, and is what it
//! was when the fault is gone. Faults are ordered over the control socket (debug builds only).

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use initsh::supervise::client::Client;
use initsh::supervise::protocol::{Reply, Request};
use initsh::supervise::spec::{Restart, ServiceSpec};
use initsh::sys::seqpacket;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{Init, LIMIT, shell, skipped};

/// How long each fault lasts.
const WINDOW: Duration = Duration::from_millis(250);

const ERRORS: &[&str] = &[
    "EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ENOSPC", "EINTR", "EIO",
];

/// Dies of SIGKILL in every row, and leaves a zombie behind that becomes PID 1's.
const PHOENIX: &str = "sleep 0.01 & exec sleep 1000";

fn phoenix(name: &str) -> ServiceSpec {
    ServiceSpec {
        backoff: (Duration::from_millis(10), Duration::from_millis(10)),
        ..shell(name, Restart::Always, PHOENIX)
    }
}

/// A connection that orders faults without waiting for the answer, which a fault may hold up.
struct Orders(OwnedFd);

impl Orders {
    fn new(init: &Init) -> Self {
        init.client();
        Self(seqpacket::connect(&init.socket(), 5).unwrap())
    }

    fn send(&self, text: &str) {
        let request = Request::Crash(text.to_owned()).encode();
        seqpacket::send_message(self.0.as_fd(), &request).unwrap();
    }

    fn reply(&self, init: &Init) -> Reply {
        let message = init.until("an answer", || {
            seqpacket::receive_message(self.0.as_fd(), 9999)
                .ok()
                .flatten()
        });
        Reply::decode(&message).unwrap()
    }

    /// How often the fault has struck.
    fn struck(&self, init: &Init) -> u32 {
        self.send("faults?");
        let Reply::Refused(_, _, text) = self.reply(init) else {
            panic!("no report");
        };
        text.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Has PID 1 start a service however often it has to be asked: a fault may cost a connection.
fn spawn_at_last(init: &Init, name: &str) {
    let spec = shell(name, Restart::Never, "exec sleep 1000");
    init.until("a new service", || {
        let mut client = Client::connect_to(&init.socket()).ok().flatten()?;
        match client.spawn(&spec) {
            Ok(service) => (service.state == "Running").then_some(()),
            Err(failure) => failure.to_string().contains("already").then_some(()),
        }
    });
    init.in_state(name, "Running");
}

/// One row: the fault lasts for a while, in which a service dies, another is asked for, and an orphan ends.
/// Whether it has struck: where the machine was too busy for all that, it lasts longer the next time.
fn strike(init: &Init, orders: &Orders, (call, error): (&str, &str), attempt: u32) -> bool {
    let row = format!("{call}={error}");
    let window = WINDOW * attempt * attempt;
    let steady = init.in_state("steady", "Running").pid;
    // A new one for each row: what one and the same service does all the time is not told.
    let bird = format!("phoenix-{call}-{error}-{attempt}");
    init.client().spawn(&phoenix(&bird)).unwrap();
    let before = init.in_state(&bird, "Running");
    // Its child has ended.
    let phoenix = init.outside(before.pid.unwrap()).expect("the phoenix");
    init.until("its child's end", || {
        let waits = zombie_children(phoenix) == 1;
        waits.then_some(())
    });
    init.client().exits().unwrap();
    let cpu = init.cpu();
    let begun = Instant::now();
    orders.send(&format!("faults:{row}~{}", window.as_millis()));
    std::thread::sleep(Duration::from_millis(10));
    kill(phoenix, Signal::SIGKILL).unwrap();
    let name = format!("new-{call}-{error}-{attempt}");
    spawn_at_last(init, &name);
    std::thread::sleep(window.saturating_sub(begun.elapsed()));
    let spent = init.cpu() - cpu;
    assert!(matches!(orders.reply(init), Reply::Done), "{row}");
    let struck = orders.struck(init) > 0;
    // Whatever it took: half of the time at the very most, and that is a debug build.
    let most = begun.elapsed() / 2;
    assert!(
        spent <= most,
        "{row}: PID 1 took {spent:?} of {:?}",
        begun.elapsed()
    );
    let after = init.until(&format!("{row}: the phoenix"), || {
        let phoenix = init.service(&bird);
        (phoenix.state == "Running" && phoenix.pid != before.pid).then_some(phoenix)
    });
    assert_eq!(after.starts, before.starts + 1, "{row}");
    assert_eq!(init.service("steady").pid, steady, "{row}");
    init.until(&format!("{row}: no zombies"), || {
        (init.zombies() == 0).then_some(())
    });
    let (exits, lost) = init.client().exits().unwrap();
    let deaths = exits.iter().filter(|ended| ended.name == bird).count();
    assert_eq!((deaths, lost), (1, 0), "{row}: {exits:?}");
    for name in [&name, &bird] {
        init.client().stop(name, LIMIT).unwrap();
    }
    init.client().exits().unwrap();
    let told = init
        .log()
        .matches(&format!("initsh: {call}: {error} "))
        .count();
    let expected = usize::from(struck && is_told(call, error));
    // Speaking begins with poll(2), too.
    let lost = call == "poll" && told == 0;
    assert!(told == expected || lost, "{row}: {told}\n{}", init.log());
    struck
}

/// What is no trouble is not told: that there is nothing to read. Nor is it told that nothing can be told.
fn is_told(call: &str, error: &str) -> bool {
    call != "write" && (error != "EAGAIN" || ["fork", "pipe", "poll"].contains(&call))
}

/// How many children of a process have ended and are not reaped.
fn zombie_children(pid: Pid) -> usize {
    let all = super::contained::children(pid).into_iter();
    let ended = |pid: &Pid| super::contained::status_field(*pid, "State").starts_with('Z');
    all.filter(ended).count()
}

fn rows(call: &str, errors: &[&str]) {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    init.spawn("steady", Restart::Never, "exec sleep 1000");
    let orders = Orders::new(&init);
    for error in errors {
        let mut attempts = 1..=5;
        let struck = attempts.any(|attempt| strike(&init, &orders, (call, error), attempt));
        assert!(struck, "{call}={error}: it did not strike");
    }
    assert!(init.is_alive());
}

macro_rules! calls {
    ($($test:ident: $call:literal,)*) => {
        $(#[test]
        fn $test() {
            rows($call, ERRORS);
        })*
    };
}

calls! {
    fork_fails: "fork",
    pipe_fails: "pipe",
    accept_fails: "accept",
    open_fails: "open",
    write_fails: "write",
    read_fails: "read",
    receiving_fails: "recv",
    sending_fails: "send",
    poll_fails: "poll",
    waiting_for_children_fails: "waitid",
    reading_signals_fails: "readsignal",
}

/// Everything that is made when PID 1 starts cannot be made at first.
#[test]
fn a_start_without_anything_is_only_slow() {
    if skipped() {
        return;
    }
    let faults = "signalfd=EMFILE*3,fork=EAGAIN*1,pipe=ENFILE*2,socketpair=EMFILE*1,open=EMFILE*2,\
                  setrlimit=EPERM,mkdir=ENOSPC*1,socket=EMFILE*1,bind=ENOSPC*1,listen=ENOMEM*1,\
                  memfd=ENOMEM*1";
    let prepare = format!("export INITSH_FAULTS={faults}");
    let init = Init::prepared(&prepare, "echo started; exec sleep 1000");
    init.until("boot", || init.log().contains("started\n").then_some(()));
    init.spawn("web", Restart::Never, "exec sleep 1000");
    init.in_state("web", "Running");
    let log = init.log();
    for told in ["signalfd: EMFILE", "pipe: ENFILE", "fork: EAGAIN"] {
        assert_eq!(
            log.matches(&format!("initsh: {told} ")).count(),
            1,
            "{told}\n{log}"
        );
    }
    // The signals are heard all the same.
    init.signal(Signal::SIGTERM);
    let mut init = init;
    assert_eq!(init.ended(), 0);
}

/// The descriptors run out, really: whoever is there is served, and the rest when there are some again.
#[test]
fn without_descriptors_clients_are_served_one_after_another() {
    if skipped() {
        return;
    }
    let prepare = "export INITSH_FAULTS=setrlimit=EPERM; ulimit -n 20";
    let init = Init::prepared(prepare, "exec sleep 1000");
    let mut early = init.client();
    early.services().unwrap();
    let crowd: Vec<_> = (0..60)
        .filter_map(|_| seqpacket::connect(&init.socket(), 1).ok())
        .collect();
    let cpu = init.cpu();
    for _ in 0..20 {
        init.client().services().unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(init.cpu() - cpu < Duration::from_millis(300));
    let log = init.log();
    assert_eq!(log.matches("accept: EMFILE").count(), 1, "{log}");
    drop(crowd);
    spawn_at_last(&init, "web");
}
