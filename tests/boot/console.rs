//! The shell on the serial line.

use std::thread::sleep;
use std::time::Duration;

use super::guest::{Guest, Setup};

fn at_the_shell() -> Option<Guest> {
    let mut guest = Setup::new()?
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    Some(guest)
}

/// Ctrl-C ends the command, and nothing but the command.
#[test]
fn control_c_ends_the_foreground_command() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    let shell = guest.value("$$");
    for command in ["sleep 1000", "cat", "while true; do sleep 1; done"] {
        guest.begin(command);
        sleep(Duration::from_millis(500));
        guest.type_text("\u{3}");
        guest.prompt();
        assert_eq!(guest.value("$$"), shell, "after {command}");
    }
    guest.begin("sleep 1000");
    guest.type_text("\u{3}");
    guest.wait_for("[130]");
    guest.prompt();
    guest.type_text("poweroff --status 21\n");
    assert_eq!(guest.end(), 21);
}

#[test]
fn history_and_completion() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    guest.ok("n=1");
    guest.type_text("n=$((n + 1)); echo \"n is $n\"\n");
    guest.wait_for("n is 2\n");
    guest.prompt();
    // Arrow up: the same line again.
    guest.type_text("\u{1b}[A");
    guest.wait_for("echo \"n is");
    guest.type_text("\n");
    guest.wait_for("n is 3\n");
    guest.prompt();
    // Tab: the only command that begins so, then the only file.
    guest.type_text("lsm\t");
    guest.wait_for("lsmod");
    guest.type_text("\n");
    guest.wait_for("virtio_net");
    guest.prompt();
    guest.type_text("cat /proc/cmdl\t");
    guest.wait_for("/proc/cmdline");
    guest.type_text("\n");
    guest.wait_for("panic=-1");
    guest.prompt();
    guest.type_text("poweroff --status 22\n");
    assert_eq!(guest.end(), 22);
}

/// Memory runs out in the shell itself, while the kernel's long report goes over the same line. A serial
/// line that hangs up and is opened again has to answer every time.
#[test]
fn the_line_answers_after_the_shell_was_killed() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .option("--memory", "96")
        .option("--net", "none")
        .append("initsh.after=shell initsh.delay=0 loglevel=7")
        .start();
    guest.shell();
    for _ in 0..3 {
        guest.type_text("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done\n");
        guest.wait_for("the shell ended: SIGKILL");
        guest.shell();
        assert_eq!(guest.ok("echo al''ive"), "alive\n");
    }
    guest.type_text("poweroff --status 25\n");
    assert_eq!(guest.end(), 25);
}

/// A message of PID 1 comes while a line is being typed.
#[test]
fn a_message_leaves_the_line_as_it_was() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    // On a busy machine it may come before there is anything to type at.
    let in_time = ["3", "20", "100"].iter().any(|seconds| {
        let script = format!("'sleep {seconds}; exit 4'");
        guest.ok(&format!("spawn --name late{seconds} -- initsh -c {script}"));
        !guest.log().contains(&format!("late{seconds} failed"))
    });
    assert!(in_time);
    guest.type_text("echo wh''ole");
    guest.wait_for(" failed: exit 4\n");
    guest.type_text("\n");
    guest.wait_for("whole\n");
    guest.prompt();
    guest.type_text("poweroff --status 24\n");
    assert_eq!(guest.end(), 24);
}

#[test]
fn the_tools_of_the_first_minutes() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    guest.ok("waitfor --timeout 60 online 4");
    assert!(guest.ok("ps").contains("init"));
    assert!(guest.ok("link").contains("eth0"));
    assert!(guest.ok("addr").contains("10.0.2.15"));
    assert!(guest.ok("route").contains("10.0.2.2"));
    assert!(guest.ok("help dhcp4").contains("usage: dhcp4"));
    assert!(
        guest
            .ok("cat /etc/resolv.conf")
            .contains("nameserver 10.0.2.3")
    );
    assert!(guest.ok("mount").contains("cgroup2"));
    let (output, status) = guest.run("ipconfig");
    assert_eq!(status, 127, "{output}");
    assert!(output.contains("ifconfig"), "{output}");
    guest.type_text("poweroff --status 23\n");
    assert_eq!(guest.end(), 23);
}
