//! The advertising router against hosts that really configure themselves: the kernel's own.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use initsh::net::nd::socket::{LONGEST, NdSocket, Side};
use initsh::net::nd::wire::RouterAdvertisement;
use initsh::net::netlink::{link, socket::Socket};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dhcp_server::{SOON, eventually};
use super::pd::{Kept, Router};
use super::support::{INITSH, Namespace};

/// A guest that has asked for routers and listens, with a new link.
fn guest(lab: &Router) {
    let guest = &lab.guest;
    guest.ip(&["link", "set", "eth0", "down"]);
    guest.sysctl("net/ipv6/conf/eth0/accept_ra", "1");
    guest.sysctl("net/ipv6/conf/eth0/accept_dad", "0");
    guest.sysctl("net/ipv6/conf/eth0/accept_ra_rt_info_max_plen", "64");
    guest.sysctl("net/ipv6/conf/eth0/router_solicitation_delay", "0");
    guest.ip(&["link", "set", "eth0", "up"]);
}

fn addresses(lab: &Router) -> String {
    lab.guest
        .ip(&["-6", "addr", "show", "dev", "eth0", "scope", "global"])
}

fn routes(lab: &Router) -> String {
    lab.guest.ip(&["-6", "route", "show"])
}

/// What a host that asks now is told, as rdisc6(8) shows it: an answer may take 3.5 s (RFC 4861 §6.2.6),
/// and the one second that rdisc6 waits is over before that.
fn heard(lab: &Router) -> String {
    let output = lab
        .guest
        .command("rdisc6", &["-1", "-r", "12", "-w", "5000", "eth0"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.lines().map(|line| {
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        format!("{}: {}\n", key.trim(), value.trim())
    });
    words.collect()
}

fn has_way_out(lab: &Router) {
    lab.upstream
        .ip(&["addr", "add", "fe80::1/64", "dev", "isp", "nodad"]);
    lab.router.ip(&[
        "-6", "route", "add", "default", "via", "fe80::1", "dev", "wan",
    ]);
}

#[test]
fn a_guest_configures_itself_and_follows_the_prefix() {
    let Some(lab) = Router::new() else { return };
    has_way_out(&lab);
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    std::fs::create_dir_all(lab.scratch.path("run/resolv")).unwrap();
    let known =
        "metric 1\nnameserver 2001:db8::53\nnameserver 10.0.0.1 fe80::1\nsearch isp.example\n";
    std::fs::write(lab.scratch.path("run/resolv/wan.dhcp6"), known).unwrap();
    guest(&lab);
    let _pd = lab.keep("pd", "--subnet 5 lan0");
    let mut ra = lab.keep("ra", "lan0");
    eventually("an address", SOON, || {
        addresses(&lab).contains("inet6 2001:db8:1:5:")
    });
    eventually("a default route", SOON, || {
        routes(&lab).contains("default via fe80::")
    });
    eventually("the way to the other subnets", SOON, || {
        routes(&lab).contains("2001:db8:1::/56 via fe80::")
    });
    let told = heard(&lab);
    for expected in [
        "Recursive DNS server: 2001:db8::53",
        "DNS search list: isp.example",
        "Prefix: 2001:db8:1:5::/64",
        "Router lifetime: 1800",
        "Source link-layer address: ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(
        !told.contains("10.0.0.1") && !told.contains("server: fe80"),
        "{told}"
    );
    // Through the router and back.
    lab.upstream
        .ip(&["addr", "add", "2001:db8:ff::1/64", "dev", "isp", "nodad"]);
    lab.router
        .ip(&["addr", "add", "2001:db8:ff::2/64", "dev", "wan", "nodad"]);
    lab.upstream.ip(&[
        "-6",
        "route",
        "add",
        "2001:db8:1::/56",
        "via",
        "2001:db8:ff::2",
    ]);
    eventually("the world", SOON, || {
        let mut ping = lab
            .guest
            .command("ping", &["-6", "-c1", "-W1", "2001:db8:ff::1"]);
        ping.output().unwrap().status.success()
    });

    // Another prefix.
    lab.delegate("wan", "2001:db8:2::/56,7,3000,6000");
    eventually("the new address", SOON, || {
        addresses(&lab).contains("inet6 2001:db8:2:5:")
    });
    eventually("the old one deprecated", SOON, || {
        let all = addresses(&lab);
        let mut lines = all.lines();
        lines.any(|line| line.contains("2001:db8:1:5:") && line.contains("deprecated"))
    });
    let all = addresses(&lab);
    assert!(
        all.lines()
            .any(|line| line.contains("2001:db8:2:5:") && !line.contains("deprecated")),
        "{all}"
    );

    // No way out any more, and one again.
    lab.router.ip(&["-6", "route", "del", "default"]);
    eventually("no default route", SOON, || {
        !routes(&lab).contains("default")
    });
    lab.router.ip(&[
        "-6", "route", "add", "default", "via", "fe80::1", "dev", "wan",
    ]);
    eventually("a default route again", SOON, || {
        routes(&lab).contains("default via")
    });
    eventually("its record", SOON, || {
        let record = lab.scratch.text("run/leases/lan0.ra");
        record.contains("lifetime=1800\n")
    });

    // The end.
    ra.stop();
    eventually("nobody to send to", SOON, || {
        !routes(&lab).contains("default")
    });
    assert!(addresses(&lab).contains("2001:db8:2:5:"), "addresses stay");
    assert!(
        lab.scratch
            .text("run/leases/lan0.ra.stats")
            .contains("sent-advertisement=")
    );
}

/// The host of this program, with records of its own.
#[test]
fn our_own_host_follows_too() {
    let Some(lab) = Router::new() else { return };
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    let _pd = lab.keep("pd", "lan0");
    let _ra = lab.keep("ra", "--dns self --search a.example --lifetime 1800 lan0");
    let own = lab.scratch.path("guest");
    let mut command = lab
        .guest
        .command(INITSH, &["slaac", "--foreground", "eth0"]);
    command.env("INITSH_RUN", &own).env("INITSH_ETC", &own);
    let _slaac = Kept(command.spawn().unwrap());
    let record = || lab.scratch.text("guest/leases/eth0.slaac");
    eventually("an address", SOON, || record().contains("ip6=2001:db8:1:"));
    for expected in [
        "dns6=2001:db8:1::1\n",
        "search6=a.example\n",
        "gateway6=fe80:",
        "routes6=2001:db8:1::/56,",
    ] {
        eventually(expected, SOON, || record().contains(expected));
    }
    lab.delegate("wan", "2001:db8:2::/56,7,3000,6000");
    eventually("the new address first", SOON, || {
        record().contains("ip6=2001:db8:2:")
    });
    eventually("the old one deprecated", SOON, || {
        let all = addresses(&lab);
        let mut lines = all.lines();
        lines.any(|line| line.contains("2001:db8:1:") && line.contains("deprecated"))
    });
    eventually("another name server", SOON, || {
        record().contains("dns6=2001:db8:2::1\n")
    });
}

#[test]
fn whatever_is_asked_for_is_told() {
    let Some(lab) = Router::new() else { return };
    guest(&lab);
    let options = "--prefix 2001:db8:7::/64,2001:db8:8::/80 --lifetime 900 --interval 300 --mtu 1400 \
                   --dns 2001:db8::1,2001:db8::2 --search a.example --route 2001:db8:ff::/48 \
                   --preference high --managed --other lan0";
    let _ra = lab.keep("ra", options);
    eventually("an address", SOON, || {
        addresses(&lab).contains("inet6 2001:db8:7:")
    });
    let told = heard(&lab);
    for expected in [
        "Stateful address conf.: Yes",
        "Stateful other conf.: Yes",
        "Router preference: high",
        "Router lifetime: 900",
        "Prefix: 2001:db8:7::/64",
        "Prefix: 2001:db8:8::/80",
        "MTU: 1400",
        "Route: 2001:db8:ff::/48",
        "Recursive DNS server: 2001:db8::1",
        "Recursive DNS server: 2001:db8::2",
        "DNS search list: a.example",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    eventually("the MTU", SOON, || {
        let path = "/proc/sys/net/ipv6/conf/eth0/mtu";
        lab.guest.run("cat", &[path]).trim() == "1400"
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    let Some(lab) = Router::new() else { return };
    for bad in [
        &["--interval", "3"][..],
        &["--interval", "1801"],
        &["--lifetime", "10"],
        &["--lifetime", "9001"],
        &["--mtu", "1279"],
        &["--prefix", "2001:db8::1/64"],
        &["--prefix", "10.0.0.0/8"],
        &["--dns", "10.0.0.1"],
        &["--dns", "ff02::1"],
        &["--search", "a b"],
        &["--preference", "some"],
        &["--route", "x"],
    ] {
        let output = lab
            .command(&[&["ra"], bad, &["lan0"]].concat())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
    assert!(
        lab.fails(&["ra", "lo"])
            .contains("lo is no link to other machines")
    );
    let told = lab.ok(&["ra", "--lifetime", "0", "lan0"]);
    assert!(
        told.contains("lan0: advertises no prefix, no default router"),
        "{told}"
    );
}

/// A host that writes down every advertisement with its length, in a thread of its namespace.
struct Listener {
    heard: mpsc::Receiver<(usize, RouterAdvertisement)>,
    end: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(namespace: &Namespace) -> Self {
        let path = Path::new("/run/netns").join(namespace.name());
        let (tell, heard) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (ready, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let handle = File::open(path).unwrap();
            // Of this thread only.
            setns(handle.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            let link = link::by_name(&mut Socket::open().unwrap(), "eth0").unwrap();
            let socket = NdSocket::open(&link, Side::Host).unwrap();
            ready.send(()).unwrap();
            let mut buffer = [0; LONGEST];
            while ended.recv_timeout(Duration::from_millis(2))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                while let Some(Ok(packet)) = socket.receive(&mut buffer) {
                    let said = RouterAdvertisement::parse(&packet, &mut |why| panic!("{why}"));
                    let _ = tell.send((packet.bytes.len(), said.unwrap()));
                }
            }
        });
        wait.recv_timeout(SOON).unwrap();
        let thread = Some(thread);
        Self { heard, end, thread }
    }

    /// What was heard until that is enough.
    fn until(
        &self,
        what: impl Fn(&[(usize, RouterAdvertisement)]) -> bool,
    ) -> Vec<(usize, RouterAdvertisement)> {
        let (mut all, end) = (Vec::new(), Instant::now() + SOON);
        while !what(&all) {
            let left = end.saturating_duration_since(Instant::now());
            let next = self.heard.recv_timeout(left);
            all.push(next.unwrap_or_else(|_| panic!("only {all:?}")));
        }
        all
    }

    /// What was heard that nobody has asked for yet.
    fn rest(&self) -> Vec<(usize, RouterAdvertisement)> {
        self.heard.try_iter().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.end.send(());
        let thread = self.thread.take().unwrap();
        // A second panic would abort and hide the first.
        assert!(thread.join().is_ok() || std::thread::panicking());
    }
}

/// RFC 4861 §6.2.5: three times, whoever ends it; and its record ends with it.
#[test]
fn the_end_is_told_three_times() {
    let Some(lab) = Router::new() else { return };
    let record = lab.scratch.path("run/leases/lan0.ra");
    let options =
        "--prefix 2001:db8:7::/64 --lifetime 900 --dns 2001:db8::1 --search a.example lan0";
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let listener = Listener::start(&lab.guest);
        let mut ra = lab.keep("ra", options);
        let told = listener.until(|all| !all.is_empty());
        assert!(
            told.iter().all(|(_, said)| said.lifetime == 900),
            "{told:?}"
        );
        assert!(record.exists());
        kill(Pid::from_raw(ra.0.id() as i32), signal).unwrap();
        ra.0.wait().unwrap();
        assert!(!record.exists(), "{signal}");
        let is_last = |said: &RouterAdvertisement| said.lifetime == 0;
        let count = |all: &[(usize, RouterAdvertisement)]| {
            all.iter().filter(|(_, said)| is_last(said)).count()
        };
        let last = listener.until(|all| count(all) == 3);
        for (_, said) in last.iter().filter(|(_, said)| is_last(said)) {
            assert!(said.prefixes.is_empty(), "addresses stay: {said:?}");
            let over = (said.dns[0].lifetime, said.search[0].lifetime);
            assert_eq!(over, (0, 0), "{said:?}");
        }
        // The process has ended: whatever it sent has come.
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(count(&listener.rest()), 0, "no more than three");
    }
}

/// Nobody repeats what was advertised once.
#[test]
fn advertised_once_leaves_no_record() {
    let Some(lab) = Router::new() else { return };
    let listener = Listener::start(&lab.guest);
    let told = lab.ok(&["ra", "--once", "--prefix", "2001:db8:7::/64", "lan0"]);
    assert!(told.contains("advertises 2001:db8:7::/64"), "{told}");
    listener.until(|all| all.iter().any(|(_, said)| said.prefixes.len() == 1));
    assert!(!lab.scratch.path("run/leases/lan0.ra").exists());
}

/// RFC 4861 §6.2.3: more than fits the least MTU is told in several messages, all of it.
#[test]
fn more_than_fits_is_told_in_several_messages() {
    let Some(lab) = Router::new() else { return };
    let list = |what: &dyn Fn(usize) -> String, count: usize| {
        let words: Vec<_> = (0..count).map(what).collect();
        words.join(",")
    };
    let prefixes = list(&|n| format!("2001:db8:{n:x}::/64"), 40);
    let routes = list(&|n| format!("fd00:{n:x}::/48"), 30);
    let dns = list(&|n| format!("2001:db8::{n:x}"), 30);
    let search = list(&|n| format!("{}.a{n}.example", "x".repeat(60)), 20);
    let listener = Listener::start(&lab.guest);
    let log = lab.scratch.path("log");
    let options = format!(
        "--prefix {prefixes} --route {routes} --dns {dns} --search {search} --lifetime 900 lan0 2>'{}'",
        log.display()
    );
    let _ra = lab.keep("ra", &options);
    let names = |all: &[(usize, RouterAdvertisement)]| {
        let lists = all.iter().flat_map(|(_, said)| &said.search);
        let mut names: Vec<_> = lists.flat_map(|list| list.domains.clone()).collect();
        names.sort();
        names.dedup();
        names.len()
    };
    let all = listener.until(|all| names(all) == 20);
    assert!(all.len() > 1, "{}", all.len());
    let mut told = (Vec::new(), Vec::new(), Vec::new());
    for (length, said) in &all {
        assert!(*length <= 1280 - 40, "{length}");
        assert_eq!(said.lifetime, 900);
        told.0.extend(said.prefixes.iter().map(|item| item.prefix));
        told.1.extend(said.routes.iter().map(|item| item.prefix));
        told.2
            .extend(said.dns.iter().flat_map(|list| list.servers.clone()));
    }
    let count = |mut items: Vec<std::net::Ipv6Addr>| {
        items.sort();
        items.dedup();
        items.len()
    };
    assert_eq!((count(told.0), count(told.1), count(told.2)), (32, 30, 30));
    // There is an end, which is told.
    eventually("what is left out", SOON, || {
        lab.scratch
            .text("log")
            .contains("lan0: hosts are told the first 32 prefixes of 40")
    });
}
