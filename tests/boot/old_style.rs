//! A script in the spelling of an older init, from a file and line by line at the prompt: short forms of
//! `mount`, modules by path in their order, `tap`, `ifconfig`.

use super::guest::{Setup, top};

/// The only kernel below `build/kernel`, which is the guest's.
fn modules() -> String {
    let version = std::fs::read_dir(top().join("build/kernel/lib/modules"))
        .expect("make kernel")
        .next()
        .expect("a kernel")
        .expect("a kernel")
        .file_name();
    format!("/lib/modules/{}/kernel", version.to_string_lossy())
}

fn lines() -> Vec<String> {
    let modules = modules();
    [
        "mount proc".to_owned(),
        format!("insmod {modules}/fs/netfs/netfs.ko"),
        format!("insmod {modules}/net/9p/9pnet.ko"),
        format!("insmod {modules}/net/9p/9pnet_virtio.ko"),
        format!("insmod {modules}/fs/9p/9p.ko"),
        format!("insmod {modules}/net/ipv6/netfilter/nf_defrag_ipv6.ko"),
        "mknod /dev/net/tun c 10 200".to_owned(),
        "tap add tap0".to_owned(),
        "ifconfig tap0 192.168.1.1 netmask 255.255.255.0".to_owned(),
        "ifconfig tap0 2001:db8:1::1/64".to_owned(),
        "ifconfig tap0 up".to_owned(),
        "mount 9p".to_owned(),
        "ifconfig > /tmp/interfaces.txt".to_owned(),
        "dmesg 5".to_owned(),
        "ps".to_owned(),
        "run /more.run".to_owned(),
    ]
    .into()
}

fn setup() -> Option<Setup> {
    let setup = Setup::new()?;
    setup.scratch().file("share/hello", "hello from the host\n");
    let share = setup.scratch().path().join("share");
    Some(
        setup
            .option("--share", &share.to_string_lossy())
            .guest_file("/more.run", "echo \"more-$((40 + 2))\"\n"),
    )
}

const PROOF: [&str; 3] = ["192.168.1.1", "2001:db8:1::1", "hello from the host"];

#[test]
fn as_a_file() {
    let Some(setup) = setup() else { return };
    let mut script = lines().join("\n");
    script.push_str("\ncat /tmp/interfaces.txt /mnt/host/hello\npoweroff --status 31\n");
    let mut guest = setup.append("initsh.delay=1").autoexec(&script).start();
    guest.wait_for("more-42");
    for text in PROOF {
        guest.wait_for(text);
    }
    assert_eq!(guest.end(), 31);
}

#[test]
fn line_by_line() {
    let Some(setup) = setup() else { return };
    let mut guest = setup.append("initsh.after=shell initsh.delay=0").start();
    guest.shell();
    for line in lines() {
        guest.ok(&line);
    }
    let shown = guest.ok("cat /tmp/interfaces.txt /mnt/host/hello");
    for text in PROOF {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}
