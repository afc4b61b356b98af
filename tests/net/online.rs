//! `waitfor online`: the kernel's own states in a namespace, and that it sleeps until one of them changes.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::dhcp_server::Scratch;
use super::support::{INITSH, Namespace};

/// A namespace with eth0, up and with a carrier, and nothing else.
struct Lab {
    here: Namespace,
    _other: Namespace,
    scratch: Scratch,
}

impl Lab {
    fn new() -> Option<Self> {
        let (here, other) = (Namespace::new()?, Namespace::new()?);
        other.veth("far", &here, "eth0");
        let scratch = Scratch::new();
        Some(Self {
            here,
            _other: other,
            scratch,
        })
    }

    fn start(&self, args: &[&str]) -> Child {
        let args = [&["waitfor"], args].concat();
        let mut command = self.here.command(INITSH, &args);
        command.env("INITSH_RUN", self.scratch.path("run"));
        command.stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `waitfor ARGS…`: its status and what it said.
    fn waitfor(&self, args: &[&str]) -> (i32, String) {
        let output = self.start(args).wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), error)
    }

    fn lacks(&self, family: &str, what: &str) {
        let (status, error) = self.waitfor(&["-t", "0.1", "online", family]);
        assert_eq!(status, 1, "{error}");
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn an_address_and_a_route_make_a_family_online() {
    let Some(lab) = Lab::new() else { return };
    lab.lacks("4", "waited 100 ms for online 4: no IPv4 address");
    lab.lacks("any", "no IPv4 address, no IPv6 address");
    lab.here.ip(&["link", "set", "lo", "up"]);
    lab.lacks("4", "no IPv4 address");
    lab.here.ip(&["addr", "add", "10.9.0.5/24", "dev", "eth0"]);
    lab.lacks("4", "no IPv4 default route");
    lab.here.ip(&["route", "add", "default", "via", "10.9.0.1"]);
    assert_eq!(lab.waitfor(&["online", "4"]), (0, String::new()));
    assert_eq!(lab.waitfor(&["online"]), (0, String::new()));
    lab.lacks("6", "no IPv6 address");
    assert_eq!(
        lab.waitfor(&["-q", "-t", "0.1", "online", "6"]),
        (1, String::new())
    );
    for wrong in [&["online", "5"][..], &["online", "4", "6"]] {
        assert_eq!(lab.waitfor(wrong).0, 2, "{wrong:?}");
    }
}

#[test]
fn an_address_that_is_still_checked_does_not_count() {
    let Some(lab) = Lab::new() else { return };
    // So long that no machine is too slow to see it.
    let slow = "net.ipv6.conf.eth0.dad_transmits=120";
    lab.here.initsh_ok(&["sysctl", slow]);
    lab.here
        .ip(&["-6", "addr", "add", "fd00::5/64", "dev", "eth0"]);
    lab.here
        .ip(&["-6", "route", "add", "default", "via", "fd00::1"]);
    lab.lacks("6", "the IPv6 address is being checked");
    lab.here
        .ip(&["-6", "addr", "del", "fd00::5/64", "dev", "eth0"]);
    lab.here
        .ip(&["-6", "addr", "add", "fd00::5/64", "dev", "eth0", "nodad"]);
    lab.here
        .ip(&["-6", "route", "replace", "default", "via", "fd00::1"]);
    assert_eq!(lab.waitfor(&["online", "6"]), (0, String::new()));
    lab.here
        .ip(&["-6", "route", "replace", "unreachable", "default"]);
    lab.lacks("6", "no IPv6 default route");
}

/// One that waits wakes for the change, and uses next to no CPU until then.
#[test]
fn it_sleeps_until_something_changes() {
    let Some(lab) = Lab::new() else { return };
    let began = Instant::now();
    let mut child = lab.start(&["-t", "120", "online", "4"]);
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
        // utime and stime in hundredths: proc_pid_stat(5), counted from the field after the name.
        fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()
    };
    // What it takes to start is none of it.
    std::thread::sleep(Duration::from_secs(1));
    let before = used();
    std::thread::sleep(Duration::from_millis(1500));
    let used = used() - before;
    assert!(used <= 10, "{used} ticks");
    lab.here.ip(&["addr", "add", "10.9.0.5/24", "dev", "eth0"]);
    lab.here.ip(&["route", "add", "default", "via", "10.9.0.1"]);
    assert!(child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(100));
}
