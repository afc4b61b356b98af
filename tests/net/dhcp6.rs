//! The DHCPv6 client at its edges: links that come and go, addresses that are not usable yet, servers that
//! misbehave, what is left when it ends. `kea6`, `dhcpd6` and `dnsmasq6` have the real servers.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};

use super::dhcp_server::eventually;
use super::servers::lab::{Lab, SOON};
use super::support::Namespace;

const SERVER_DUID: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
const ADDRESS: &str = "2001:db8:9::77";
const PREFIX: &str = "2001:db8:f000::";
const DNS: &str = "2001:db8:9::1";

// Messages and options (RFC 8415 §7.3, §21).
const SOLICIT: u8 = 1;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const INFORMATION_REQUEST: u8 = 11;
const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const RAPID_COMMIT: u16 = 14;
const IA_PD: u16 = 25;

/// A message that came in.
struct Request {
    kind: u8,
    bytes: Vec<u8>,
}

impl Request {
    /// Every value of an option.
    fn all(&self, wanted: u16) -> Vec<&[u8]> {
        let mut rest = &self.bytes[4..];
        let mut found = Vec::new();
        while let [a, b, c, d, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            let (value, behind) = more.split_at(length);
            if u16::from_be_bytes([*a, *b]) == wanted {
                found.push(value);
            }
            rest = behind;
        }
        found
    }

    /// A REPLY with these options besides the identities.
    fn reply(&self, options: &[Vec<u8>]) -> Vec<u8> {
        let client = option(CLIENT_ID, self.all(CLIENT_ID)[0]);
        let server = option(SERVER_ID, &SERVER_DUID);
        let head = [&[REPLY], &self.bytes[1..4]].concat();
        [head, client, server, options.concat()].concat()
    }

    /// Grants [`ADDRESS`] and [`PREFIX`]/56 for each IA that is asked for, and [`DNS`].
    fn grant(&self, [renew, rebind, preferred, valid]: [u32; 4]) -> Vec<u8> {
        let numbers = |numbers: &[u32]| -> Vec<u8> {
            numbers
                .iter()
                .flat_map(|number| number.to_be_bytes())
                .collect()
        };
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets().to_vec();
        let mut options = vec![option(23, &ip(DNS)), option(RAPID_COMMIT, &[])];
        for ia in self.all(IA_NA) {
            let inner = option(5, &[ip(ADDRESS), numbers(&[preferred, valid])].concat());
            let value = [ia[..4].to_vec(), numbers(&[renew, rebind]), inner].concat();
            options.push(option(IA_NA, &value));
        }
        for (nth, ia) in (0..).zip(self.all(IA_PD)) {
            let mut prefix = ip(PREFIX);
            prefix[5] = nth;
            let inner = [numbers(&[preferred, valid]), vec![56], prefix].concat();
            let value = [
                ia[..4].to_vec(),
                numbers(&[renew, rebind]),
                option(26, &inner),
            ]
            .concat();
            options.push(option(IA_PD, &value));
        }
        self.reply(&options)
    }
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// Hours.
const LONG: [u32; 4] = [1000, 2000, 3000, 4000];

/// A server that answers each request with what a function makes of it, to where it came from, and
/// remembers the kinds of all requests. It ends when dropped.
struct Scripted {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    fn start(
        namespace: &Namespace,
        mut answer: impl FnMut(&Request) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let path = Path::new("/run/netns").join(namespace.name());
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stopped, log) = (stop.clone(), seen.clone());
        let index: u32 = namespace
            .run("cat", &["/sys/class/net/srv/ifindex"])
            .trim()
            .parse()
            .unwrap();
        let (ready, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let handle = fs::File::open(path).unwrap();
            // Of this thread only.
            setns(handle.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 547)).unwrap();
            setsockopt(&socket, sockopt::BindToDevice, &"srv".into()).unwrap();
            socket
                .join_multicast_v6(&"ff02::1:2".parse().unwrap(), index)
                .unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            ready.send(()).unwrap();
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let (length, from) = match socket.recv_from(&mut buffer) {
                    Ok(received) => received,
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock | ErrorKind::Interrupted => continue,
                        _ => panic!("{error}"),
                    },
                };
                let bytes = buffer[..length].to_vec();
                let request = Request {
                    kind: bytes[0],
                    bytes,
                };
                log.lock().unwrap().push(request.kind);
                for reply in answer(&request) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        wait.recv_timeout(SOON).unwrap();
        Self {
            stop,
            seen,
            thread: Some(thread),
        }
    }

    /// One that grants everything with these times.
    fn granting(namespace: &Namespace, times: [u32; 4]) -> Self {
        Self::start(namespace, move |request| match request.kind {
            CONFIRM | RELEASE => vec![request.reply(&[option(13, &[0, 0])])],
            INFORMATION_REQUEST => vec![request.reply(&[])],
            _ => vec![request.grant(times)],
        })
    }

    fn count(&self, kind: u8) -> usize {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|&&seen| seen == kind)
            .count()
    }

    fn wait_for(&self, kind: u8, times: usize) {
        eventually(&format!("{times} messages of type {kind}"), SOON, || {
            self.count(kind) >= times
        });
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        // A second panic would abort and hide the first.
        if thread.join().is_err() && !std::thread::panicking() {
            panic!("the scripted server failed");
        }
    }
}

/// ip(8) that writes what becomes of the client's addresses and routes; killed when dropped.
struct Monitor(Child, std::path::PathBuf);

impl Monitor {
    fn start(lab: &Lab) -> Self {
        let path = lab.scratch.path("monitor");
        let file = fs::File::create(&path).unwrap();
        let mut command = lab
            .client
            .command("ip", &["-6", "monitor", "address", "route"]);
        let monitor = Self(command.stdout(file).spawn().unwrap(), path);
        // It is listening when it has seen something.
        eventually("ip monitor listens", SOON, || {
            lab.client
                .ip(&["-6", "route", "replace", "unreachable", "2001:db8:ff::/64"]);
            !monitor.text().is_empty()
        });
        monitor
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.1).unwrap_or_default()).into_owned()
    }

    /// What was removed so far.
    fn removed(&self) -> String {
        let text = self.text();
        let lines = text.lines().filter(|line| line.starts_with("Deleted"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stats(lab: &Lab, key: &str) -> u32 {
    lab.record("dhcp6.stats", key).parse().unwrap_or(0)
}

#[test]
fn what_is_not_for_us_is_dropped_alone_and_counted() {
    let Some(lab) = Lab::new() else { return };
    let hostile = b"x\nnameserver 6.6.6.6\n$(reboot)`id`'\"\0\x1b[2J";
    let _server = Scripted::start(&lab.server, move |request| {
        let good = request.grant(LONG);
        let changed = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let mut replies = vec![
            vec![],
            vec![REPLY],
            changed(1),
            changed(8),
            vec![REPLY; 5000],
        ];
        replies.extend((1..40).map(|length| good[..length].to_vec()));
        // Domains and statuses that are none, options that are too short, one asked for by its number.
        replies.push(
            [
                good,
                option(24, hostile),
                option(31, &[1]),
                option(59, hostile),
            ]
            .concat(),
        );
        replies
    });
    lab.ok(&[
        "dhcp6",
        "--once",
        "--pd",
        "--dns",
        "--request",
        "59",
        "eth0",
    ]);
    assert_eq!(lab.record("dhcp6", "ip6"), ADDRESS);
    assert_eq!(lab.record("dhcp6", "pd"), format!("{PREFIX}/56"));
    let hex: String = hostile.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(lab.record("dhcp6", "option59"), hex);
    let resolv = lab.resolv_conf();
    assert_eq!(
        resolv,
        format!("# Written by initsh from: eth0.dhcp6\nnameserver {DNS}\n")
    );
    let record = lab.scratch.text("run/leases/eth0.dhcp6");
    assert!(
        !record.contains("6.6.6.6") && !record.contains("reboot"),
        "{record}"
    );
}

/// Nothing that was dropped ends the client, and `net stats` has the reasons.
#[test]
fn a_client_that_is_fed_nonsense_goes_on_and_counts_it() {
    let Some(lab) = Lab::new() else { return };
    let mut turn = 0;
    let server = Scripted::start(&lab.server, move |request| {
        turn += 1;
        match turn {
            1 => vec![vec![REPLY; 5000], vec![], request.bytes.clone()],
            _ => vec![request.grant([1, 2, 900, 900])],
        }
    });
    let _client = lab.keep("dhcp6", &[]);
    server.wait_for(RENEW, 1);
    eventually("the counters", SOON, || {
        stats(&lab, "dropped-length") == 1
            && stats(&lab, "dropped-type") == 1
            && stats(&lab, "dropped-short") == 1
            && stats(&lab, "sent-renew") >= 1
            && stats(&lab, "received-reply") >= 2
    });
    assert!(lab.addresses().contains(ADDRESS));
}

#[test]
fn nobody_there_is_told_apart_from_no_cable_and_no_interface() {
    let Some(lab) = Lab::new() else { return };
    let began = Instant::now();
    let error = lab.fails(&["dhcp6", "--timeout", "3", "--pd", "eth0"]);
    assert!(error.contains("eth0: no answer after "), "{error}");
    assert!(began.elapsed() < SOON);
    lab.server.ip(&["link", "set", "srv", "down"]);
    let error = lab.fails(&["dhcp6", "--timeout", "0.3", "eth0"]);
    assert!(error.contains("eth0: no carrier"), "{error}");
    let error = lab.fails(&["dhcp6", "eth9"]);
    assert!(
        error.contains("eth9") && error.contains("ENODEV"),
        "{error}"
    );
    let error = lab.fails(&["dhcp6", "lo"]);
    assert!(error.contains("lo is not an Ethernet interface"), "{error}");
    lab.client.sysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    lab.server.ip(&["link", "set", "srv", "up"]);
    let error = lab.fails(&["dhcp6", "--timeout", "1", "eth0"]);
    assert!(error.contains("is IPv6 on?"), "{error}");
}

/// slirp answers INFORMATION-REQUEST and nothing else: a SOLICIT must not hold up a boot.
#[test]
fn a_server_with_nothing_but_information() {
    let Some(lab) = Lab::new() else { return };
    let dns = DNS.parse::<Ipv6Addr>().unwrap().octets();
    let _server = Scripted::start(&lab.server, move |request| match request.kind {
        INFORMATION_REQUEST => vec![request.reply(&[option(23, &dns)])],
        _ => vec![],
    });
    let line = lab.ok(&["dhcp6", "--once", "--stateless", "--dns", "eth0"]);
    assert!(line.starts_with(&format!("eth0: dns {DNS} (")), "{line}");
    assert!(lab.resolv_conf().contains(&format!("nameserver {DNS}\n")));
    lab.ok(&["dhcp6", "--release", "eth0"]);
    assert!(!lab.resolv_conf().contains("nameserver"));
    let began = Instant::now();
    lab.fails(&["dhcp6", "--once", "--timeout", "1", "eth0"]);
    assert!(began.elapsed() < SOON);
}

/// How long after its link was up, or after it was started, a client has sent its first message.
fn first_message(mode: &str, up: &str) -> Option<Duration> {
    let lab = Lab::new()?;
    let (sent, first) = std::sync::mpsc::channel();
    let _server = Scripted::start(&lab.server, move |request| {
        let _ = sent.send(Instant::now());
        vec![request.grant(LONG)]
    });
    lab.client.sysctl("net/ipv6/conf/eth0/addr_gen_mode", mode);
    // Half a minute and more: no machine is so slow that it looks like waiting for that.
    lab.client.sysctl("net/ipv6/conf/eth0/dad_transmits", "40");
    lab.client.ip(&["link", "set", "eth0", up]);
    let began = Instant::now();
    lab.ok(&["dhcp6", "--once", "eth0"]);
    let link_local = lab
        .client
        .ip(&["-6", "addr", "show", "eth0", "scope", "link"]);
    assert_eq!(link_local.matches("inet6 fe80:").count(), 1, "{link_local}");
    Some(first.recv().unwrap().duration_since(began))
}

/// What [`first_message`] has made of duplicate address detection takes 40 s at least.
fn link_local_at_once(mode: &str, up: &str) {
    let Some(took) = first_message(mode, up) else {
        return;
    };
    assert!(
        took < Duration::from_secs(20),
        "{took:?} with addr_gen_mode {mode}, {up}"
    );
}

/// The link-local address that the kernel makes is not usable for a second or two: it is not waited for,
/// unless duplicate address detection is to be waited for.
#[test]
fn a_link_local_address_that_is_there_or_not() {
    let modes = [
        ("0", "down"),
        ("1", "down"),
        ("3", "down"),
        ("0", "up"),
        ("1", "up"),
    ];
    std::thread::scope(|scope| {
        for (mode, up) in modes {
            scope.spawn(move || link_local_at_once(mode, up));
        }
    });
    let Some(lab) = Lab::new() else { return };
    let _server = Scripted::granting(&lab.server, LONG);
    lab.ok(&["dhcp6", "--once", "--dad", "wait", "eth0"]);
    assert!(
        !lab.addresses().contains("tentative"),
        "{}",
        lab.addresses()
    );
}

/// A cable that is pulled and put back: the lease is confirmed, and used all the time. A link that is set
/// down loses its addresses; they are there again when it is up.
#[test]
fn a_link_that_comes_back() {
    let Some(lab) = Lab::new() else { return };
    let server = Scripted::granting(&lab.server, LONG);
    let _client = lab.keep("dhcp6", &[]);
    let solicits = server.count(SOLICIT);
    lab.server.ip(&["link", "set", "srv", "down"]);
    eventually("no carrier", SOON, || {
        lab.client
            .ip(&["link", "show", "eth0"])
            .contains("NO-CARRIER")
    });
    assert!(lab.addresses().contains(ADDRESS), "{}", lab.addresses());
    lab.server.ip(&["link", "set", "srv", "up"]);
    lab.server
        .ip(&["addr", "replace", "fe80::1/64", "dev", "srv", "nodad"]);
    server.wait_for(CONFIRM, 1);
    lab.client.ip(&["link", "set", "eth0", "down"]);
    assert!(!lab.addresses().contains(ADDRESS), "{}", lab.addresses());
    lab.client.ip(&["link", "set", "eth0", "up"]);
    eventually("the address again", SOON, || {
        lab.addresses().contains(ADDRESS)
    });
    server.wait_for(CONFIRM, 2);
    assert_eq!(server.count(SOLICIT), solicits);
}

/// Renewals and a crash remove nothing, not for a moment.
#[test]
fn renewals_and_crashes_take_nothing_away() {
    let Some(lab) = Lab::new() else { return };
    let server = Scripted::granting(&lab.server, [1, 20, 600, 900]);
    let client = lab.keep("dhcp6", &["--pd", "--hint", "56", "--hint", "60"]);
    let record = || lab.scratch.text("run/leases/eth0.dhcp6");
    assert_eq!(
        lab.record("dhcp6", "pd").split(' ').count(),
        2,
        "{}",
        record()
    );
    let bound = lab.record("dhcp6", "bound");
    let monitor = Monitor::start(&lab);
    server.wait_for(RENEW, 2);
    client.signal(Signal::SIGKILL);
    drop(client);
    let renewed = lab.record("dhcp6", "renewed");
    let _client = lab.keep("dhcp6", &["--hint", "56", "--hint", "60"]);
    server.wait_for(REBIND, 1);
    lab.until("dhcp6", "renewed", |now| now != renewed);
    assert_eq!(lab.record("dhcp6", "bound"), bound, "it is the same lease");
    assert_eq!(monitor.removed(), "", "{}", monitor.text());
    assert!(lab.addresses().contains(ADDRESS));
    assert_eq!(
        lab.routes6().matches("unreachable 2001:db8:f0").count(),
        2,
        "{}",
        lab.routes6()
    );

    // Who does not want the prefixes any more, gives up these and nothing else.
    drop(_client);
    let _client = lab.keep("dhcp6", &[]);
    eventually("only the address", SOON, || {
        !lab.routes6().contains("unreachable 2001:db8:f0") && lab.addresses().contains(ADDRESS)
    });
    assert!(!monitor.removed().contains(ADDRESS), "{}", monitor.text());
}

/// When the server is gone for good, or does not answer a RELEASE, everything of ours goes, and nothing else.
#[test]
fn only_what_the_client_has_set_is_removed() {
    let Some(lab) = Lab::new() else { return };
    let theirs = ["2001:db8:9::5/64", "2001:db8:9::6/128"];
    lab.client.ip(&["link", "set", "eth0", "up"]);
    for address in theirs {
        lab.client
            .ip(&["addr", "add", address, "dev", "eth0", "nodad"]);
    }
    lab.client
        .ip(&["-6", "route", "add", "unreachable", "2001:db8:ee::/56"]);
    let only_theirs = || {
        let (addresses, routes) = (lab.addresses(), lab.routes6());
        theirs.iter().all(|address| addresses.contains(address))
            && addresses.matches("inet6").count() == 2
            && routes.contains("unreachable 2001:db8:ee::/56")
            && routes.matches("unreachable").count() == 1
    };
    let server = Scripted::granting(&lab.server, [1, 2, 5, 6]);
    let client = lab.keep("dhcp6", &["--pd", "--dns"]);
    drop(server);
    eventually("the end of the lease", SOON, only_theirs);
    eventually("its record removed", SOON, || {
        !lab.scratch.path("run/leases/eth0.dhcp6").exists()
            && !lab.resolv_conf().contains("nameserver")
    });
    drop(client);

    let server = Scripted::granting(&lab.server, LONG);
    lab.ok(&["dhcp6", "--once", "--pd", "eth0"]);
    assert!(!only_theirs());
    drop(server);
    let began = Instant::now();
    lab.ok(&["dhcp6", "--release", "eth0"]);
    assert!(began.elapsed() < SOON);
    assert!(only_theirs(), "{} {}", lab.addresses(), lab.routes6());
    let error = lab.fails(&["dhcp6", "--release", "eth0"]);
    assert!(error.contains("nothing to release"), "{error}");
}

/// A lease that has ended while no client was there: the next one tidies up before it asks.
#[test]
fn what_has_ended_without_a_client_is_removed_by_the_next() {
    let Some(lab) = Lab::new() else { return };
    let server = Scripted::granting(&lab.server, [1, 2, 2, 3]);
    lab.ok(&["dhcp6", "--once", "--pd", "eth0"]);
    drop(server);
    eventually("the kernel ends the address", SOON, || {
        !lab.addresses().contains(ADDRESS)
    });
    lab.fails(&["dhcp6", "--once", "--timeout", "3", "eth0"]);
    assert!(!lab.routes6().contains("unreachable"), "{}", lab.routes6());
    assert_eq!(lab.record("dhcp6", "pd"), "");
}

/// The DUID is kept where there is a place for it, and made anew when the disk was cloned.
#[test]
fn the_duid_is_kept_on_a_disk() {
    let Some(lab) = Lab::new() else { return };
    let _server = Scripted::granting(&lab.server, LONG);
    let state = lab.scratch.path("state");
    fs::create_dir_all(&state).unwrap();
    let duid = |args: &[&str]| {
        let args = [&["dhcp6", "--once"], args, &["eth0"]].concat();
        let mut command = lab.command(super::support::INITSH, &args);
        let output = command.env("INITSH_STATE", &state).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        lab.record("dhcp6", "duid")
    };
    let mac = || {
        let mac = lab.client.run("cat", &["/sys/class/net/eth0/address"]);
        mac.trim().replace(':', "")
    };
    let first = duid(&["--duid", "llt"]);
    assert!(
        first.starts_with("00010001") && first.ends_with(&mac()),
        "{first}"
    );
    assert_eq!(
        fs::read_to_string(state.join("duid")).unwrap(),
        format!("{first}\n")
    );
    assert_eq!(duid(&[]), first);
    assert_eq!(
        duid(&["--duid", "0004:00112233445566778899aabbccddeeff"]).len(),
        36
    );
    assert_eq!(duid(&[]), first);
    // Down, so that its link-local address is another, too, of which nobody has the old one in mind.
    lab.client.ip(&["link", "set", "eth0", "down"]);
    lab.client
        .ip(&["link", "set", "eth0", "address", "02:00:00:00:00:99"]);
    assert_eq!(duid(&[]), "00030001020000000099");
}

#[test]
fn one_client_for_each_interface() {
    let Some(lab) = Lab::new() else { return };
    let _server = Scripted::granting(&lab.server, LONG);
    lab.client.ip(&[
        "link", "add", "eth1", "type", "veth", "peer", "name", "dead",
    ]);
    lab.client.ip(&["link", "set", "dead", "up"]);
    let output = lab.initsh(&["dhcp6", "--once", "--timeout", "6", "eth1", "eth0"]);
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.starts_with(&format!("eth0: {ADDRESS}")) && out.lines().count() == 1,
        "{out}"
    );
    assert!(error.contains("eth1: no answer after"), "{error}");

    let mut client = lab.keep("dhcp6", &[]);
    let error = lab.fails(&["dhcp6", "--once", "--timeout", "0.5", "eth0"]);
    assert!(error.contains("another DHCPv6 client"), "{error}");
    lab.client.ip(&["link", "del", "eth0"]);
    eventually("ended", SOON, || client.0.try_wait().unwrap().is_some());
    assert_eq!(client.0.wait().unwrap().code(), Some(1));
}

/// An interface has one client, which asks for everything: one that would take the other's place is refused.
#[test]
fn another_iaid_is_refused_while_there_is_a_lease() {
    let Some(lab) = Lab::new() else { return };
    let _server = Scripted::granting(&lab.server, LONG);
    lab.ok(&["dhcp6", "--once", "--iaid", "7", "eth0"]);
    let other = [
        "dhcp6",
        "--once",
        "--iaid",
        "8",
        "--no-address",
        "--pd",
        "eth0",
    ];
    let error = lab.fails(&other);
    for expected in [
        "eth0 has 2001:db8:",
        " of IAID 7, which a client of IAID 8 would drop",
        "'dhcp6 --pd eth0'",
        "'dhcp6 --release eth0'",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(lab.record("dhcp6", "ip6"), ADDRESS);
    assert!(lab.addresses().contains(ADDRESS), "{}", lab.addresses());
    // Both in one, or the one after the other.
    lab.ok(&["dhcp6", "--once", "--iaid", "7", "--pd", "eth0"]);
    assert_eq!(lab.record("dhcp6", "ip6"), ADDRESS);
    assert_eq!(lab.record("dhcp6", "pd"), format!("{PREFIX}/56"));
    lab.ok(&["dhcp6", "--release", "eth0"]);
    lab.ok(&other);
    assert_eq!(lab.record("dhcp6", "ip6"), "");
}

/// RFC 8415 §20.4: what is wrong with a RECONFIGURE, or with the key for it, is in `net stats`.
#[test]
fn reconfigure_that_is_not_signed_is_counted() {
    let Some(lab) = Lab::new() else { return };
    let mut turn = 0;
    let server = Scripted::start(&lab.server, move |request| {
        turn += 1;
        // Protocol 3, HMAC-MD5, a counter, a key of 16 bytes; the first time one that is too short.
        let key = |length| [&[3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1][..], &vec![7; length]].concat();
        let mut grant = request.grant([2, 400, 900, 900]);
        grant.extend(option(11, &key(if turn == 1 { 15 } else { 16 })));
        let mut forged = request.reply(&[
            option(19, &[5]),
            option(
                11,
                &[&[3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 2][..], &[0; 16]].concat(),
            ),
        ]);
        forged[..4].copy_from_slice(&[10, 0, 0, 0]);
        vec![grant, forged]
    });
    let client = lab.keep("dhcp6", &["--reconfigure"]);
    eventually("the bad key, and nobody's RECONFIGURE", SOON, || {
        stats(&lab, "dropped-key") == 1 && stats(&lab, "dropped-reconfigure") >= 1
    });
    server.wait_for(RENEW, 1);
    drop(client);
    // A RENEW brings no key, a new exchange does.
    lab.ok(&["dhcp6", "--release", "eth0"]);
    let _client = lab.keep("dhcp6", &["--reconfigure"]);
    eventually("the forged one", SOON, || {
        stats(&lab, "dropped-authentication") >= 1
    });
    assert!(lab.addresses().contains(ADDRESS));
}

#[test]
fn idle_clients_are_small() {
    let Some(lab) = Lab::new() else { return };
    let _server = Scripted::granting(&lab.server, LONG);
    let client = lab.keep("dhcp6", &["--pd", "--dns"]);
    let smaps = fs::read_to_string(format!("/proc/{}/smaps_rollup", client.0.id())).unwrap();
    let line = smaps
        .lines()
        .find(|line| line.starts_with("Anonymous:"))
        .unwrap();
    let kilobytes: u32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!("anonymous memory of an idle client: {kilobytes} kB");
    // Without optimisation frames are larger and more of the data is relocated.
    let limit = if cfg!(debug_assertions) { 160 } else { 120 };
    assert!(kilobytes <= limit, "{line}");
}
