//! The watchdog (QEMU's i6300esb, the kernel's softdog): it resets a machine whose PID 1 hangs, whose
//! critical service has failed, whose end hangs; and nothing else.

use super::guest::{Guest, Setup};

/// A second per digit would do on a quiet machine.
const TIMEOUT: &str = "watchdog --timeout 5";

/// The status of `scripts/qemu` after a reset that nobody announced.
const RESET: i32 = 125;

/// A control group whose processes do not run: PID 1 is stopped by being moved there.
const FREEZER: &str = "mkdir /sys/fs/cgroup/ice; echo 1 > /sys/fs/cgroup/ice/cgroup.freeze";
const FREEZE: &str = "echo 1 > /sys/fs/cgroup/ice/cgroup.procs";

fn at_the_shell(setup: Setup, append: &str) -> Guest {
    let mut guest = setup
        .option("--net", "none")
        .append("initsh.after=shell initsh.delay=0")
        .append(append)
        .qemu(&["-device", "i6300esb", "-action", "watchdog=reset"])
        .start();
    guest.shell();
    guest
}

fn refused(guest: &mut Guest, command: &str, why: &str) {
    let (output, status) = guest.run(command);
    assert_ne!(status, 0, "{command}: {output}");
    assert!(output.contains(why), "{command}: {output}");
}

/// It is reset, and it was not a panic.
fn is_reset(mut guest: Guest) {
    assert_eq!(guest.end(), RESET);
    assert!(!guest.log().contains("Kernel panic"));
}

#[test]
fn a_machine_whose_pid_1_is_stopped_is_reset() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = at_the_shell(setup, "");
    let events = guest.events();
    refused(&mut guest, "watchdog --status", "no watchdog is armed");
    refused(&mut guest, "watchdog --stop", "no watchdog is armed");
    refused(&mut guest, "watchdog /dev/null", "not a watchdog");
    refused(&mut guest, "watchdog /dev/none", "modprobe softdog");
    refused(&mut guest, "watchdog --timeout 100000", "EINVAL");
    refused(&mut guest, "watchdog --status", "no watchdog is armed");
    guest.ok(FREEZER);

    // Petted while PID 1 runs; disarmed, a PID 1 that is stopped harms nobody.
    let line = guest.ok(TIMEOUT);
    assert!(
        line.starts_with("/dev/watchdog (i6300ESB timer): timeout 5 s, "),
        "{line}"
    );
    // Another program goes on with it.
    guest.ok("upgrade");
    guest.ok("sleep 7");
    let line = guest.ok("watchdog --status");
    assert!(line.contains("timeout 5 s"), "{line}");
    let line = guest.ok("watchdog --timeout 8");
    assert!(line.contains("timeout 8 s"), "{line}");
    guest.ok("watchdog --stop");
    guest.ok(FREEZE);
    guest.ok("sleep 9");
    guest.ok("echo 0 > /sys/fs/cgroup/ice/cgroup.freeze; services");
    let log = guest.ok("dmesg");
    assert!(!log.contains("did not stop"), "{log}");

    guest.ok("watchdog --timeout 5");
    guest.type_text("echo 1 > /sys/fs/cgroup/ice/cgroup.freeze\n");
    is_reset(guest);
    let events = events.all();
    assert!(events.contains(r#""event": "WATCHDOG""#), "{events}");
}

/// Powering off would have come after 15 s: one service does not want to end.
#[test]
fn with_a_critical_service_failed_it_is_not_petted() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = at_the_shell(setup, "initsh.watchdog=6");
    let events = guest.events();
    guest.ok("spawn --name deaf --stop-timeout 60 -- initsh -c \"trap '' TERM; while :; do sleep 1; done\"");
    // What is said may come before the prompt.
    guest.type_text("spawn --name db --critical -- initsh -c 'sleep 2; exit 3'\n");
    guest.wait_for("/dev/watchdog is not petted any more: critical service db has failed");
    is_reset(guest);
    assert!(events.all().contains("WATCHDOG"));
}

/// The end begins, a service stops PID 1 instead of ending itself. The watchdog is software that cannot
/// be disarmed.
#[test]
fn it_is_armed_until_the_machine_is_gone() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = at_the_shell(setup, "");
    guest.ok("modprobe softdog nowayout=1");
    guest.ok(FREEZER);
    guest.ok("watchdog --timeout 5 /dev/watchdog1");
    refused(&mut guest, "watchdog --stop", "nowayout");
    refused(
        &mut guest,
        "watchdog /dev/watchdog0",
        "/dev/watchdog1 is armed already",
    );
    guest.ok("sleep 7");
    guest.ok(&format!(
        "spawn --name ice -- initsh -c 'trap \"{FREEZE}\" TERM; echo > /run/trap; while :; do sleep 0.2; done'"
    ));
    guest.ok("waitfor --timeout 60 path /run/trap");
    guest.type_text("poweroff\n");
    guest.wait_for("initsh: power off");
    is_reset(guest);
}
