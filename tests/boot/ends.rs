//! How a guest ends, and what status the host sees.

use super::guest::Setup;

fn with_script(script: &str) -> Option<Setup> {
    Some(
        Setup::new()?
            .append("initsh.script=/end.run initsh.after=shell initsh.delay=0")
            .guest_file("/end.run", script),
    )
}

#[test]
fn the_status_of_poweroff_is_the_hosts() {
    let Some(setup) = with_script("mount proc\npoweroff --status 7\n") else {
        return;
    };
    assert_eq!(setup.start().end(), 7);
}

#[test]
fn a_kernel_panic_is_125() {
    let Some(setup) = with_script("mount proc\necho c > /proc/sysrq-trigger\n") else {
        return;
    };
    let mut guest = setup.start();
    assert_eq!(guest.end(), 125);
    assert!(guest.log().contains("Kernel panic"));
}

/// Nothing but the text would tell this from a panic: the text alone must not do.
#[test]
fn the_words_of_a_panic_are_not_one() {
    let Some(setup) = with_script("echo Kernel panic - not syncing: a joke\npoweroff\n") else {
        return;
    };
    assert_eq!(setup.start().end(), 0);
}

#[test]
fn a_guest_that_does_not_end_is_124() {
    // On a busy machine it may not even have begun by then.
    for seconds in ["15", "60", "120"] {
        let Some(setup) = with_script("echo still here\nsleep 1000\n") else {
            return;
        };
        let mut guest = setup.option("--timeout", seconds).start();
        assert_eq!(guest.end(), 124);
        if guest.log().contains("still here") {
            return;
        }
    }
    panic!("it never began");
}

#[test]
fn reboot_restarts_the_machine() {
    let Some(setup) = with_script("reboot\n") else {
        return;
    };
    let mut guest = setup.start();
    assert_eq!(guest.end(), 0);
    assert!(guest.log().contains("reboot: Restarting system"));
}

/// Ctrl-Alt-Del asks PID 1 instead of resetting the machine: services are stopped first.
#[test]
fn ctrl_alt_delete_is_an_orderly_reboot() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.append("initsh.after=shell initsh.delay=0").start();
    guest.shell();
    // Its driver looks for it in the background.
    guest.ok("until case $(cat /proc/bus/input/devices) in *eyboard*) ;; *) false ;; esac; do sleep 0.1; done");
    guest.send_key("ctrl-alt-delete");
    assert_eq!(guest.end(), 0);
    assert!(guest.log().contains("reboot: Restarting system"));
}

#[test]
fn qemu_that_cannot_run_is_126() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.qemu(&["-no-such-option"]).start();
    assert_eq!(guest.end(), 126);
}
