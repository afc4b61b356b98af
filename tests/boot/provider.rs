//! A guest on a tap in a namespace with real servers: IPv4, IPv6 and a delegated prefix, of which a namespace
//! within the guest gets its part. QEMU itself runs in the servers' namespace, where the tap is.

use super::dhcp_server::{Dnsmasq, Scratch, eventually};
use super::guest::{Guest, Setup};
use super::servers::{Server, kea};
use super::support::Namespace;
use std::time::Duration;

/// What the guest is connected to: the bridge `srv` with 10.9.0.1, 2001:db8:9::1 and the guest's tap.
struct Provider {
    _dnsmasq: Dnsmasq,
    _kea: Server,
    namespace: Namespace,
    _scratch: Scratch,
}

impl Provider {
    fn new() -> Option<Self> {
        let namespace = Namespace::new()?;
        let scratch = Scratch::new();
        let sysctl = |setting| namespace.run("sysctl", &["-qw", setting]);
        sysctl("net.ipv6.conf.default.accept_dad=0");
        for line in [
            "link add srv type bridge forward_delay 0 mcast_snooping 0",
            // With a port that has a carrier at once, servers may start before the guest does.
            "link add port type veth peer name other",
            "link set port master srv up",
            "link set other up",
            "tuntap add tap0 mode tap",
            "link set tap0 master srv up",
            "addr add 10.9.0.1/24 dev srv",
            "addr add 2001:db8:9::1/64 dev srv nodad",
            "link set srv up",
            "-6 addr add fe80::1/64 dev srv nodad",
        ] {
            namespace.ip(&line.split(' ').collect::<Vec<_>>());
        }
        sysctl("net.ipv6.conf.all.forwarding=1");
        let options = [
            "--dhcp-option=option:dns-server,10.9.0.1",
            "--enable-ra",
            "--dhcp-range=::,constructor:srv,ra-only,64,10m",
        ];
        let range = "10.9.0.50,10.9.0.59,10m";
        let dnsmasq = Dnsmasq::start(&namespace, &scratch, "srv", range, &options);
        let members = r#""option-data": [ { "name": "dns-servers", "data": "2001:db8:9::1" } ],
            "subnet6": [ { "subnet": "2001:db8:9::/64", "interface": "srv", "rapid-commit": true,
            "pools": [ { "pool": "2001:db8:9::1000-2001:db8:9::1fff" } ],
            "pd-pools": [ { "prefix": "2001:db8:8000::", "prefix-len": 40, "delegated-len": 56 } ] } ]"#;
        let kea = kea::dhcp6(&namespace, &scratch, "srv", members);
        Some(Self {
            _dnsmasq: dnsmasq,
            _kea: kea,
            namespace,
            _scratch: scratch,
        })
    }

    fn reaches(&self, address: &str) {
        eventually(address, Duration::from_secs(60), || {
            let ping = ["ping", "-c1", "-W2", address];
            let output = self.namespace.command("busybox", &ping).output();
            output.unwrap().status.success()
        });
    }
}

/// What runs in the namespace within the guest.
const INNER: &str = "#!/bin/busybox sh
echo $$ >/run/inner.pid
exec /bin/busybox sleep 1000
";

fn boot(provider: &Provider) -> Option<Guest> {
    let busybox = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|place| place.join("busybox"))
        .find(|path| path.exists())
        .unwrap();
    let setup = Setup::new()?
        .option("--net", "tap=tap0")
        .append("initsh.after=shell initsh.delay=0")
        .guest_file("/bin/busybox", std::fs::read(busybox).unwrap())
        .guest_file("/inner", INNER);
    let mut guest = setup.within(provider.namespace.name()).start();
    guest.shell();
    Some(guest)
}

/// The setting's words, at last.
fn setting(guest: &mut Guest, name: &str, begins: &str) -> String {
    guest.ok(&format!(
        "n=0; while [ -z \"${{net.{name}:-}}\" ] && [ $n -lt 60 ]; do n=$((n + 1)); sleep 1; done"
    ));
    let value = guest.value(&format!("${{net.{name}}}"));
    assert!(value.starts_with(begins), "net.{name}: {value}");
    value
}

#[test]
fn dual_stack_a_delegated_prefix_and_a_nested_namespace() {
    let Some(provider) = Provider::new() else {
        return;
    };
    let Some(mut guest) = boot(&provider) else {
        return;
    };
    setting(&mut guest, "eth0.ip4", "10.9.0.5");
    guest.ok("dhcp6 --pd --timeout 60 eth0");
    let own = setting(&mut guest, "eth0.ip6", "2001:db8:9:");
    let prefix = setting(&mut guest, "eth0.pd", "2001:db8:80");
    assert!(prefix.ends_with("/56"), "{prefix}");
    let (own, _) = own.split_once('/').unwrap();
    provider.reaches(own);

    // A cable into a namespace within the guest, whose other end is a router's.
    for line in [
        "link add lan0 type veth peer name lan1",
        "spawn --name inner -- /bin/busybox unshare -n /inner",
        "n=0; until [ -s /run/inner.pid ] || [ $n -gt 60 ]; do n=$((n + 1)); sleep 1; done",
        "inner=$(cat /run/inner.pid)",
        "/bin/busybox ip link set lan1 netns $inner",
        "pd assign --timeout 60 lan0",
        // The link has no carrier yet.
        "ra --background lan0",
    ] {
        guest.ok(line);
    }
    let enter = "/bin/busybox nsenter -t $inner -n";
    let client = "INITSH_RUN=/run/inner INITSH_ETC=/run/inner/etc";
    let shown = guest.ok(&format!(
        "{client} {enter} /init slaac --once --dns --timeout 60 lan1"
    ));
    assert!(shown.contains("2001:db8:80"), "{shown}");
    let resolv = guest.ok("cat /run/inner/etc/resolv.conf");
    assert!(resolv.contains("nameserver 2001:db8:9::1\n"), "{resolv}");

    // Through the guest to the provider and back.
    let (network, _) = prefix.split_once('/').unwrap();
    let route = ["-6", "route", "add", &format!("{network}/56"), "via", own];
    provider.namespace.ip(&route);
    guest.ok(&format!(
        "retry -n 30 {enter} /bin/busybox ping -c1 -W2 2001:db8:9::1"
    ));
    // All of the clients are confined, on the kernel that Debian ships.
    let rights = guest.ok("services --rights");
    for service in [
        "dhcp4.eth0",
        "dhcp6.eth0",
        "slaac.eth0",
        "pd.lan0",
        "ra.lan0",
    ] {
        let line = rights.lines().find(|line| line.starts_with(service));
        let line = line.unwrap_or_default();
        assert!(
            line.contains("no_new_privs, landlock, seccomp"),
            "{service}: {rights}"
        );
    }
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}
