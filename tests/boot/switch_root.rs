//! `switch_root` from the initramfs to a disk: everything that is refused, a way back from the last
//! moment, and the new system itself.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::guest::{Guest, Setup, top};

/// The new system's init: tells what it finds, and powers off.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
echo "new-init: pid $$, arguments $*, MARK=$MARK"
echo "new-root: $($b grep -c ' / ext4 ' /proc/mounts) $($b cat /run/mark) $($b ls /sys/kernel/mm | $b wc -l)"
echo "masks: $($b grep -E 'Sig(Blk|Ign)' /proc/self/status | $b tr -d '\n\t')"
[ -t 0 ] && echo "terminal: $(echo > /dev/console && echo fine)"
n=0
while free=$($b awk '/^MemFree/ { print $2 }' /proc/meminfo); [ $free -lt $WANTED ] && [ $n -lt 60 ]; do
    n=$((n + 1))
    $b sleep 1
done
echo "free: $free kB"
$b sync
$b poweroff -f
"#;

/// Space in the initramfs that the old root gives back, in MiB.
const BALLAST: usize = 24;

/// A disk with an ext4 file system: busybox, an init, and what cannot be one.
fn disk(setup: &Setup) -> String {
    let directory = setup.scratch().path().join("root");
    fs::create_dir_all(directory.join("bin")).expect("root");
    fs::create_dir_all(directory.join("sub/dir")).expect("root");
    let file = |name: &str, mode: u32, bytes: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, bytes).expect("file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    let program = fs::read(top().join("build/initsh")).expect("build/initsh");
    let busybox = Path::new("/bin/busybox");
    file(
        "bin/busybox",
        0o755,
        &fs::read(busybox).expect("busybox-static"),
    );
    file("bin/init-script", 0o755, INIT.as_bytes());
    file("bin/initsh", 0o755, &program);
    file("locked", 0o644, INIT.as_bytes());
    // A program to look at, but without program headers.
    let mut bad = program[..4096].to_vec();
    bad[56..58].fill(0);
    file("bad", 0o755, &bad);
    symlink("/bin/init-script", directory.join("init")).expect("link");
    symlink("/nowhere", directory.join("dangling")).expect("link");
    let disk = setup.scratch().path().join("disk");
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-d"])
        .args([&directory, &disk])
        .arg("24M")
        .stdout(std::process::Stdio::null())
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .status();
    assert!(made.expect("mke2fs (e2fsprogs)").success());
    disk.to_string_lossy().into_owned()
}

fn at_the_shell() -> Option<Guest> {
    let setup = Setup::new()?;
    let disk = disk(&setup);
    let mut guest = setup
        .option("--net", "none")
        .option("--drive", &disk)
        .guest_file("/ballast", vec![b'x'; BALLAST << 20])
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    guest.ok("mount -t ext4 /dev/vda /mnt");
    guest.ok("echo marked > /run/mark");
    Some(guest)
}

fn free(text: &str, before: &str) -> u64 {
    let rest = text.split_once(before).map(|(_, rest)| rest.trim_start());
    let number = rest.and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {before}: {text}"))
}

#[test]
fn refused_undone_and_done() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    guest.ok("spawn --name sleeper --restart always sleep 1000");
    let sleeper = guest.value("${svc.sleeper.pid}");
    for (arguments, why) in [
        ("/mnt", "missing INIT"),
        ("/none /init", "ENOENT"),
        ("/mnt/sub /init", "nothing is mounted there"),
        ("/dev /init", "ENOENT"),
        ("/etc /init", "on the same file system as the present root"),
        ("/ /init", "on the same file system as the present root"),
        ("/mnt /none", "execute /none in /mnt: ENOENT"),
        ("/mnt /locked", "EACCES"),
        ("/mnt /sub/dir", "EISDIR"),
        ("/mnt /dangling", "symbolic link that leads nowhere"),
        ("/mnt /ballast", "ENOENT"),
    ] {
        let (output, status) = guest.run(&format!("switch_root {arguments}"));
        assert_ne!(status, 0, "{arguments}: {output}");
        assert!(output.contains(why), "{arguments}: {output}");
    }
    guest.ok("mount -o remount,noexec /mnt");
    let (output, _) = guest.run("switch_root /mnt /init");
    assert!(output.contains("mounted noexec"), "{output}");
    guest.ok("mount -o remount,exec /mnt");
    assert_eq!(guest.value("${svc.sleeper.pid}"), sleeper);

    // The kernel does not execute it: everything is where it was, and there is a shell.
    guest.type_text("switch_root /mnt /bad\n");
    guest.wait_for("execute /bad: ENOEXEC");
    guest.shell();
    let mounts = guest.ok("cat /proc/mounts");
    for there in [
        " /proc proc",
        " /sys sysfs",
        " /dev devtmpfs",
        " /run tmpfs",
        " /mnt ext4",
    ] {
        assert!(mounts.contains(there), "{there}: {mounts}");
    }
    assert_eq!(guest.ok("cat /run/mark"), "marked\n");
    assert!(guest.ok("ls /").contains("ballast"));
    guest.ok("services");

    guest.ok("spawn --name db -- initsh -c 'trap \"echo db-stops > /dev/console; exit\" TERM; while :; do sleep 0.1; done'");
    let meminfo = guest.ok("cat /proc/meminfo");
    let before = free(&meminfo, "MemFree:");
    // The old root is emptied in the background.
    let wanted = before + (BALLAST as u64 - 4) * 1024;
    guest.ok(&format!("export MARK=here WANTED={wanted}"));
    guest.type_text("switch_root /mnt /init one two\n");
    guest.wait_for("db-stops");
    guest.wait_for("new-init: pid 1, arguments one two, MARK=here\n");
    guest.wait_for("new-root: 1 marked ");
    let masks = guest.wait_for("terminal: fine");
    assert!(
        masks.contains("SigBlk:0000000000000000SigIgn:0000000000000000"),
        "{masks}"
    );
    let text = guest.wait_for(" kB\n");
    let after = free(&text, "free: ");
    let freed = after.saturating_sub(before) >> 10;
    println!("the old root gave back {freed} MiB");
    assert!(after >= wanted, "{before} kB free before, {after} kB after");
    assert_eq!(guest.end(), 0);
}

/// The new init is another initsh; a service goes on below it, with the root that it had.
#[test]
fn kept_services_go_on_below_another_initsh() {
    let Some(mut guest) = at_the_shell() else {
        return;
    };
    guest.ok("spawn --name kept -- initsh -c 'while :; do [ -e /ballast ] && echo alive >> /run/kept; sleep 0.5; done'");
    guest.type_text("switch_root --keep-services /mnt /bin/initsh\n");
    guest.wait_for("handing over to /bin/initsh");
    guest.shell();
    assert!(guest.ok("cat /proc/mounts").contains(" / ext4 "));
    assert!(guest.ok("ls /").contains("sub"));
    guest.ok("echo > /run/kept");
    guest.ok("until case $(cat /run/kept) in *alive*) ;; *) false ;; esac; do sleep 0.2; done");
    let services = guest.ok("services; reap");
    assert!(!services.contains("kept"), "{services}");
    guest.type_text("poweroff --status 9\n");
    assert_eq!(guest.end(), 9);
}
