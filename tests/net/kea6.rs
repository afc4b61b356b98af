//! The DHCPv6 client against Kea, with delegated prefixes.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::dhcp_server::eventually;
use super::servers::lab::{Lab, SOON};
use super::servers::{Server, kea};

/// One subnet with addresses 2001:db8:9::100–1ff and prefixes of 2001:db8:f000::/48.
struct Config {
    times: &'static str,
    addresses: &'static str,
    prefixes: &'static str,
    more: &'static str,
}

const LONG: &str = r#""valid-lifetime": 900, "preferred-lifetime": 600, "renew-timer": 300,
    "rebind-timer": 500"#;
const SHORT: &str = r#""valid-lifetime": 90, "preferred-lifetime": 60, "renew-timer": 2,
    "rebind-timer": 60"#;

const CONFIG: Config = Config {
    times: LONG,
    addresses: "2001:db8:9::100 - 2001:db8:9::1ff",
    prefixes: r#""prefix": "2001:db8:f000::", "prefix-len": 48, "delegated-len": 56"#,
    more: "",
};

impl Config {
    fn start(&self, lab: &Lab) -> Server {
        let Self {
            times,
            addresses,
            prefixes,
            more,
        } = self;
        let members = format!(
            r#"{times},
"subnet6": [ {{
  "id": 1, "subnet": "2001:db8:9::/64", "interface": "srv", {more}
  "pools": [ {{ "pool": "{addresses}" }} ],
  "pd-pools": [ {{ {prefixes} }} ],
  "option-data": [
    {{ "name": "dns-servers", "data": "2001:db8:9::3, 2001:db8:9::4" }},
    {{ "name": "domain-search", "data": "a.example, b.example" }},
    {{ "name": "sntp-servers", "data": "2001:db8:9::5" }},
    {{ "name": "information-refresh-time", "data": "1200" }}
  ]
}} ]"#
        );
        kea::dhcp6(&lab.server, &lab.scratch, "srv", &members)
    }
}

/// Forgets what the server has granted; it must have ended.
fn forget(lab: &Lab) {
    let leases = format!("kea6-{}/leases.csv", lab.server.name());
    fs::remove_file(lab.scratch.path(&leases)).unwrap();
}

#[test]
fn an_address_and_a_prefix_in_two_messages() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        more: r#""rapid-commit": true,"#,
        ..CONFIG
    };
    let server = config.start(&lab);
    let line = lab.ok(&["dhcp6", "--once", "--dns", "--pd", "eth0"]);
    assert!(line.starts_with("eth0: 2001:db8:9::1"), "{line}");
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    assert!(ip.starts_with("2001:db8:9::1"), "{ip}");
    assert!(
        pd.starts_with("2001:db8:f000:") && pd.ends_with("00::/56"),
        "{pd}"
    );
    for (key, value) in [
        ("dns6", "2001:db8:9::3 2001:db8:9::4"),
        ("search6", "a.example b.example"),
        ("ntp6", "2001:db8:9::5"),
        ("lease6", "900"),
        ("t1", "300"),
        ("t2", "500"),
    ] {
        assert_eq!(lab.record("dhcp6", key), value, "{key}");
    }
    assert!(server.count("SOLICIT (type 1)") >= 1);
    assert_eq!(server.count("REQUEST (type 3)"), 0, "{}", server.log());
    let addresses = lab.addresses();
    // A DHCPv6 address says nothing of what else is on the link.
    assert!(
        addresses.contains(&format!("inet6 {ip}/128 ")),
        "{addresses}"
    );
    let routes = lab.routes6();
    assert!(routes.contains(&format!("unreachable {pd} ")), "{routes}");
    let resolv = lab.resolv_conf();
    assert!(
        resolv.contains("nameserver 2001:db8:9::3\nnameserver 2001:db8:9::4\n"),
        "{resolv}"
    );
    assert!(resolv.contains("search a.example b.example\n"), "{resolv}");
}

#[test]
fn four_messages_where_kea_does_not_commit_at_once() {
    let Some(lab) = Lab::new() else { return };
    let server = CONFIG.start(&lab);
    lab.ok(&["dhcp6", "--once", "eth0"]);
    assert!(server.count("ADVERTISE (type 2)") >= 1);
    assert!(server.count("REQUEST (type 3)") >= 1);
    assert_eq!(lab.record("dhcp6", "pd"), "", "nobody asked for one");
    assert!(!lab.resolv_conf().contains("nameserver"));
}

/// RFC 6603: the part of the prefix that is on the link to the provider's router.
#[test]
fn a_part_of_the_prefix_is_excluded() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        prefixes: r#""prefix": "2001:db8:f000::", "prefix-len": 56, "delegated-len": 56,
            "excluded-prefix": "2001:db8:f000:42::", "excluded-prefix-len": 64"#,
        ..CONFIG
    };
    let server = config.start(&lab);
    lab.ok(&["dhcp6", "--once", "--pd", "eth0"]);
    let delegations = lab.record("dhcp6", "delegations");
    assert!(
        delegations.ends_with(",2001:db8:f000:42::/64"),
        "{delegations}: {}",
        server.log()
    );
}

/// Several prefixes, one of them as asked for.
#[test]
fn several_prefixes_and_a_hint() {
    let Some(lab) = Lab::new() else { return };
    let _server = CONFIG.start(&lab);
    let hint = "2001:db8:f000:7700::/56";
    lab.ok(&[
        "dhcp6",
        "--once",
        "--no-address",
        "--hint",
        hint,
        "--hint",
        "56",
        "eth0",
    ]);
    let pd = lab.record("dhcp6", "pd");
    let prefixes: Vec<_> = pd.split(' ').collect();
    assert_eq!(prefixes.len(), 2, "{pd}");
    assert!(prefixes.contains(&hint), "{pd}");
    assert_eq!(lab.record("dhcp6", "ip6"), "");
    for prefix in prefixes {
        assert!(lab.routes6().contains(&format!("unreachable {prefix} ")));
    }
}

/// An IA that gets nothing costs the others nothing.
#[test]
fn no_prefix_is_left_but_an_address() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        prefixes: r#""prefix": "2001:db8:f000::", "prefix-len": 56, "delegated-len": 56"#,
        ..CONFIG
    };
    let server = config.start(&lab);
    lab.ok(&["dhcp6", "--once", "--pd", "eth0"]);
    let args = [
        "dhcp6",
        "--once",
        "--pd",
        "--duid",
        "en:2495:c0ffee",
        "--dns",
        "eth0",
    ];
    lab.client.ip(&["-6", "addr", "flush", "dev", "eth0"]);
    fs::remove_file(lab.scratch.path("run/leases/eth0.dhcp6")).unwrap();
    let _ = lab.initsh(&args);
    assert!(
        server.count("ALLOC_ENGINE_V6_ALLOC_FAIL") > 0,
        "{}",
        server.log()
    );
    let ip = lab.record("dhcp6", "ip6");
    assert!(ip.starts_with("2001:db8:9::1"), "{}", server.log());
    assert_eq!(lab.record("dhcp6", "pd"), "");
    assert!(lab.addresses().contains(&ip));
}

/// Renewed in time, by a server that was restarted between; then given back.
#[test]
fn a_lease_outlives_restarts_of_kea_and_is_released() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        times: SHORT,
        ..CONFIG
    };
    let server = config.start(&lab);
    let client = lab.keep("dhcp6", &["--pd"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    server.wait_for("RENEW (type 5)", 1);
    drop(server);
    let server = config.start(&lab);
    let renewed = lab.record("dhcp6", "renewed");
    server.wait_for("RENEW (type 5)", 1);
    lab.until("dhcp6", "renewed", |now| now != renewed);
    assert_eq!(server.count("SOLICIT (type 1)"), 0, "{}", server.log());
    assert_eq!(lab.record("dhcp6", "ip6"), ip);
    assert_eq!(lab.record("dhcp6", "pd"), pd);
    client.end();
    assert!(lab.addresses().contains(&ip), "left alone");
    lab.ok(&["dhcp6", "--release", "eth0"]);
    server.wait_for("RELEASE (type 8)", 1);
    assert!(!lab.addresses().contains(&ip), "{}", lab.addresses());
    assert!(!lab.routes6().contains(&pd), "{}", lab.routes6());
}

/// A client that crashes is started again: its addresses stay all the time.
#[test]
fn a_lease_is_taken_up_again_after_a_crash() {
    let Some(lab) = Lab::new() else { return };
    let server = CONFIG.start(&lab);
    let client = lab.keep("dhcp6", &["--pd"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    let solicits = server.count("SOLICIT (type 1)");
    client.signal(Signal::SIGKILL);
    drop(client);
    assert!(lab.addresses().contains(&ip) && lab.routes6().contains(&pd));
    let _client = lab.keep("dhcp6", &["--pd"]);
    // RFC 8415 §18.2.12: with prefixes REBIND, as CONFIRM is for addresses alone.
    server.wait_for("REBIND (type 6)", 1);
    assert_eq!(
        server.count("SOLICIT (type 1)"),
        solicits,
        "{}",
        server.log()
    );
    assert_eq!(lab.record("dhcp6", "ip6"), ip);
    assert_eq!(lab.record("dhcp6", "pd"), pd);
}

/// The provider renumbers: address and prefix are others on the next renewal.
#[test]
fn address_and_prefix_change_on_renewal() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        times: SHORT,
        ..CONFIG
    };
    let server = config.start(&lab);
    let _client = lab.keep("dhcp6", &["--pd"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    drop(server);
    forget(&lab);
    let config = Config {
        addresses: "2001:db8:9::500 - 2001:db8:9::5ff",
        prefixes: r#""prefix": "2001:db8:e000::", "prefix-len": 48, "delegated-len": 60"#,
        ..config
    };
    let _server = config.start(&lab);
    lab.until("dhcp6", "pd", |now| {
        now.starts_with("2001:db8:e000:") && now.ends_with("/60")
    });
    lab.until("dhcp6", "ip6", |now| now.starts_with("2001:db8:9::5"));
    let (new_ip, new_pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    eventually("the new ones are configured", SOON, || {
        lab.addresses().contains(&new_ip) && lab.routes6().contains(&new_pd)
    });
    eventually("the old ones are gone", SOON, || {
        !lab.addresses().contains(&ip) && !lab.routes6().contains(&pd)
    });
}

/// Everything is kept until it is not valid any more, nothing after it, and what is there later is taken.
#[test]
fn kea_is_gone_until_the_lease_ends() {
    let Some(lab) = Lab::new() else { return };
    let config = Config {
        times: r#""valid-lifetime": 12, "preferred-lifetime": 8, "renew-timer": 3,
            "rebind-timer": 6"#,
        ..CONFIG
    };
    let server = config.start(&lab);
    // The lease begins later than this.
    let began = Instant::now();
    let _client = lab.keep("dhcp6", &["--pd", "--dns"]);
    let ip = lab.record("dhcp6", "ip6");
    drop(server);
    let record = lab.scratch.path("run/leases/eth0.dhcp6");
    eventually("the end of the lease", SOON, || {
        let gone = !lab.addresses().contains(&ip) || !record.exists();
        let age = began.elapsed();
        assert!(
            !gone || age >= Duration::from_secs(12),
            "too early: {age:?}"
        );
        !record.exists()
    });
    assert!(!lab.addresses().contains("inet6"), "{}", lab.addresses());
    assert!(!lab.routes6().contains("unreachable"), "{}", lab.routes6());
    eventually("DNS withdrawn", SOON, || {
        !lab.resolv_conf().contains("nameserver")
    });
    let _server = CONFIG.start(&lab);
    lab.until("dhcp6", "pd", |pd| pd.starts_with("2001:db8:f000:"));
    eventually("DNS again", SOON, || {
        lab.resolv_conf().contains("nameserver 2001:db8:9::3")
    });
}

#[test]
fn nothing_but_information() {
    let Some(lab) = Lab::new() else { return };
    let server = CONFIG.start(&lab);
    lab.ok(&["dhcp6", "--once", "--stateless", "--dns", "eth0"]);
    assert!(
        server.count("INFORMATION_REQUEST (type 11)") >= 1,
        "{}",
        server.log()
    );
    assert_eq!(server.count("SOLICIT"), 0);
    assert_eq!(lab.record("dhcp6", "dns6"), "2001:db8:9::3 2001:db8:9::4");
    assert_eq!(lab.record("dhcp6", "refresh"), "1200");
    assert_eq!(lab.record("dhcp6", "ip6"), "");
    assert!(lab.resolv_conf().contains("search a.example b.example"));
    assert!(!lab.addresses().contains("inet6"), "{}", lab.addresses());
}

/// RFC 8415 §18.2.8: another host has the address that is granted; it is declined, and another taken.
#[test]
fn an_address_that_another_host_has() {
    let Some((lab, bridge)) = Lab::bridged() else {
        return;
    };
    let other = bridge.server(2);
    other.ip(&["addr", "add", "2001:db8:9::77/64", "dev", "srv", "nodad"]);
    let config = Config {
        more: r#""reservations": [ { "duid": "00:02:00:00:09:bf:aa:bb",
            "ip-addresses": [ "2001:db8:9::77" ] } ],"#,
        ..CONFIG
    };
    let server = config.start(&lab);
    let _client = lab.start("dhcp6", &["--duid", "en:2495:aabb"]);
    server.wait_for("DECLINE (type 9)", 1);
    lab.until("dhcp6", "ip6", |ip| ip.starts_with("2001:db8:9::1"));
    let ip = lab.record("dhcp6", "ip6");
    eventually("only the new one", SOON, || {
        let addresses = lab.addresses();
        addresses.contains(&ip) && !addresses.contains("2001:db8:9::77")
    });
}
