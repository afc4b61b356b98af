//! Somebody at the console, nobody, or no console at all.

use super::guest::Setup;

/// The running command ends, the script stops, and there is a shell that works.
#[test]
fn control_c_stops_the_boot_script() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.script=/slow.run")
        .guest_file(
            "/slow.run",
            "echo slow-$((40 + 2))\nsleep 1000\necho not-$((40 + 2))\n",
        )
        .start();
    guest.wait_for("slow-42");
    guest.type_text("\u{3}");
    guest.wait_for("stopped by Ctrl-C");
    guest.shell();
    assert_eq!(guest.ok("echo $((6 * 7))"), "42\n");
    assert!(!guest.log().contains("not-42"));
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// A prompt that nobody types at does what the countdown would have done.
#[test]
fn an_idle_prompt_ends_the_machine() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.after=shell initsh.idle=10 initsh.delay=0")
        .start();
    guest.shell();
    assert_eq!(guest.ok("echo $((6 * 7))"), "42\n");
    guest.wait_for("nobody typed anything");
    assert_eq!(guest.end(), 0);
}

/// Nobody sees the boot, and it boots: with the status of what ran.
#[test]
fn no_console_does_not_stop_a_boot() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("console=null initsh.delay=1")
        .autoexec("exit 6\n")
        .start();
    assert_eq!(guest.end(), 6);
}

/// Only the chosen key counts, and the rest of an arrow key does not reach the shell.
#[test]
fn only_the_chosen_key_opens_the_shell() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .append("initsh.interrupt=esc initsh.delay=120 initsh.after=poweroff")
        .start();
    guest.wait_for("Esc opens the shell");
    guest.type_text("x\r y\u{3}");
    // It goes on, a line a second, of which a busy machine may leave some out.
    for _ in 0..3 {
        guest.wait_for("Esc opens the shell");
    }
    guest.type_text("\u{1b}[A");
    guest.shell();
    assert_eq!(guest.ok("echo $((6 * 7))"), "42\n");
    guest.type_text("exit 3\n");
    guest.wait_for("starting it again");
    guest.shell();
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}
