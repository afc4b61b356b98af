//! From the kernel to the prompt or to the end: the boot script, its two countdowns, the parameters.

use super::guest::Setup;

/// Nobody is there: a lease, the summary, no autoexec, and the power-off of stage 2.
#[test]
fn the_main_path_ends_in_a_power_off() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.start();
    let shown = guest.wait_for(" commands, 0 failed");
    // With IPv6 the script waits for a second, which is too short for a machine that is busy.
    let busy = guest.seconds() >= 1;
    assert!(busy || shown.contains("10.0.2.15"), "{shown}");
    guest.wait_for("no autoexec.run");
    assert_eq!(guest.end(), 0);
    assert!(!guest.log().contains("Kernel panic"), "PID 1 must not end");
}

#[test]
fn autoexec_runs_from_an_appended_archive() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.delay=1")
        .autoexec(
            "waitfor --timeout 60 online 4\n\
             echo \"auto-$((40 + 2)) ${net.eth0.ip4}\"\npoweroff --status 3\n",
        )
        .start();
    guest.wait_for("auto-42 10.0.2.15");
    assert_eq!(guest.end(), 3);
}

#[test]
fn a_key_skips_autoexec() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.delay=120")
        .autoexec("echo \"auto-$((40 + 2))\"\n")
        .start();
    guest.wait_for("autoexec.run starts in ");
    guest.type_text(" ");
    guest.shell();
    assert!(!guest.log().contains("auto-42"));
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// After a script that leaves no service behind, silence means power-off, a key the shell.
#[test]
fn a_key_in_stage_2_opens_the_shell() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.script=/quiet.run initsh.delay=120")
        .guest_file("/quiet.run", "mount proc\necho script-done\n")
        .start();
    guest.wait_for("script-done");
    guest.wait_for("power off in ");
    guest.type_text("x");
    guest.shell();
    assert_eq!(guest.ok("echo $((6 * 7))"), "42\n");
    guest.type_text("poweroff --status 4\n");
    assert_eq!(guest.end(), 4);
}

#[test]
fn after_shell_needs_no_key() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.append("initsh.after=shell initsh.delay=0").start();
    guest.shell();
    guest.ok("waitfor --timeout 60 online 4");
    assert!(guest.value("${net.eth0.ip4}").starts_with("10.0.2.15"));
    assert!(guest.ok("services").contains("dhcp4.eth0"));
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// Noise on the line while `initsh.interrupt=none`: autoexec runs all the same, and in time.
#[test]
fn noise_does_not_interrupt_where_nothing_may() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.interrupt=none initsh.delay=8")
        .autoexec("echo \"auto-$((40 + 2))\"\npoweroff --status 9\n")
        .start();
    guest.wait_for("autoexec.run");
    for _ in 0..20 {
        guest.type_text("x\r \u{1b}[A\u{3}");
    }
    guest.wait_for("auto-42");
    assert_eq!(guest.end(), 9);
}

/// A syntax error is found before the first command runs, is shown with its place, and there is a shell.
#[test]
fn a_script_with_a_syntax_error_still_boots() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.script=/bad.run initsh.after=shell initsh.delay=0")
        .guest_file("/bad.run", "echo ran-$((40 + 2))\nif true; then\n")
        .start();
    guest.wait_for("bad.run:");
    guest.shell();
    assert!(!guest.log().contains("ran-42"));
    guest.type_text("poweroff --status 2\n");
    assert_eq!(guest.end(), 2);
}
