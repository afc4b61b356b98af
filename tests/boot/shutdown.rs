//! The end of a machine with something in its way: a file system in use, one that hangs, processes that
//! nothing ends, a console that takes nothing, a clock that jumps.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::guest::{Guest, STEP, Scratch, Setup, top};

/// Debian's static busybox, for what the image has no command for.
fn busybox(setup: Setup) -> Setup {
    let path = "/bin/busybox";
    setup.guest_file("/bin/busybox", fs::read(path).expect("busybox-static"))
}

/// A new ext4 image.
fn ext4(scratch: &Scratch, name: &str) -> String {
    let path = scratch.file(name, []);
    let done = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", &path, "24M"])
        .status();
    assert!(done.expect("mke2fs (e2fsprogs)").success());
    path
}

/// Fails unless the file system is clean and nothing is wrong with it.
fn check(image: &str) {
    let output = Command::new("e2fsck").args(["-fn", image]).output();
    let output = output.expect("e2fsck (e2fsprogs)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let state = Command::new("dumpe2fs").args(["-h", image]).output();
    let state = state.expect("dumpe2fs").stdout;
    let state = String::from_utf8_lossy(&state);
    assert!(!state.contains("needs_recovery"), "not unmounted: {state}");
    assert!(state.contains("Filesystem state:         clean"), "{state}");
}

fn file_in(image: &str, path: &str) -> String {
    let ask = format!("cat {path}");
    let output = Command::new("debugfs").args(["-R", &ask, image]).output();
    String::from_utf8(output.expect("debugfs").stdout).expect("text")
}

/// The kernel without its compression, which costs an emulated machine more than the boot does, after a
/// reset most of all; QEMU starts it through its PVH entry. Where it is compressed otherwise: as it is.
fn quick_kernel(setup: Setup) -> Setup {
    const XZ: &[u8] = b"\xfd7zXZ\0";
    let packed =
        std::env::var_os("KERNEL").map_or_else(|| top().join("build/kernel/vmlinuz"), Into::into);
    let image = fs::read(&packed).expect("the kernel");
    let Some(begin) = image.windows(XZ.len()).position(|bytes| bytes == XZ) else {
        return setup;
    };
    let (from, to) = ("kernel.xz", setup.scratch().path().join("kernel"));
    let from = setup.scratch().file(from, &image[begin..]);
    let file = fs::File::create(&to).expect("scratch file");
    // What follows the kernel in its file is not xz: a complaint, after all of it was written.
    let mut unpack = Command::new("xz");
    let unpack = unpack.args(["-dcq", &from]).stdout(file);
    let _ = unpack.stderr(Stdio::null()).status().expect("xz");
    setup.kernel(to)
}

/// How many times each of the machines below ends.
const ENDS: u32 = 15;

/// What each of them does in a life: looks whether all is there that the last one left, writes, ends.
const LIFE: &str = r#"
mount proc; mount sys; mount dev; mount run
modprobe virtio_pci; modprobe virtio_blk
waitfor --timeout 100 path /dev/vda
mkdir -p /data
mount -t ext4 /dev/vda /data || echo "NOT MOUNTED"
case $(dmesg) in *'recovery complete'* | *'unchecked fs'*) echo "NOT CLEAN" ;; esac
round=0
if [ -e /data/round ]; then read -r round < /data/round; fi
if [ "$round" -gt 0 ]; then
    case $(cat /data/ends) in *"end of $round") ;; *) echo "END $round LOST" ;; esac
fi
round=$((round + 1))
echo "round $round"
echo "$round" > /data/round
spawn --name writer --restart always /bin/busybox sh /writer.sh "$round"
waitfor --timeout 100 path /run/synced
sleep 0.5
if [ "$round" -eq ENDS ]; then poweroff; else reboot; fi
"#;

/// Appends a line, syncs it, says so; its last words are not synced.
const WRITER: &str = r#"
b=/bin/busybox
cd /data
trap 'echo "end of $1" >> ends; exit' TERM
n=$($b tail -n 1 log 2>/dev/null)
n=${n:-0}
while :; do
    n=$((n + 1))
    echo $n | $b dd of=log oflag=append conv=notrunc,fsync 2>/dev/null
    echo "synced $n" > /dev/console
    : > /run/synced
    $b dd if=/dev/zero of=bulk bs=64k count=8 2>/dev/null
done
"#;

/// Thirty ends in all, of two machines: each but the last is a reboot within one QEMU.
fn writer_survives(first: &str) {
    let Some(setup) = Setup::new() else { return };
    let image = ext4(setup.scratch(), "disk");
    let mut guest = quick_kernel(busybox(setup))
        .guest_file("/life.run", LIFE.replace("ENDS", &ENDS.to_string()))
        .guest_file("/writer.sh", WRITER)
        .option("--drive", &image)
        .option("--net", "none")
        .append("initsh.script=/life.run initsh.delay=0")
        .append(first)
        .option("--timeout", "1800")
        .qemu(&["-action", "reboot=reset"])
        .start();
    for round in 1..=ENDS {
        guest.wait_for(&format!("round {round}\n"));
    }
    assert_eq!(guest.end(), 0);
    check(&image);
    let log = guest.log();
    for bad in ["NOT CLEAN", "NOT MOUNTED", "LOST"] {
        assert!(!log.contains(bad), "{bad}");
    }
    // Every line that was synced is said once; one that were lost would be written again.
    let synced: Vec<u32> = log
        .lines()
        .filter_map(|line| line.trim().strip_prefix("synced ")?.parse().ok())
        .collect();
    assert!(synced.is_sorted_by(|a, b| a < b), "{synced:?}");
    let last = *synced.last().expect("something synced");
    assert!(last >= ENDS, "{last} in all");
    let lines: Vec<u32> = file_in(&image, "/log")
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(lines, (1..=lines.len() as u32).collect::<Vec<_>>());
    assert!(lines.len() as u32 >= last, "{} of {last}", lines.len());
    println!("{ENDS} ends, {last} lines synced");
}

#[test]
fn fifteen_ends_of_a_machine_that_writes() {
    writer_survives("initsh.log=info");
}

#[test]
fn fifteen_ends_of_another_one() {
    writer_survives("initsh.log=error");
}

/// A 9p server that answers what a mount needs, and then nothing more. The messages are those of 9P2000.L
/// (size, type, tag, body), which diod's protocol.md describes.
fn silent_9p_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        let Ok((mut peer, _)) = listener.accept() else {
            return;
        };
        let qid = [0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        // version, attach, getattr: then the mount is there.
        for _ in 0..3 {
            let mut head = [0; 7];
            if peer.read_exact(&mut head).is_err() {
                return;
            }
            let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let mut body = vec![0; size as usize - 7];
            if peer.read_exact(&mut body).is_err() {
                return;
            }
            let reply = match head[4] {
                100 => body,
                104 => qid.to_vec(),
                24 => {
                    let mut attributes = 0x7ff_u64.to_le_bytes().to_vec();
                    attributes.extend(qid);
                    attributes.extend(0o040_755_u32.to_le_bytes());
                    attributes.resize(8 + 13 + 4 + 8, 0);
                    attributes.extend(2_u64.to_le_bytes());
                    attributes.resize(153, 0);
                    attributes
                }
                other => panic!("9p message {other}"),
            };
            let mut message = (7 + reply.len() as u32).to_le_bytes().to_vec();
            message.push(head[4] + 1);
            message.extend(&head[5..7]);
            message.extend(reply);
            if peer.write_all(&message).is_err() {
                return;
            }
        }
        // Connected, alive, and silent.
        std::thread::sleep(Duration::from_secs(600));
    });
    port
}

/// One file system whose server is silent, one that is frozen with a process in state D on it, which
/// nothing can end, and one that is well: the machine ends in time, and that one is clean.
#[test]
fn what_hangs_costs_its_time_and_nothing_else() {
    let Some(setup) = Setup::new() else { return };
    let port = silent_9p_server();
    let well = ext4(setup.scratch(), "well");
    let frozen = ext4(setup.scratch(), "frozen");
    let mut guest = busybox(setup)
        .option("--drive", &well)
        .option("--drive", &frozen)
        .append("initsh.after=shell initsh.delay=0 initsh.shutdown=12")
        .start();
    guest.shell();
    guest.ok("mkdir -p /well /frozen /silent");
    guest.ok("mount -t ext4 /dev/vda /well");
    guest.ok("mount -t ext4 /dev/vdb /frozen");
    guest.ok("modprobe 9pnet_fd");
    guest.ok(&format!(
        "mount -t 9p -o trans=tcp,version=9p2000.L,port={port} 10.0.2.2 /silent"
    ));
    guest.ok("echo written > /well/file");
    guest.ok("/bin/busybox fsfreeze --freeze /frozen");
    guest.ok("spawn --name stuck /bin/busybox touch /frozen/file");
    let stat = "$(cat /proc/${svc.stuck.pid}/stat)";
    guest.ok(&format!(
        "n=0; until case \"{stat}\" in *') D '*) ;; *) [ $n -gt 300 ] ;; esac; do n=$((n + 1)); sleep 0.1; done"
    ));
    let stat = guest.value(stat);
    assert!(stat.contains(") D "), "{stat}");
    guest.type_text("poweroff\n");
    guest.wait_for("initsh: power off");
    let begun = Instant::now();
    assert_eq!(guest.end(), 0);
    let took = begun.elapsed();
    println!("the end with two file systems that hang, 12 s at most: {took:?}");
    assert!(took < guest.patience(12), "{took:?}");
    let log = guest.log();
    assert!(log.contains("in state D"), "nobody said who was waited for");
    assert!(
        log.contains("/silent does not answer"),
        "no word of the server"
    );
    check(&well);
    assert_eq!(file_in(&well, "/file"), "written\n");
}

/// A crash loop gives PID 1 much to say.
fn with_much_to_say(guest: &mut Guest) {
    guest.ok("spawn --name noisy --restart always --backoff 50ms..100ms /bin/busybox false");
}

/// Flow control on the shell's own line (XOFF): PID 1 has to end the machine without a word.
#[test]
fn a_console_that_is_held_up() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = busybox(setup)
        .append("initsh.after=shell initsh.delay=0 initsh.shutdown=10")
        .start();
    guest.shell();
    with_much_to_say(&mut guest);
    // The line that it waits for comes behind the XOFF, so the terminal has stopped before.
    let end = "read line; sleep 5; kill -TERM 1; sleep 1000";
    guest.type_text(&format!("(/bin/busybox stty ixon; echo now''; {end})\n"));
    guest.wait_for("now\n");
    guest.type_text("\u{13}go\n");
    let begun = Instant::now();
    assert_eq!(guest.end(), 0);
    let took = begun.elapsed();
    println!("held up for 5 s, then the end: {took:?}");
    assert!(took >= Duration::from_secs(5), "{took:?}");
    assert!(took < guest.patience(7), "{took:?}");
    assert!(
        !guest.log().contains("initsh: power off"),
        "it was not held up"
    );
}

/// A serial line at whose other end nobody reads: the UART itself takes nothing more.
#[test]
fn a_console_without_a_reader() {
    let Some(setup) = Setup::new() else { return };
    let socket = setup.scratch().path().join("deaf");
    let path = socket.to_string_lossy().into_owned();
    let script = "mount proc; mount dev; mount run; mount sys
        spawn --name fill /bin/busybox sh -c 'yes > /dev/ttyS1'
        spawn --name noisy --restart always --backoff 50ms..100ms /bin/busybox false
        spawn --name end /bin/busybox sh /end.sh
        yes\n";
    // Whether the line is really held up is in what the UART has sent so far.
    let end = "tx() { grep ^1: /proc/tty/driver/serial; }
        echo begun > /dev/ttyS0; sleep 3; n=0
        until before=$(tx); sleep 2; [ \"$(tx)\" = \"$before\" ] || [ $n -gt 50 ]; do n=$((n + 1)); done
        for line in before after; do tx > /dev/ttyS0; sleep 1; done
        echo soon > /dev/ttyS0; kill -TERM 1";
    let mut guest = busybox(setup)
        .guest_file("/end.sh", end)
        .guest_file("/deaf.run", script.replace("yes\n", "/bin/busybox yes\n"))
        .qemu(&[
            "-chardev",
            &format!("socket,id=deaf,path={path},server=on,wait=on"),
        ])
        .qemu(&["-serial", "chardev:deaf"])
        .append("console=ttyS1 initsh.script=/deaf.run initsh.shutdown=10")
        .start();
    // QEMU waits for it; it is never read.
    let begun = Instant::now();
    let deaf = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(STEP), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    guest.wait_for("begun");
    let sent = guest.wait_for("soon");
    let sent: Vec<_> = sent.lines().filter(|line| line.starts_with("1:")).collect();
    assert!(
        matches!(sent[..], [first, second] if first == second),
        "{sent:?}"
    );
    let begun = Instant::now();
    assert_eq!(guest.end(), 0);
    let took = begun.elapsed();
    println!("the end with a console without a reader: {took:?}");
    assert!(took < guest.patience(10), "{took:?}");
    drop(deaf);
}

/// Nothing of PID 1 depends on the time of day.
#[test]
fn a_clock_that_is_set_back_by_a_year() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = busybox(setup)
        .append("initsh.after=shell initsh.delay=0")
        .start();
    guest.shell();
    guest.ok("spawn --name web --restart always /bin/busybox sleep 1000");
    let dies = "spawn --name dies --restart always --backoff 1s..1s";
    guest.ok(&format!(
        "{dies} /bin/busybox sh -c 'echo >> /run/ends; exit 1'"
    ));
    let deaf = "trap \"\" TERM; while :; do sleep 1; done";
    guest.ok(&format!(
        "spawn --name deaf --stop-timeout 2 /bin/busybox sh -c '{deaf}'"
    ));
    let web = guest.value("${svc.web.pid}");
    let year = guest.value("$(/bin/busybox date +%Y)");
    guest.ok("/bin/busybox date -s @$(($(/bin/busybox date +%s) - 31536000))");
    assert_ne!(guest.value("$(/bin/busybox date +%Y)"), year);
    // It is started again as before, a second after each of its ends.
    let begun = Instant::now();
    guest.ok(": > /run/ends");
    guest.ok("until [ $(/bin/busybox wc -l < /run/ends) -ge 3 ]; do sleep 0.1; done");
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1500), "three ends in {took:?}");
    // Set back again while it is being stopped.
    guest.ok("spawn --name back /bin/busybox sh -c 'sleep 1; busybox date -s @1000000000'");
    let begun = Instant::now();
    guest.ok("stop deaf");
    let took = begun.elapsed();
    assert!(took < guest.patience(3), "{took:?}");
    assert_eq!(guest.value("${svc.web.pid}"), web);
    assert_eq!(guest.value("${svc.deaf.state}"), "Stopped");
    guest.type_text("poweroff --status 3\n");
    assert_eq!(guest.end(), 3);
}

/// PID 1 and the kernel stay; the boot script finds everything as it left it, and does not mind.
#[test]
fn a_soft_restart_runs_the_boot_script_again() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = setup.append("initsh.after=shell initsh.delay=0").start();
    guest.shell();
    let stat = guest.value("$(cat /proc/1/stat)");
    let started = |stat: &str| stat.split(' ').nth(21).map(str::to_owned);
    guest.ok("spawn --name web --restart always sleep 1000");
    guest.type_text("reboot --soft\n");
    guest.wait_for("initsh: soft restart");
    guest.wait_for(" 0 failed");
    guest.shell();
    assert!(!guest.ok("services").contains("web"));
    assert!(guest.ok("services").contains("dhcp4.eth0"));
    let now = guest.value("$(cat /proc/1/stat)");
    assert_eq!(started(&now), started(&stat));
    guest.type_text("poweroff --status 4\n");
    assert_eq!(guest.end(), 4);
}
