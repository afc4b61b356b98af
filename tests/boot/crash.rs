//! PID 1 of a real machine crashes and is replaced. The image has a debug build: a release has no
//! `crash-test`. INITSH_SKIP_BOOT=1 skips it with the others.

use std::process::Command;

use super::guest::{Guest, Setup, top};

/// The debug build without its debug information, as an image of its own.
fn debug_image(setup: Setup) -> Setup {
    let stripped = setup.scratch().path().join("initsh");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(env!("CARGO_BIN_EXE_initsh"))
        .status()
        .expect("strip (binutils)");
    assert!(strip.success());
    let image = setup.scratch().path().join("image");
    let status = Command::new(top().join("scripts/initrd"))
        .arg(&image)
        .env("INIT", &stripped)
        .env("MODULES", "none")
        .status()
        .expect("scripts/initrd");
    assert!(status.success());
    let next = std::fs::read(&stripped).expect("debug build");
    setup
        .initrd(image)
        .option("--net", "none")
        .guest_file("/next", next)
}

fn pid_of(guest: &mut Guest, service: &str) -> String {
    guest.value(&format!("${{svc.{service}.pid}}"))
}

#[test]
fn a_machine_whose_pid_1_crashes_lives_on() {
    if cfg!(not(debug_assertions)) {
        return;
    }
    let Some(setup) = Setup::new() else { return };
    let mut guest = debug_image(setup)
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    guest.ok("spawn --name sleeper --restart always sleep 1000");
    guest.ok("spawn --name talker --stdout log initsh -c 'echo kept; sleep 1000'");
    let before = [pid_of(&mut guest, "sleeper"), pid_of(&mut guest, "talker")];
    let untouched = |guest: &mut Guest| {
        let now = [pid_of(guest, "sleeper"), pid_of(guest, "talker")];
        assert_eq!(now, before);
    };
    let said = guest.ok("crash-test segv");
    assert!(said.contains("SIGSEGV at address 0x10"), "{said}");
    untouched(&mut guest);
    // Somebody else's signal is no crash.
    guest.ok("kill -SEGV 1");
    untouched(&mut guest);
    // Its executable has no path any more, as after a change of the root.
    guest.ok("rm /init");
    let said = guest.ok("crash-test overflow");
    assert!(said.contains("SIGSEGV at address"), "{said}");
    untouched(&mut guest);
    let (output, status) = guest.run("upgrade");
    assert_eq!(status, 1, "{output}");
    assert!(output.contains("ENOENT"), "{output}");
    guest.ok("upgrade /next");
    untouched(&mut guest);
    assert_eq!(guest.ok("logs talker"), "kept\n");
    // Still PID 1 of a machine: it ends it.
    guest.type_text("poweroff --status 21\n");
    assert_eq!(guest.end(), 21);
}
