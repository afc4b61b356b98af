//! Modules in a real kernel: compressed files that it does not unpack itself, what is said when one does
//! not fit, and dependencies.

use std::path::PathBuf;
use std::process::Command;

use super::guest::{Setup, top};

/// The directory of the guest's modules on this machine.
fn modules() -> PathBuf {
    let all = top().join("build/kernel/lib/modules");
    let mut found = std::fs::read_dir(all).expect("make kernel");
    let version = found.next().expect("a kernel").expect("a kernel");
    version.path().join("kernel")
}

/// A module file as a packer prints it.
fn packed(packer: &[&str], module: &str) -> Vec<u8> {
    let file = modules().join(module);
    let output = Command::new(packer[0])
        .args(&packer[1..])
        .arg(&file)
        .output();
    let output = output.expect(packer[0]);
    assert!(output.status.success(), "{packer:?} {}", file.display());
    output.stdout
}

/// A module without the signature behind it: its length stands in front of the last 28 bytes
/// (linux/module_signature.h).
fn unsigned(module: &[u8]) -> &[u8] {
    const MARKER: &[u8] = b"~Module signature appended~\n";
    let Some(signed) = module.strip_suffix(MARKER) else {
        return module;
    };
    let (rest, length) = signed.split_last_chunk::<4>().expect("a signature");
    let information = 8;
    &rest[..rest.len() - information - u32::from_be_bytes(*length) as usize]
}

#[test]
fn compressed_damaged_and_dependent() {
    let Some(setup) = Setup::new() else { return };
    let dummy = packed(&["gzip", "-c"], "drivers/net/dummy.ko");
    let veth = packed(&["xz", "--check=crc32", "-c"], "drivers/net/veth.ko");
    let nlmon = packed(&["zstd", "-q", "-c"], "drivers/net/nlmon.ko");
    let damaged = veth[..veth.len() / 2].to_vec();
    let plain = std::fs::read(modules().join("drivers/net/ifb.ko")).expect("ifb.ko");
    let mut foreign = unsigned(&plain).to_vec();
    // Its version magic becomes that of a kernel that there is not; the number before the first blank
    // does not count for one with symbol versions.
    let at = plain
        .windows(5)
        .position(|w| w == b" SMP ")
        .expect("SMP in vermagic");
    foreign[at + 1] = b'X';
    let mut rejected = plain.clone();
    rejected[at + 1] = b'X';
    let mut guest = setup
        .guest_file("/m/rejected.ko", rejected)
        .guest_file("/m/dummy.ko.gz", dummy)
        .guest_file("/m/veth.ko.xz", veth)
        .guest_file("/m/nlmon.ko.zst", nlmon)
        .guest_file("/m/damaged.ko.xz", damaged)
        .guest_file("/m/foreign.ko", foreign)
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    for file in ["dummy.ko.gz", "veth.ko.xz", "nlmon.ko.zst"] {
        guest.ok(&format!("insmod /m/{file}"));
    }
    let (text, status) = guest.run("insmod /m/dummy.ko.gz");
    assert!(status == 0 && text.contains("loaded already"), "{text}");
    let loaded = guest.ok("lsmod");
    for name in ["dummy ", "veth ", "nlmon "] {
        assert!(loaded.contains(name), "{name}: {loaded}");
    }
    let (text, status) = guest.run("insmod /m/damaged.ko.xz");
    assert!(status == 1 && text.contains("decompress xz: "), "{text}");
    let (text, status) = guest.run("insmod /m/rejected.ko");
    assert!(status == 1 && text.contains("EKEYREJECTED"), "{text}");
    let (text, status) = guest.run("insmod /m/foreign.ko");
    assert!(
        status == 1 && text.contains("ENOEXEC") && text.contains("version magic"),
        "{text}"
    );
    let (text, status) = guest.run("insmod /lib/modules/${host.kernel}/kernel/fs/9p/9p.ko");
    assert!(status == 1 && text.contains("Unknown symbol"), "{text}");
    guest.ok("modprobe fs-9p && modprobe fs-9p");
    assert!(guest.ok("lsmod").contains("9pnet "));
    let (text, status) = guest.run("rmmod 9pnet");
    assert!(status == 1 && text.contains("used by 9p"), "{text}");
    guest.ok("rmmod 9p dummy");
    guest.type_text("poweroff --status 21\n");
    assert_eq!(guest.end(), 21);
}
