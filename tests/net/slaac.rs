//! The SLAAC client against radvd, dnsmasq, and routers that say exactly what a test wants.

use std::fs::File;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use initsh::net::nd::socket::{LONGEST, NdSocket, Side};
use initsh::net::nd::wire::{
    ALL_NODES, Preference, PrefixInformation, RecursiveDns, RouteInformation, RouterAdvertisement,
    SearchList,
};
use initsh::net::netlink::{link, socket::Socket};
use initsh::net::slaac::address::Identifier;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dhcp_server::{Dnsmasq, SOON, Scratch, eventually};
use super::servers::radvd;
use super::support::{INITSH, Namespace};

const MAC: &str = "52:54:00:12:34:56";
const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const TWO: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// What [`MAC`] makes of 2001:db8:1::/64.
const ADDRESS: &str = "2001:db8:1:0:5054:ff:fe12:3456";

/// A router's and a host's namespace with a cable between them: `srv` (fe80::1, fe80::2) and `eth0`, down.
struct Lab {
    router: Namespace,
    host: Namespace,
    scratch: Scratch,
}

impl Lab {
    fn new() -> Option<Self> {
        let (router, host) = (Namespace::new()?, Namespace::new()?);
        router.veth("srv", &host, "eth0");
        host.ip(&["link", "set", "eth0", "down", "address", MAC]);
        for ip in ["fe80::1/64", "fe80::2/64", "2001:db8:1::1/64"] {
            router.ip(&["addr", "add", ip, "dev", "srv", "nodad"]);
        }
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path("state")).unwrap();
        Some(Self {
            router,
            host,
            scratch,
        })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.host.command(program, args);
        for (variable, place) in [
            ("INITSH_RUN", "run"),
            ("INITSH_ETC", "etc"),
            ("INITSH_STATE", "state"),
        ] {
            command.env(variable, self.scratch.path(place));
        }
        command
    }

    fn slaac(&self, args: &[&str]) -> Output {
        let args = [&["slaac"], args, &["eth0"]].concat();
        self.command(INITSH, &args).output().unwrap()
    }

    /// Runs `slaac --once ARGS… eth0`, which must succeed, however busy the machine is; its standard
    /// output.
    fn once(&self, args: &[&str]) -> String {
        let output = self.slaac(&[&["--once", "--timeout", "60"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `slaac --once ARGS… eth0`, which must fail with status 1; its standard error.
    fn fails(&self, args: &[&str]) -> String {
        let output = self.slaac(&[&["--once"], args].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        error
    }

    /// Starts `slaac --foreground ARGS… eth0` and waits until it says that it is ready.
    fn keep(&self, args: &str) -> Kept {
        let client = self.spawn(args);
        let end = std::time::Instant::now() + SOON;
        while self.scratch.text("ready") != "\n" {
            assert!(
                std::time::Instant::now() < end,
                "{}",
                self.scratch.text("log")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        client
    }

    fn spawn(&self, args: &str) -> Kept {
        let ready = self.scratch.path("ready");
        // That of a client before it.
        let _ = std::fs::remove_file(&ready);
        let script = format!(
            "exec 3>'{}' 2>>'{}' && INITSH_READY_FD=3 exec '{INITSH}' slaac --foreground --verbose --dns {args} eth0",
            ready.display(),
            self.scratch.path("log").display()
        );
        Kept(self.command("sh", &["-c", &script]).spawn().unwrap())
    }

    fn addresses(&self) -> String {
        self.host.ip(&["-6", "addr", "show", "dev", "eth0"])
    }

    fn routes(&self) -> String {
        self.host.ip(&["-6", "route", "show"])
    }

    fn record(&self) -> String {
        self.scratch.text("run/leases/eth0.slaac")
    }

    fn resolv(&self) -> String {
        self.scratch.text("etc/resolv.conf")
    }

    fn parameter(&self, name: &str) -> String {
        let path = format!("/proc/sys/net/ipv6/{name}");
        self.host.run("cat", &[&path]).trim().to_owned()
    }

    /// A router that answers every solicitation with this.
    fn scripted(&self, said: RouterAdvertisement) -> Scripted {
        Scripted::start(&self.router, said)
    }
}

/// A client that is killed when dropped.
struct Kept(Child);

impl Kept {
    fn kill(mut self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A router in a thread of the router's namespace.
struct Scripted {
    say: Option<Sender<(Ipv6Addr, RouterAdvertisement)>>,
    thread: Option<JoinHandle<usize>>,
}

impl Scripted {
    fn start(namespace: &Namespace, answer: RouterAdvertisement) -> Self {
        let path = Path::new("/run/netns").join(namespace.name());
        let (say, said) = mpsc::channel::<(Ipv6Addr, RouterAdvertisement)>();
        let (ready, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let handle = File::open(path).unwrap();
            // Of this thread only.
            setns(handle.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            let link = link::by_name(&mut Socket::open().unwrap(), "srv").unwrap();
            let socket = NdSocket::open(&link, Side::Router).unwrap();
            ready.send(()).unwrap();
            let (mut answered, mut buffer) = (0, [0; LONGEST]);
            loop {
                // The cable may be out.
                let mut over = false;
                match said.recv_timeout(Duration::from_millis(1)) {
                    Ok((from, message)) => drop(socket.advertise(&message, from, ALL_NODES)),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => over = true,
                }
                while let Some(asked) = socket.receive(&mut buffer) {
                    if asked.is_ok() && answer != RouterAdvertisement::default() {
                        let _ = socket.advertise(&answer, ONE, ALL_NODES);
                    }
                    answered += 1;
                }
                if over {
                    return answered;
                }
            }
        });
        wait.recv_timeout(SOON).unwrap();
        Self {
            say: Some(say),
            thread: Some(thread),
        }
    }

    fn say(&self, from: Ipv6Addr, message: &RouterAdvertisement) {
        self.say
            .as_ref()
            .unwrap()
            .send((from, message.clone()))
            .unwrap();
    }

    /// Ends it; how often it was asked.
    fn end(mut self) -> usize {
        self.say = None;
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.say = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn prefix(text: &str, valid: u32, preferred: u32) -> PrefixInformation {
    PrefixInformation {
        prefix: text.parse().unwrap(),
        length: 64,
        on_link: true,
        autonomous: true,
        valid,
        preferred,
    }
}

fn said() -> RouterAdvertisement {
    RouterAdvertisement {
        hop_limit: 77,
        lifetime: 1800,
        reachable: 20_000,
        retransmit: 700,
        preference: Preference::High,
        mtu: Some(1400),
        source: Some([2, 0, 0, 0, 0, 1]),
        prefixes: vec![prefix("2001:db8:1::", 86_400, 14_400)],
        routes: vec![RouteInformation {
            prefix: "fd01::".parse().unwrap(),
            length: 48,
            preference: Preference::Low,
            lifetime: 900,
        }],
        dns: vec![RecursiveDns {
            lifetime: 1000,
            servers: vec![
                "2001:db8:1::53".parse().unwrap(),
                "fe80::53".parse().unwrap(),
            ],
        }],
        search: vec![SearchList {
            lifetime: 1000,
            domains: vec!["example.org".to_owned()],
        }],
        ..RouterAdvertisement::default()
    }
}

#[test]
fn everything_that_a_router_says_is_configured() {
    let Some(lab) = Lab::new() else { return };
    let router = lab.scripted(said());
    let printed = lab.once(&["--dns", "--verbose"]);
    let line = printed.lines().next().unwrap();
    eprintln!("{line}");
    assert!(
        line.starts_with(&format!("eth0: {ADDRESS}/64 via fe80::1, dns ")),
        "{line}"
    );
    let addresses = lab.addresses();
    let global = addresses
        .lines()
        .find(|line| line.contains(ADDRESS))
        .unwrap();
    assert!(global.contains("dynamic noprefixroute"), "{global}");
    assert!(
        addresses.contains("inet6 fe80::5054:ff:fe12:3456/64"),
        "{addresses}"
    );
    assert!(addresses.contains("valid_lft 86"), "{addresses}");
    let routes = lab.routes();
    for (start, end) in [
        (
            "2001:db8:1::/64 dev eth0 proto ra metric 256 expires 86",
            "pref medium",
        ),
        (
            "default via fe80::1 dev eth0 proto ra metric 1040 expires 1",
            "pref high",
        ),
        (
            "fd01::/48 via fe80::1 dev eth0 proto ra metric 66576 expires ",
            "pref low",
        ),
    ] {
        let found = routes
            .lines()
            .any(|line| line.starts_with(start) && line.trim_end().ends_with(end));
        assert!(found, "{start}: {routes}");
    }
    let resolv = lab.resolv();
    assert!(
        resolv
            .contains("nameserver 2001:db8:1::53\nnameserver fe80::53%eth0\nsearch example.org\n"),
        "{resolv}"
    );
    assert_eq!(lab.parameter("conf/eth0/hop_limit"), "77");
    assert_eq!(lab.parameter("conf/eth0/mtu"), "1400");
    assert_eq!(lab.parameter("conf/eth0/accept_ra"), "0");
    assert_eq!(lab.parameter("neigh/eth0/base_reachable_time_ms"), "20000");
    assert_eq!(lab.parameter("neigh/eth0/retrans_time_ms"), "700");
    let neighbors = lab.host.ip(&["-6", "neigh", "show"]);
    assert!(
        neighbors.contains("fe80::1 dev eth0 lladdr 02:00:00:00:00:01 router"),
        "{neighbors}"
    );
    let get = lab.command(
        INITSH,
        &[
            "-c",
            "echo ${net.eth0.ip6} ${net.eth0.gateway6} ${net.eth0.managed}",
        ],
    );
    let got = {
        let mut get = get;
        get.output().unwrap().stdout
    };
    assert_eq!(
        String::from_utf8(got).unwrap(),
        format!("{ADDRESS}/64 fe80::1 no\n")
    );
    assert!(router.end() >= 1);

    // All of it is gone afterwards, and nothing else.
    lab.host
        .ip(&["-6", "route", "add", "fd77::/48", "dev", "eth0"]);
    assert!(lab.slaac(&["--release"]).status.success());
    let (addresses, routes) = (lab.addresses(), lab.routes());
    assert!(!addresses.contains("2001:db8"), "{addresses}");
    assert!(
        !routes.contains("proto ra") && routes.contains("fd77::/48"),
        "{routes}"
    );
    assert!(lab.record().is_empty() && !lab.resolv().contains("nameserver"));
    let again = lab.slaac(&["--release"]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn radvd_two_of_them_and_one_goes() {
    let Some(lab) = Lab::new() else { return };
    let members = "MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 600;
        prefix 2001:db8:1::/64 {}; RDNSS 2001:db8:1::53 {}; DNSSL lab.example {};";
    let server = radvd::start(&lab.router, &lab.scratch, "srv", members);
    let client = lab.keep("");
    eventually("the way out", SOON, || {
        lab.routes().contains("default via fe80::")
    });
    assert!(lab.addresses().contains(ADDRESS));
    eventually("a name server", SOON, || {
        lab.resolv().contains("nameserver 2001:db8:1::53")
    });
    lab.host.pings("2001:db8:1::1");
    // Another one, which is preferred.
    let other = lab.scripted(RouterAdvertisement::default());
    let better = RouterAdvertisement {
        preference: Preference::High,
        lifetime: 600,
        prefixes: vec![prefix("2001:db8:2::", 600, 300)],
        ..RouterAdvertisement::default()
    };
    other.say(ONE, &better);
    eventually("the better one first", SOON, || {
        let routes = lab.routes();
        routes.contains("default via fe80::1 dev eth0 proto ra metric 1040 ")
            && routes.contains(" proto ra metric 1041 ")
    });
    // RFC 8028: what has an address of a router's prefix leaves by that router.
    let way = |from: &str| {
        let words = ["-6", "route", "get", "2001:db8:99::1", "from", from];
        lab.host.ip(&words)
    };
    let way_one = way(ADDRESS);
    let way_two = way("2001:db8:2:0:5054:ff:fe12:3456");
    assert!(!way_one.contains("via fe80::1 "), "{way_one}");
    assert!(way_two.contains("via fe80::1 "), "{way_two}");
    // It withdraws, then radvd does, as it does when it ends.
    other.say(
        ONE,
        &RouterAdvertisement {
            lifetime: 0,
            ..better
        },
    );
    eventually("the other alone", SOON, || {
        let routes = lab.routes();
        !routes.contains("via fe80::1 ") && routes.contains(" metric 1040 ")
    });
    drop(server);
    eventually("no way out", SOON, || !lab.routes().contains("default"));
    assert!(lab.addresses().contains(ADDRESS));
    client.kill(Signal::SIGTERM);
    assert!(lab.addresses().contains(ADDRESS));
}

#[test]
fn what_is_not_renewed_ends() {
    let Some(lab) = Lab::new() else { return };
    let mut short = said();
    short.dns[0].lifetime = 2;
    short.search[0].lifetime = 3600;
    short.routes[0].lifetime = 2;
    short.lifetime = 3;
    short.prefixes.push(prefix("2001:db8:2::", 3, 2));
    let router = lab.scripted(RouterAdvertisement::default());
    let mut command = lab.command(
        "sh",
        &[
            "-c",
            &format!(
                "exec '{INITSH}' slaac --foreground --dns eth0 2>'{}'",
                lab.scratch.path("log").display()
            ),
        ],
    );
    let client = Kept(command.spawn().unwrap());
    eventually("a link-local address", SOON, || {
        lab.addresses().contains("fe80::5054")
    });
    eventually("it is configured", SOON, || {
        router.say(ONE, &short);
        lab.record().contains("ip6=")
    });
    router.say(ONE, &said());
    eventually("the servers", SOON, || {
        lab.resolv().contains("nameserver 2001:db8:1::53")
    });
    router.say(ONE, &short);
    eventually("the servers are gone", SOON, || {
        !lab.resolv().contains("nameserver")
    });
    assert!(lab.resolv().contains("search example.org"));
    eventually("the address and the routes are gone", SOON, || {
        !lab.addresses().contains("2001:db8:2:") && !lab.routes().contains("via fe80::1")
    });
    let record = lab.record();
    assert!(
        record.contains(&format!("ip6={ADDRESS}/64\n")) && !record.contains("gateway6"),
        "{record}"
    );
    eventually("without a router it asks again", SOON, || {
        let stats = lab.scratch.text("run/leases/eth0.slaac.stats");
        !stats.is_empty() && !stats.contains("sent-solicitation=1\n")
    });
    drop(client);
    assert!(router.end() >= 2);
}

#[test]
fn a_client_that_was_killed_is_taken_over() {
    let Some(lab) = Lab::new() else { return };
    let router = lab.scripted(said());
    let client = lab.keep("");
    let bound = |record: &str| {
        record
            .lines()
            .find(|line| line.starts_with("bound="))
            .map(str::to_owned)
    };
    let before = lab.record();
    assert!(before.contains(ADDRESS));
    let mut monitor = lab
        .host
        .command("ip", &["-6", "monitor", "address", "route"]);
    let heard = File::create(lab.scratch.path("heard")).unwrap();
    let mut monitor = Kept(monitor.stdout(heard).spawn().unwrap());
    client.kill(Signal::SIGKILL);
    assert!(lab.addresses().contains(ADDRESS));
    let client = lab.keep("");
    eventually("it is confirmed", SOON, || lab.record() != before);
    assert_eq!(bound(&lab.record()), bound(&before));
    assert!(lab.addresses().contains(ADDRESS));
    assert!(lab.routes().contains("default via fe80::1"));
    monitor.0.kill().unwrap();
    let heard = lab.scratch.text("heard");
    assert!(!heard.contains("Deleted"), "{heard}");

    // Set down, the interface loses its addresses; it gets them back when it is up again.
    lab.host.ip(&["link", "set", "eth0", "down"]);
    lab.host.ip(&["link", "set", "eth0", "up"]);
    eventually("again", SOON, || {
        lab.addresses().contains(ADDRESS) && lab.routes().contains("default via fe80::1")
    });
    // The cable: what is configured stays, and routers are asked again.
    lab.router.ip(&["link", "set", "srv", "down"]);
    eventually("no carrier", SOON, || {
        lab.host
            .ip(&["link", "show", "eth0"])
            .contains("NO-CARRIER")
    });
    assert!(lab.addresses().contains(ADDRESS));
    let confirmed = lab.record();
    lab.router.ip(&["link", "set", "srv", "up"]);
    lab.router
        .ip(&["addr", "replace", "fe80::1/64", "dev", "srv", "nodad"]);
    eventually("confirmed", SOON, || lab.record() != confirmed);
    drop(client);
    drop(router);
}

#[test]
fn an_address_that_somebody_has() {
    let Some(lab) = Lab::new() else { return };
    lab.router.ip(&[
        "addr",
        "add",
        &format!("{ADDRESS}/64"),
        "dev",
        "srv",
        "nodad",
    ]);
    let router = lab.scripted(said());
    let error = lab.fails(&["--dad", "wait", "--timeout", "10"]);
    assert!(
        error.contains(&format!("another host has the address {ADDRESS}")),
        "{error}"
    );
    assert!(!lab.addresses().contains(ADDRESS));
    // Optimistic: in use until the other one has answered.
    let _client = lab.spawn("");
    eventually("it is told", SOON, || {
        let log = lab.scratch.text("log");
        log.contains(&format!("another host has the address {ADDRESS}"))
    });
    eventually("given up", SOON, || {
        !lab.record().contains(ADDRESS) && !lab.addresses().contains(ADDRESS)
    });
    let why = lab.scratch.text("run/leases/eth0.slaac.state");
    assert!(why.contains("another host has"), "{why}");
    drop(router);
}

#[test]
fn a_stable_address_gives_way_to_the_next() {
    let Some(lab) = Lab::new() else { return };
    std::fs::write(
        lab.scratch.path("state/ipv6-secret"),
        "07".repeat(16) + "\n",
    )
    .unwrap();
    let mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    let made = |n| {
        Identifier::Stable([7; 16])
            .address("2001:db8:1::".parse().unwrap(), mac, n)
            .to_string()
    };
    lab.router.ip(&[
        "addr",
        "add",
        &format!("{}/64", made(0)),
        "dev",
        "srv",
        "nodad",
    ]);
    let _router = lab.scripted(said());
    let printed = lab.once(&["--dad", "wait", "--address", "stable"]);
    assert!(printed.contains(&format!("{}/64", made(1))), "{printed}");
    let addresses = lab.addresses();
    assert!(
        addresses.contains(&made(1)) && !addresses.contains(&made(0)),
        "{addresses}"
    );
    let global = addresses.lines().find(|line| line.contains(&made(1)));
    assert!(!global.unwrap().contains("tentative"), "{addresses}");
}

#[test]
fn how_addresses_are_checked() {
    let Some(lab) = Lab::new() else { return };
    let mut plain = said();
    plain.retransmit = 0;
    let _router = lab.scripted(plain);
    lab.once(&["--dad", "wait"]);
    let addresses = lab.addresses();
    let global = addresses.lines().find(|line| line.contains(ADDRESS));
    assert!(!global.unwrap().contains("tentative"), "{addresses}");
    assert_eq!(lab.parameter("neigh/eth0/retrans_time_ms"), "1000");
    lab.host.ip(&["addr", "flush", "dev", "eth0"]);
    std::fs::remove_file(lab.scratch.path("run/leases/eth0.slaac")).unwrap();
    lab.once(&["--dad", "none"]);
    assert!(lab.addresses().contains("nodad"), "{}", lab.addresses());
}

#[test]
fn why_there_is_no_address() {
    let Some(lab) = Lab::new() else { return };
    let error = lab.fails(&["--timeout", "3"]);
    assert!(
        error.contains("eth0: no router answered ") && error.contains(" solicitations"),
        "{error}"
    );
    {
        let mut managed = said();
        managed.managed = true;
        managed.prefixes.clear();
        let _router = lab.scripted(managed);
        let error = lab.fails(&["--timeout", "6"]);
        assert!(
            error.contains("come by DHCPv6") && error.contains("--follow"),
            "{error}"
        );
    }
    lab.router.ip(&["link", "set", "srv", "down"]);
    let error = lab.fails(&["--timeout", "0.2"]);
    assert!(error.contains("no carrier"), "{error}");
    lab.host.sysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    let error = lab.fails(&["--timeout", "1"]);
    assert!(error.contains("IPv6 is turned off on eth0"), "{error}");
    let output = lab.slaac(&["--dad", "maybe"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn routers_that_ask_for_dhcpv6_are_followed() {
    let Some(lab) = Lab::new() else { return };
    lab.router
        .ip(&["addr", "add", "2001:db8:5::1/64", "dev", "srv", "nodad"]);
    let options = [
        "--enable-ra",
        "--dhcp-option=option6:dns-server,[2001:db8:5::53]",
    ];
    let range = "2001:db8:5::100,2001:db8:5::1ff,64,10m";
    let _server = Dnsmasq::start(&lab.router, &lab.scratch, "srv", range, &options);
    let _client = lab.keep("--follow --timeout 60");
    assert!(lab.record().contains("managed=yes"), "{}", lab.record());
    eventually("a lease", SOON, || {
        lab.scratch
            .text("run/leases/eth0.dhcp6")
            .contains("ip6=2001:db8:5::1")
    });
    assert!(lab.addresses().contains("inet6 2001:db8:5::1"));
    assert!(lab.routes().contains("default via fe80::"));
    eventually("a name server", SOON, || {
        lab.resolv().contains("2001:db8:5::53")
    });
}

/// RFC 6980 §5: fragments of neighbor discovery are ignored, however whole they are together.
#[test]
fn an_advertisement_in_fragments_is_dropped() {
    let Some(lab) = Lab::new() else { return };
    let router = lab.scripted(RouterAdvertisement::default());
    let _client = lab.spawn("");
    let stats = |what: &str| {
        lab.scratch
            .text("run/leases/eth0.slaac.stats")
            .contains(what)
    };
    eventually("it listens", SOON, || stats("sent-solicitation="));
    let mut long = said();
    long.prefixes = vec![prefix("2001:db8:1::", 86_400, 14_400); 50];
    // More than the 1500 bytes of the cable, and less than what the client reads at one go.
    assert!((1500..LONGEST).contains(&long.emit().len()));
    router.say(ONE, &long);
    eventually("it is counted", SOON, || stats("dropped-fragment=1"));
    assert!(!lab.addresses().contains(ADDRESS), "{}", lab.addresses());
    assert!(!stats("received-advertisement"), "nothing of it was read");
    router.say(ONE, &said());
    eventually("a whole one is taken", SOON, || {
        lab.addresses().contains(ADDRESS)
    });
}

#[test]
fn a_flood_of_advertisements_is_bounded() {
    let Some(lab) = Lab::new() else { return };
    let router = lab.scripted(said());
    let client = lab.keep("");
    for n in 0..3000_u16 {
        let mut junk = said();
        junk.prefixes = vec![prefix(&format!("2001:db8:{n:x}::"), 600, 600)];
        junk.routes[0].prefix = format!("fd00:{n:x}::").parse().unwrap();
        router.say(if n % 2 == 0 { ONE } else { TWO }, &junk);
    }
    eventually("they are counted", SOON, || {
        lab.scratch
            .text("run/leases/eth0.slaac.stats")
            .contains("dropped-too-many=")
    });
    eventually("quiet", SOON, || {
        lab.addresses().matches("2001:db8:").count() <= 16
    });
    assert!(lab.addresses().contains(ADDRESS));
    let status = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", client.0.id())).unwrap();
    let anonymous = status
        .lines()
        .find(|line| line.starts_with("Anonymous:"))
        .unwrap()
        .to_owned();
    eprintln!("{anonymous}");
    let log = lab.scratch.text("log");
    assert_eq!(log.matches("dropped-too-many").count(), 1, "{log}");
}
