//! Clients that break every rule, and a world without room: others are served all the same.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use initsh::supervise::protocol::{Reply, Request, Target, Until, VERSION};
use initsh::supervise::spec::Restart;
use initsh::sys::{priority, seqpacket};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;

use super::support::{Init, LIMIT, skipped, undisturbed, within};

fn raw(path: &Path) -> OwnedFd {
    seqpacket::connect(path, 5).unwrap()
}

/// What an honest client waits for its answer at most.
const PROMISED: Duration = Duration::from_millis(50);

/// What answers take: those of clients that connect for each, sorted.
fn answers(init: &Init, rounds: usize) -> Vec<Duration> {
    priority::raise();
    let mut all: Vec<_> = (0..rounds)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(2));
            undisturbed(init, || {
                let services = init.client().services().unwrap();
                assert_eq!(services.len(), 1);
            })
        })
        .collect();
    priority::lower();
    all.sort();
    all
}

/// Attacks PID 1 from a process of its own in the namespace, until that ends. It is this program again,
/// running [`attacker`] alone.
struct Attack(std::process::Child);

impl Attack {
    fn begin(init: &Init, kind: &str) -> Self {
        let child = std::process::Command::new("nsenter")
            .args(["--target", &init.pid.to_string(), "--pid", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::attacker", "--test-threads=1", "-q"])
            .env("INITSH_ATTACK", kind)
            .env("INITSH_ATTACKED", init.socket())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("nsenter (util-linux) as root");
        init.until("the attack", || {
            init.directory().join(kind).exists().then_some(())
        });
        Self(child)
    }
}

impl Drop for Attack {
    /// nsenter waits for its child, which ends with the namespace, or because nsenter does.
    fn drop(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.0.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for pid in children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test: see [`Attack`].
#[test]
fn attacker() {
    let (Some(kind), Some(path)) = (
        std::env::var_os("INITSH_ATTACK"),
        std::env::var_os("INITSH_ATTACKED"),
    ) else {
        return;
    };
    let path = Path::new(&path);
    let end = Instant::now() + Duration::from_secs(60);
    let kind = kind.to_str().unwrap();
    std::fs::write(path.with_file_name("..").join(kind), "").unwrap();
    let mut held = std::collections::VecDeque::new();
    while Instant::now() < end {
        let Ok(socket) = seqpacket::connect(path, 1) else {
            continue;
        };
        let send = |message: &[u8]| seqpacket::send_message(socket.as_fd(), message);
        match kind {
            "connect" => {}
            "wait" => {
                let limit = Duration::from_secs(1000);
                let wait = Request::Wait(Target::Name("web".into()), Until::Settled, limit);
                let _ = send(&wait.encode());
            }
            "mute" => while send(&Request::List(String::new()).encode()).is_ok() {},
            "half" => {
                let spec = super::support::shell("half", Restart::Never, "true");
                let whole = Request::Spawn(Box::new(spec)).encode();
                let _ = send(&whole[..held.len() % whole.len()]);
            }
            "long" => {
                let _ = setsockopt(&socket, sockopt::SndBuf, &(4 << 20));
                let _ = send(&vec![VERSION; 1 << 20]).or_else(|_| send(&vec![VERSION; 150_000]));
            }
            "ask" => {
                let _ = send(&Request::List(String::new()).encode());
                for socket in held.iter().rev().take(200) {
                    let socket: &OwnedFd = socket;
                    let ask = Request::List(String::new()).encode();
                    let _ = seqpacket::receive_message(socket.as_fd(), 1 << 20);
                    let _ = seqpacket::send_message(socket.as_fd(), &ask);
                }
            }
            "descriptors" => {
                let _ = seqpacket::send_descriptor(socket.as_fd(), VERSION, socket.as_fd());
            }
            other => panic!("{other}"),
        }
        held.push_back(socket);
        if held.len() > 1000 {
            held.pop_front();
        }
    }
}

/// Each attack in turn, for some seconds, by a process that does nothing else: honest clients that come
/// and go are answered in time, and those that are connected or wait stay so.
#[test]
fn others_are_served_whatever_some_clients_do() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Never, "exec sleep 1000");
    let silent = init.client();
    let waiting = raw(&init.socket());
    let wait = Request::Wait(
        Target::Name("web".into()),
        Until::Settled,
        Duration::from_secs(999),
    );
    seqpacket::send_message(waiting.as_fd(), &wait.encode()).unwrap();
    for kind in [
        "connect",
        "wait",
        "mute",
        "half",
        "long",
        "ask",
        "descriptors",
    ] {
        let attack = Attack::begin(&init, kind);
        // A machine that does something else, too, keeps one or another from its turn. What PID 1 itself
        // did to its clients would be done to more than three of 150.
        within(PROMISED, kind, || {
            let answers_in = answers(&init, 150);
            let (median, slowest) = (answers_in[75], answers_in[149]);
            println!("{kind}: median {median:?}, slowest {slowest:?}");
            answers_in[146]
        });
        drop(attack);
    }
    let mut silent = silent;
    let services = silent.services().expect("a connection that was silent");
    assert!(services.iter().all(|service| service.name == "web"));
    silent.stop("web", LIMIT).unwrap();
    let reply = init.until("the answer", || {
        seqpacket::receive_message(waiting.as_fd(), 4096)
            .ok()
            .flatten()
    });
    assert!(matches!(Reply::decode(&reply), Ok(Reply::Ended(_))));
    println!("PID 1: {} kB anonymous", init.anonymous());
    // What it took for all that is given back, or as good as.
    assert!(init.anonymous() < 4096, "{} kB", init.anonymous());
}

/// Another user may not connect; and where somebody opened the socket to everybody, is not heard.
#[test]
fn other_users_are_not_heard() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.client();
    let as_nobody = || {
        let mut nobody = std::process::Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        nobody.args([super::support::INITSH, "services"]);
        nobody.env("INITSH_RUN", init.directory().join("run"));
        nobody.output().expect("setpriv (util-linux)")
    };
    let refused = as_nobody();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("EACCES"),
        "{words}"
    );
    let open_to_all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(init.socket(), open_to_all).unwrap();
    let refused = as_nobody();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{words}");
    assert!(init.client().services().unwrap().is_empty());
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
    answers(&init, 5);
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
        let cpu = init.cpu();
        assert!(
            cpu < Duration::from_millis(500),
            "PID 1 spins: {cpu:?} after {prepare}"
        );
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

#[test]
fn idle_costs_nothing() {
    if skipped() {
        return;
    }
    let init = Init::new();
    init.spawn("web", Restart::Never, "exec sleep 1000");
    let before = init.cpu();
    std::thread::sleep(Duration::from_secs(3));
    assert!(init.cpu() - before <= Duration::from_millis(10));
    println!("PID 1: {} kB anonymous", init.anonymous());
}
