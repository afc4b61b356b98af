//! Machines of other shapes: no modules, no network card, other consoles, disks, shares, little memory.

use std::fs;
use std::process::Command;

use super::guest::{Setup, top};

#[test]
fn no_modules_in_the_image() {
    let Some(setup) = Setup::new() else { return };
    let image = setup.scratch().path().join("image");
    let status = Command::new(top().join("scripts/initrd"))
        .arg(&image)
        .env("MODULES", "none")
        .status()
        .expect("scripts/initrd");
    assert!(status.success());
    let mut guest = setup
        .initrd(image)
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    assert_eq!(guest.ok("echo $((6 * 7))"), "42\n");
    guest.type_text("poweroff --status 11\n");
    assert_eq!(guest.end(), 11);
}

#[test]
fn no_network_card() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.option("--net", "none").start();
    guest.wait_for(" commands, 0 failed");
    assert_eq!(guest.end(), 0);
}

/// The console's driver is a module: there is none at all until coldplug has loaded it.
#[test]
fn console_on_hvc0() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .option("--console", "hvc0")
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    assert!(guest.ok("cat /proc/consoles").contains("hvc0"));
    guest.begin("sleep 1000");
    guest.type_text("\u{3}");
    guest.prompt();
    guest.type_text("poweroff --status 12\n");
    assert_eq!(guest.end(), 12);
}

#[test]
fn two_disks() {
    let Some(setup) = Setup::new() else { return };
    let first = setup.scratch().file("first", vec![0; 1 << 20]);
    let mut text = b"from the host\n".to_vec();
    text.resize(1 << 20, 0);
    let second = setup.scratch().file("second", text);
    let mut guest = setup
        .option("--drive", &first)
        .option("--drive", &second)
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    let blocks = guest.ok("ls /sys/block");
    assert!(blocks.contains("vda") && blocks.contains("vdb"), "{blocks}");
    assert_eq!(
        guest.ok("read -r line < /dev/vdb; echo \"$line\""),
        "from the host\n"
    );
    guest.ok("echo from the guest > /dev/vda");
    guest.ok("sync");
    let written = fs::read(&first).expect("first disk");
    assert!(written.starts_with(b"from the guest\n"));
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// The share is at /mnt/host, and an autoexec.run in it counts.
#[test]
fn a_9p_share() {
    let Some(setup) = Setup::new() else { return };
    setup.scratch().file(
        "share/autoexec.run",
        "echo \"shared-$((40 + 2))\"\ncat /mnt/host/hello > /mnt/host/copy\npoweroff --status 13\n",
    );
    setup.scratch().file("share/hello", "hello\n");
    let share = setup.scratch().path().join("share");
    let mut guest = setup
        .option("--share", &share.to_string_lossy())
        .append("initsh.delay=1")
        .start();
    guest.wait_for("shared-42");
    assert_eq!(guest.end(), 13);
    assert_eq!(fs::read(share.join("copy")).expect("copy"), b"hello\n");
}

#[test]
fn ninety_six_megabytes() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup
        .option("--memory", "96")
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    guest.ok("waitfor --timeout 60 online 4");
    assert!(guest.value("${net.eth0.ip4}").starts_with("10.0.2.15"));
    println!("{}", guest.ok("cat /proc/meminfo"));
    // What the shell starts is ended before the shell.
    let file = "/proc/self/oom_score_adj";
    assert_eq!(guest.ok(&format!("cat {file}; (cat {file})")), "-200\n0\n");
    let (output, status) = guest.run("(x=$(cat /dev/zero))");
    assert_ne!(status, 0, "{output}");
    // Files in memory leave room for whoever deletes them.
    for place in ["/tmp", "/dev/shm"] {
        let (output, status) = guest.run(&format!("cat /dev/zero >{place}/all"));
        assert!(output.contains("ENOSPC") && status != 0, "{output}");
        guest.ok(&format!("rm {place}/all"));
    }
    assert!(!guest.log().contains("the shell ended"));
    guest.type_text("poweroff --status 14\n");
    assert_eq!(guest.end(), 14);
}

/// What the host hands over by firmware: a fw_cfg file, an SMBIOS string.
#[test]
fn firmware_carries_texts() {
    let Some(setup) = Setup::new() else { return };
    let file = setup.scratch().file("greeting,1", "hello from fw_cfg\n");
    let mut guest = setup
        .option("--fw-cfg", &format!("opt/initsh/greeting={file}"))
        .option("--smbios", "one, two")
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    assert_eq!(
        guest.ok("cat /sys/firmware/qemu_fw_cfg/by_name/opt/initsh/greeting/raw"),
        "hello from fw_cfg\n"
    );
    let tables = "case $(cat /sys/firmware/dmi/tables/DMI) in *'one, two'*) echo there ;; esac";
    assert_eq!(guest.ok(tables), "there\n");
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}
