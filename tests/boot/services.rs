//! What services are given on a machine of their own: a second console, control groups.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::guest::{Guest, STEP, Setup};

/// The guest's second serial line.
struct Line {
    socket: UnixStream,
    shown: String,
}

impl Line {
    fn sees(&mut self, text: &str) {
        let begun = Instant::now();
        let mut bytes = [0; 4096];
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let over = begun.elapsed() > Duration::from_secs(STEP);
            assert!(!over, "waiting for {text:?}: {:?}", self.shown);
            // Nothing for a while is an error, too.
            if let Ok(length) = self.socket.read(&mut bytes) {
                assert_ne!(length, 0, "closed before {text:?}: {:?}", self.shown);
                self.shown
                    .push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        }
    }

    /// The next prompt. What is typed before it is shown twice, in two parts or not at all, as the
    /// terminal changes hands between the shell and its command.
    fn prompt(&mut self) {
        self.sees("# ");
    }

    fn types(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).expect("second line");
    }
}

#[test]
fn a_second_console_and_control_groups() {
    let Some(setup) = Setup::new() else { return };
    let path = setup.scratch().path().join("second");
    let serial = format!("unix:{},server=on,wait=off", path.display());
    let mut guest = setup
        .append("initsh.after=shell initsh.delay=0")
        .qemu(&["-serial", &serial])
        .start();
    guest.shell();
    let socket = UnixStream::connect(path).expect("second line");
    let time = Some(Duration::from_millis(200));
    socket.set_read_timeout(time).expect("second line");
    let mut line = Line {
        socket,
        shown: String::new(),
    };
    second_console(&mut guest, &mut line);
    control_groups(&mut guest);
    guest.type_text("poweroff --status 21\n");
    assert_eq!(guest.end(), 21);
}

fn second_console(guest: &mut Guest, line: &mut Line) {
    // Without an editor what is typed is shown as it is.
    guest.ok(
        "spawn --name second --restart always --backoff 10ms --tty ttyS1 --env TERM=dumb initsh",
    );
    line.prompt();
    line.types("echo $((6 * 7)) here\n");
    line.sees("42 here");
    line.prompt();
    // Ctrl-C is for what runs on this line, and for nothing on the other.
    guest.type_text("sleep 3; echo sl''ept $?\n");
    line.types("echo sl''eeps; sleep 1000\n");
    line.sees("sleeps");
    line.types("\u{3}");
    line.prompt();
    line.types("echo $((40 + 2)) again\n");
    line.sees("42 again");
    line.prompt();
    guest.wait_for("slept 0");
    guest.prompt();
    // The first console's terminal is nobody else's.
    let (error, status) = guest.run("spawn --tty ttyS0 initsh");
    assert_eq!(status, 126, "{error}");
    assert!(
        error.contains("cannot take terminal /dev/ttyS0, which has a session"),
        "{error}"
    );
    line.types("exit 3\n");
    line.sees("initsh: a new shell begins here; the last one ended: exit 3");
    line.prompt();
    guest.ok("kill -KILL ${svc.second.pid}");
    line.sees("initsh: a new shell begins here; the last one ended: SIGKILL");
    line.prompt();
    line.types("echo $((1 + 1)) lives\n");
    line.sees("2 lives");
    guest.ok("stop second");
}

fn control_groups(guest: &mut Guest) {
    let limits = "memory.max=32M,pids.max=20,cpu.max=50000/100000";
    let spawn = format!("spawn --name limited --stop-timeout 1 --cgroup {limits}");
    if guest.run("test -e /sys/fs/cgroup/cgroup.procs").1 == 0 {
        guest.ok("umount /sys/fs/cgroup");
    }
    let (error, status) = guest.run(&format!("{spawn} sleep 1000"));
    assert_eq!(status, 1, "{error}");
    assert!(
        error.contains("--cgroup: cgroup2 is not mounted"),
        "{error}"
    );
    guest.ok("mount cgroup2");
    // Its processes outlive the signal that asks them, and are in process groups of their own.
    guest.ok(&format!(
        "{spawn} -- initsh -c 'trap \"\" TERM; sleep 1000 & sleep 1000'"
    ));
    let group = "/sys/fs/cgroup/initsh.slice/limited";
    assert_eq!(guest.ok(&format!("cat {group}/memory.max")), "33554432\n");
    assert_eq!(guest.ok(&format!("cat {group}/pids.max")), "20\n");
    assert_eq!(guest.ok(&format!("cat {group}/cpu.max")), "50000 100000\n");
    let own = guest.ok("cat /proc/${svc.limited.pid}/cgroup");
    assert_eq!(own, "0::/initsh.slice/limited\n");
    guest.ok("stop limited");
    gone(guest, "limited");
    // What a service leaves behind when it ends by itself goes with it.
    guest.ok("spawn --name brief --wait --cgroup pids.max=20 -- initsh -c 'sleep 1000 & exit 0'");
    gone(guest, "brief");
    let left = guest.ok("ps");
    assert!(!left.contains("sleep 1000"), "{left}");
    // A limit that is one.
    let hungry = "spawn --name hungry --wait --cgroup memory.max=16M,memory.swap.max=0";
    let (output, status) = guest.run(&format!("{hungry} -- initsh -c 'x=$(cat /dev/zero)'"));
    assert_eq!(status, 137, "{output}");
    gone(guest, "hungry");
    // One that the kernel does not take.
    let (error, status) = guest.run("spawn --name odd --cgroup cpu.weight=many sleep 1000");
    assert_eq!(status, 126, "{error}");
    assert!(
        error.contains("'odd': cannot set cpu.weight to many: EINVAL"),
        "{error}"
    );
    gone(guest, "odd");
}

fn gone(guest: &mut Guest, name: &str) {
    let group = format!("/sys/fs/cgroup/initsh.slice/{name}");
    guest.ok(&format!("retry -n 600 -d 0.1 test ! -e {group}"));
}
