//! Links, addresses and routes as the commands set them, compared with what iproute2 sees.

use super::dhcp_server::{SOON, eventually};
use super::json::Value;
use super::support::Namespace;

/// A namespace, or the end of the test where the user skips them.
macro_rules! namespace {
    () => {
        match Namespace::new() {
            Some(namespace) => namespace,
            None => return,
        }
    };
}

/// What iproute2 says.
fn ip(namespace: &Namespace, args: &[&str]) -> Value {
    let args = [&["-j"], args].concat();
    let text = namespace.ip(&args);
    // Nothing to show is nothing printed.
    Value::parse(if text.trim().is_empty() { "[]" } else { &text })
}

/// What initsh says.
fn initsh(namespace: &Namespace, args: &[&str]) -> Value {
    Value::parse(&namespace.initsh_ok(args))
}

fn flags(link: &Value) -> Vec<&str> {
    link.get("flags").all().iter().map(Value::text).collect()
}

#[test]
fn namespaces_clean_up() {
    let namespace = namespace!();
    let name = namespace.name().to_owned();
    assert!(std::path::Path::new("/run/netns").join(&name).exists());
    drop(namespace);
    assert!(!std::path::Path::new("/run/netns").join(&name).exists());
}

#[test]
fn loopback_up_and_down() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "set", "lo", "up"]);
    assert!(flags(&ip(&namespace, &["link"]).all()[0]).contains(&"UP"));
    let addresses = initsh(&namespace, &["addr", "--json"]);
    assert_eq!(
        addresses.find("address", "127.0.0.1").get("scope").text(),
        "host"
    );
    assert_eq!(addresses.find("address", "::1").get("prefix").number(), 128);
    namespace.initsh_ok(&["link", "set", "dev", "lo", "down"]);
    assert!(!flags(&ip(&namespace, &["link"]).all()[0]).contains(&"UP"));
}

#[test]
fn the_list_is_iproute2s() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "v0", "type", "veth", "peer", "name", "v1"]);
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    namespace.initsh_ok(&["link", "add", "tap0", "type", "tap"]);
    namespace.initsh_ok(&["link", "add", "tun0", "type", "tun"]);
    namespace.initsh_ok(&["link", "add", "mac0", "link", "v1", "type", "macvlan"]);
    namespace.initsh_ok(&["link", "set", "v0", "up", "mtu", "1400", "master", "br0"]);
    namespace.initsh_ok(&["link", "set", "v1", "address", "02:00:00:00:00:05", "up"]);
    // The kernel deals with a carrier a moment after it is there: what is compared stays as it is meanwhile.
    let mut seen = None;
    eventually("links that stay as they are", SOON, || {
        let theirs = ip(&namespace, &["-d", "link"]);
        let ours = initsh(&namespace, &["link", "--json"]);
        let stay = ip(&namespace, &["-d", "link"]) == theirs;
        seen = Some((theirs, ours));
        stay
    });
    let (theirs, ours) = seen.unwrap();
    assert_eq!(ours.all().len(), theirs.all().len());
    for (ours, theirs) in ours.all().iter().zip(theirs.all()) {
        let name = ours.get("name").text();
        assert_eq!(name, theirs.get("ifname").text());
        assert_eq!(ours.get("index"), theirs.get("ifindex"), "{name}");
        assert_eq!(ours.get("mtu"), theirs.get("mtu"), "{name}");
        assert_eq!(ours.get("master"), theirs.get("master"), "{name}");
        let up = flags(theirs).contains(&"UP");
        assert_eq!(ours.get("up"), &Value::Boolean(up), "{name}");
        let carrier = flags(theirs).contains(&"LOWER_UP");
        assert_eq!(ours.get("carrier"), &Value::Boolean(carrier), "{name}");
        let mac = ours.get("mac").text();
        assert!(
            mac.is_empty() || mac == theirs.get("address").text(),
            "{name}"
        );
        if let Value::Object(_) = theirs.get("linkinfo") {
            let kind = theirs.get("linkinfo").get("info_kind");
            assert_eq!(ours.get("kind"), kind, "{name}");
        }
    }
    assert_eq!(
        ours.find("name", "v1").get("mac").text(),
        "02:00:00:00:00:05"
    );
    assert_eq!(ours.find("name", "v0").get("mtu").number(), 1400);
}

#[test]
fn the_table_is_for_people() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "v0", "type", "veth", "peer", "v1"]);
    namespace.initsh_ok(&["link", "set", "v0", "up"]);
    let table = namespace.initsh_ok(&["link"]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["NAME", "STATE", "KIND", "MTU", "MAC", "WITH"]);
    assert_eq!(rows[1][..4], ["lo", "down", "loopback", "65536"]);
    let v0 = rows.iter().find(|row| row[0] == "v0").unwrap();
    // v1 is down: nobody at the other end.
    assert_eq!(v0[1..3], ["no", "carrier"]);
    assert_eq!(v0[6..], ["peer", "v1"]);
    assert!(table.lines().all(|line| line == line.trim_end()));
}

#[test]
fn names_for_scripts() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "v0", "type", "veth", "peer", "v1"]);
    namespace.initsh_ok(&["tap", "add", "tap0"]);
    // Neither loopback nor anything made by software is an Ethernet card.
    let names = |kind: &str| namespace.initsh_ok(&["link", "--names", "--type", kind]);
    assert_eq!(names("ethernet"), "");
    assert_eq!(names("loopback"), "lo\n");
    assert_eq!(names("tun"), "tap0\n");
    assert_eq!(names("veth").lines().count(), 2);
    assert_eq!(
        namespace
            .initsh_ok(&["link", "list", "--names"])
            .lines()
            .count(),
        4
    );
}

#[test]
fn rename_and_delete() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    namespace.initsh_ok(&["link", "set", "br0", "name", "lan", "up"]);
    assert!(flags(&ip(&namespace, &["link", "show", "lan"]).all()[0]).contains(&"UP"));
    namespace.initsh_ok(&["link", "del", "lan"]);
    assert_eq!(ip(&namespace, &["link"]).all().len(), 1);
    let error = namespace.initsh_fails(1, &["link", "del", "lan"]);
    assert!(error.contains("lan") && error.contains("ENODEV"), "{error}");
}

#[test]
fn kinds_that_a_kernel_may_lack() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "v0", "type", "veth", "peer", "v1"]);
    let cases: [(&[&str], &[&str], &str); 2] = [
        (
            &["link", "add", "x0", "type", "dummy"],
            &["link", "add", "x1", "type", "dummy"],
            "x0",
        ),
        (
            &[
                "link", "add", "link", "v0", "name", "v0.5", "type", "vlan", "id", "5",
            ],
            &[
                "link", "add", "link", "v0", "name", "v0.6", "type", "vlan", "id", "6",
            ],
            "v0.5",
        ),
    ];
    for (ours, theirs, name) in cases {
        // iproute2 knows whether this kernel has them.
        let there = namespace
            .command("ip", theirs)
            .output()
            .unwrap()
            .status
            .success();
        if there {
            namespace.initsh_ok(ours);
            let link = ip(&namespace, &["-d", "link", "show", name]).all()[0].clone();
            let data = link.get("linkinfo");
            assert_eq!(
                data.get("info_kind").text(),
                if name == "x0" { "dummy" } else { "vlan" }
            );
            if name == "v0.5" {
                assert_eq!(data.get("info_data").get("id").number(), 5);
                assert_eq!(link.get("link").text(), "v0");
            }
        } else {
            let error = namespace.initsh_fails(1, ours);
            assert!(error.contains("EOPNOTSUPP"), "{error}");
            assert!(error.contains("modprobe"), "{error}");
        }
    }
}

#[test]
fn addresses_as_iproute2_sees_them() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    namespace.initsh_ok(&["addr", "add", "192.168.7.1/24", "dev", "br0", "brd", "+"]);
    namespace.initsh_ok(&["addr", "add", "10.7.0.1", "br0"]);
    namespace.initsh_ok(&["addr", "add", "2001:db8::7/64", "br0", "valid_lft", "3600"]);
    let theirs = ip(&namespace, &["addr", "show", "br0"]).all()[0]
        .get("addr_info")
        .clone();
    let ours = initsh(&namespace, &["addr", "--json", "br0"]);
    assert_eq!(ours.all().len(), theirs.all().len());
    for ours in ours.all() {
        let address = ours.get("address").text();
        let theirs = theirs.find("local", address);
        assert_eq!(ours.get("prefix"), theirs.get("prefixlen"), "{address}");
        assert_eq!(ours.get("scope"), theirs.get("scope"), "{address}");
        assert_eq!(ours.get("broadcast"), theirs.get("broadcast"), "{address}");
    }
    let broadcast = theirs.find("local", "192.168.7.1").get("broadcast").text();
    assert_eq!(broadcast, "192.168.7.255");
    let valid = ours.find("address", "2001:db8::7").get("valid").number();
    assert!((3500..=3600).contains(&valid), "{valid}");
    let only4 = initsh(&namespace, &["addr", "-4", "--json"]);
    assert_eq!(only4.all().len(), 2);

    let error = namespace.initsh_fails(1, &["addr", "add", "10.7.0.1", "br0"]);
    assert!(
        error.contains("10.7.0.1/32 to br0") && error.contains("EEXIST"),
        "{error}"
    );
    namespace.initsh_ok(&["addr", "replace", "10.7.0.1", "br0"]);
    // Without a length: the one that it has.
    namespace.initsh_ok(&["addr", "del", "192.168.7.1", "dev", "br0"]);
    let error = namespace.initsh_fails(1, &["addr", "del", "192.168.7.1/24", "dev", "br0"]);
    assert!(error.contains("EADDRNOTAVAIL"), "{error}");
    namespace.initsh_ok(&["addr", "flush", "dev", "br0"]);
    let left = ip(&namespace, &["addr", "show", "br0"]).all()[0]
        .get("addr_info")
        .clone();
    assert_eq!(left.all().len(), 0);
}

#[test]
fn flush_takes_secondary_addresses_too() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    for host in ["1", "2", "3"] {
        let address = format!("10.1.1.{host}/24");
        namespace.initsh_ok(&["addr", "add", &address, "br0"]);
    }
    namespace.initsh_ok(&["addr", "-4", "flush", "br0"]);
    assert_eq!(initsh(&namespace, &["addr", "--json"]).all().len(), 0);
}

/// A namespace with a link that is up, has a carrier and 10.9.0.1/24 and 2001:db8::1/64.
fn routed() -> Option<Namespace> {
    let namespace = Namespace::new()?;
    for args in [
        &["link", "add", "v0", "type", "veth", "peer", "v1"][..],
        &["link", "set", "v0", "up"],
        &["link", "set", "v1", "up"],
        &["addr", "add", "10.9.0.1/24", "v0"],
        &["addr", "add", "2001:db8::1/64", "v0"],
    ] {
        namespace.initsh_ok(args);
    }
    // The kernel's own routes come when it has dealt with the carrier.
    eventually("link-local routes", SOON, || {
        let routes = namespace.ip(&["-6", "route", "show", "fe80::/64"]);
        routes.contains("dev v0") && routes.contains("dev v1")
    });
    Some(namespace)
}

#[test]
fn routes_as_iproute2_sees_them() {
    let Some(namespace) = routed() else { return };
    for args in [
        &["add", "default", "via", "10.9.0.254", "metric", "5"][..],
        &["add", "10.20.0.0/16", "via", "10.9.0.2", "src", "10.9.0.1"],
        &["add", "10.30.0.0/255.255.0.0", "dev", "v0"],
        &[
            "add",
            "10.40.0.1",
            "via",
            "169.254.0.1",
            "dev",
            "v0",
            "onlink",
        ],
        &["add", "default", "via", "2001:db8::fe"],
        &["add", "2001:db8:5::/48", "dev", "v0", "metric", "77"],
    ] {
        namespace.initsh_ok(&[&["route"], args].concat());
    }
    namespace.ip(&[
        "route",
        "add",
        "10.50.0.0/16",
        "nexthop",
        "via",
        "10.9.0.3",
        "nexthop",
        "via",
        "10.9.0.4",
    ]);
    let ours = initsh(&namespace, &["route", "--json"]);
    let mut compared = 0;
    for family in ["-4", "-6"] {
        for theirs in ip(&namespace, &[family, "route"]).all() {
            let name = theirs.get("dst").text();
            if name == "10.50.0.0/16" {
                continue;
            }
            let mask = if family == "-4" { "/32" } else { "/128" };
            let single = format!("{name}{mask}");
            let same = |ours: &&Value| {
                let destination = ours.get("destination").text();
                (destination == name || destination == single)
                    && ours.get("family").number() == family[1..].parse::<u64>().unwrap()
                    && ours.get("link").text() == theirs.get("dev").text()
            };
            let ours = ours
                .all()
                .iter()
                .find(same)
                .unwrap_or_else(|| panic!("{theirs:?}"));
            assert_eq!(ours.get("gateway"), theirs.get("gateway"), "{name}");
            assert_eq!(ours.get("source"), theirs.get("prefsrc"), "{name}");
            let metric = theirs.get("metric").number();
            assert_eq!(ours.get("metric").number(), metric, "{name}");
            let onlink = theirs
                .get("flags")
                .all()
                .iter()
                .any(|flag| flag.text() == "onlink");
            assert_eq!(ours.get("onlink"), &Value::Boolean(onlink), "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 9, "{compared}");
    let hops = ours
        .all()
        .iter()
        .filter(|r| r.get("destination").text() == "10.50.0.0/16");
    assert_eq!(hops.count(), 2);
}

#[test]
fn routes_are_replaced_and_removed() {
    let Some(namespace) = routed() else { return };
    let route = |args: &[&str]| namespace.initsh_ok(&[&["route"], args].concat());
    route(&["add", "default", "via", "10.9.0.254"]);
    let again = ["route", "add", "default", "via", "10.9.0.253"];
    let error = namespace.initsh_fails(1, &again);
    assert!(
        error.contains("default via 10.9.0.253") && error.contains("EEXIST"),
        "{error}"
    );
    route(&["replace", "default", "via", "10.9.0.253"]);
    let theirs = ip(&namespace, &["-4", "route", "show", "default"]);
    assert_eq!(theirs.all().len(), 1);
    assert_eq!(theirs.all()[0].get("gateway").text(), "10.9.0.253");
    // Whoever installed it.
    namespace.ip(&[
        "route",
        "replace",
        "default",
        "via",
        "10.9.0.253",
        "proto",
        "dhcp",
    ]);
    route(&["del", "default"]);
    assert_eq!(
        ip(&namespace, &["-4", "route", "show", "default"])
            .all()
            .len(),
        0
    );
    route(&["add", "default", "via", "2001:db8::fe"]);
    route(&["-6", "del", "default"]);
    assert_eq!(
        ip(&namespace, &["-6", "route", "show", "default"])
            .all()
            .len(),
        0
    );
    let error = namespace.initsh_fails(1, &["route", "del", "10.77.0.0/16"]);
    assert!(error.contains("ESRCH"), "{error}");
}

#[test]
fn a_refused_route_says_why() {
    let Some(namespace) = routed() else { return };
    let far = ["route", "add", "10.20.0.0/16", "via", "192.0.2.1"];
    let error = namespace.initsh_fails(1, &far);
    assert!(error.contains("10.20.0.0/16 via 192.0.2.1"), "{error}");
    // The kernel's own words.
    assert!(error.contains("Nexthop has invalid gateway"), "{error}");
    assert!(
        error.contains("ENETUNREACH") && error.contains("onlink"),
        "{error}"
    );
    let bits = namespace.initsh_fails(1, &["route", "add", "10.20.0.1/16", "dev", "v0"]);
    assert!(bits.contains("EINVAL"), "{bits}");
    for wrong in [
        &["route", "add", "10.20.0.0/33", "dev", "v0"][..],
        &["route", "add", "10.20.0.0/16", "via"],
        &["route", "add", "10.20.0.0/16", "frob"],
        &["route", "frob"],
        &["route", "add"],
    ] {
        namespace.initsh_fails(2, wrong);
    }
}

#[test]
fn wrong_usage_and_links_that_are_not_there() {
    let namespace = namespace!();
    for wrong in [
        &["link", "set", "lo"][..],
        &["link", "set", "lo", "mtu", "big"],
        &["link", "set", "lo", "address", "1:2:3"],
        &["link", "set", "much-too-long-a-name", "up"],
        &["link", "add", "x0"],
        &["link", "add", "x0", "type", "warp"],
        &["link", "add", "x0", "type", "veth"],
        &["link", "show", "lo", "lo"],
        &["addr", "add", "10.0.0.1/24"],
        &["addr", "add", "10.0.0.256/24", "dev", "lo"],
        &["addr", "add", "::1/64", "dev", "lo", "brd", "+"],
        &["ifconfig", "lo", "netmask", "255.0.255.0"],
        &["tap", "frob"],
    ] {
        let error = namespace.initsh_fails(2, wrong);
        assert!(error.contains(wrong[0]), "{error}");
    }
    for missing in [
        &["link", "show", "nope0"][..],
        &["link", "set", "nope0", "up"],
        &["link", "set", "lo", "master", "nope0"],
        &["addr", "nope0"],
        &["addr", "add", "10.0.0.1/8", "dev", "nope0"],
        &["route", "add", "default", "dev", "nope0"],
        &["ifconfig", "nope0"],
        &["ifconfig", "nope0", "up"],
        &["tap", "del", "nope0"],
    ] {
        let error = namespace.initsh_fails(1, missing);
        assert!(
            error.contains("nope0") && error.contains("ENODEV"),
            "{error}"
        );
    }
}

#[test]
fn without_the_right_it_says_so() {
    let namespace = namespace!();
    let drop = [
        "--clear-groups",
        "--regid",
        "65534",
        "--reuid",
        "65534",
        "--",
    ];
    // The binary may lie where nobody else may read; a copy in /tmp does not.
    let copy = std::env::temp_dir().join(namespace.name());
    super::support::copy_of_initsh(&copy);
    let program = copy.to_str().unwrap();
    let args = [&drop[..], &[program, "link", "set", "lo", "up"]].concat();
    let output = namespace.command("setpriv", &args).output().unwrap();
    let _ = std::fs::remove_file(&copy);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("set lo up: EPERM"), "{error}");
    assert!(error.contains("root"), "{error}");
}

#[test]
fn ifconfig_as_of_old() {
    let namespace = namespace!();
    namespace.initsh_ok(&["tap", "add", "tap0"]);
    let set = [
        "ifconfig",
        "tap0",
        "192.168.1.1",
        "netmask",
        "255.255.255.0",
    ];
    namespace.initsh_ok(&set);
    namespace.initsh_ok(&["ifconfig", "tap0", "2001:db8:1::1/64"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "up"]);
    let theirs = ip(&namespace, &["addr", "show", "tap0"]).all()[0].clone();
    assert!(flags(&theirs).contains(&"UP"));
    let addresses = theirs.get("addr_info");
    let v4 = addresses.find("local", "192.168.1.1");
    assert_eq!(v4.get("prefixlen").number(), 24);
    assert_eq!(v4.get("broadcast").text(), "192.168.1.255");
    assert_eq!(
        addresses
            .find("local", "2001:db8:1::1")
            .get("prefixlen")
            .number(),
        64
    );
    let shown = namespace.initsh_ok(&["ifconfig", "tap0"]);
    for line in [
        "tap0: flags=4099<UP,BROADCAST,MULTICAST>  mtu 1500",
        "        inet 192.168.1.1  netmask 255.255.255.0  broadcast 192.168.1.255",
        "        inet6 2001:db8:1::1  prefixlen 64  scopeid 0x0<global>",
        "        RX packets 0  bytes 0",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    // Another address takes the place of the first; the class gives the mask.
    namespace.initsh_ok(&["ifconfig", "tap0", "10.1.1.1"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "10.1.1.1"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "mtu", "1400", "down"]);
    let theirs = ip(&namespace, &["-4", "addr", "show", "tap0"]).all()[0].clone();
    assert_eq!(theirs.get("addr_info").all().len(), 1);
    assert_eq!(
        theirs
            .get("addr_info")
            .find("local", "10.1.1.1")
            .get("prefixlen")
            .number(),
        8
    );
    assert_eq!(theirs.get("mtu").number(), 1400);
    assert!(!flags(&theirs).contains(&"UP"));
    // Down: only -a shows it.
    assert_eq!(namespace.initsh_ok(&["ifconfig"]), "");
    assert!(namespace.initsh_ok(&["ifconfig", "-a"]).contains("tap0: "));
    namespace.initsh_ok(&["ifconfig", "tap0", "0.0.0.0"]);
    assert_eq!(
        ip(&namespace, &["-4", "addr", "show", "tap0"]).all().len(),
        0
    );
}

#[test]
fn ifconfig_changes_one_thing_alone() {
    let namespace = namespace!();
    namespace.initsh_ok(&["tap", "add", "tap0"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "10.1.1.1/24"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "netmask", "255.255.0.0"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "add", "10.2.2.2/24"]);
    namespace.initsh_ok(&["ifconfig", "tap0", "hw", "ether", "02:00:00:00:00:09"]);
    let theirs = ip(&namespace, &["-4", "addr", "show", "tap0"]).all()[0].clone();
    let prefix = |ip: &str| {
        theirs
            .get("addr_info")
            .find("local", ip)
            .get("prefixlen")
            .number()
    };
    assert_eq!((prefix("10.1.1.1"), prefix("10.2.2.2")), (16, 24));
    let mac = ip(&namespace, &["link", "show", "tap0"]).all()[0]
        .get("address")
        .clone();
    assert_eq!(mac.text(), "02:00:00:00:00:09");
    namespace.initsh_ok(&["ifconfig", "tap0", "del", "10.2.2.2/24"]);
    let bare = namespace!();
    let error = bare.initsh_fails(1, &["ifconfig", "lo", "netmask", "255.0.0.0"]);
    assert!(error.contains("no IPv4 address"), "{error}");
}

#[test]
fn taps_persist_until_deleted() {
    let namespace = namespace!();
    namespace.initsh_ok(&["tap", "add", "tap0"]);
    let details = ip(&namespace, &["-d", "link", "show", "tap0"]).all()[0].clone();
    let data = details.get("linkinfo").get("info_data");
    assert_eq!(data.get("type").text(), "tap");
    assert_eq!(data.get("persist"), &Value::Boolean(true));
    assert_eq!(namespace.initsh_ok(&["tap"]), "tap0\n");
    let error = namespace.initsh_fails(1, &["tap", "add", "tap0"]);
    assert!(error.contains("tap0") && error.contains("EBUSY"), "{error}");
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    let error = namespace.initsh_fails(1, &["tap", "del", "br0"]);
    assert!(error.contains("not a tap link but bridge"), "{error}");
    namespace.initsh_ok(&["tap", "del", "tap0"]);
    namespace.initsh_fails(1, &["tap", "del", "tap0"]);
}

#[test]
fn without_the_tun_device_it_says_what_to_do() {
    let namespace = namespace!();
    // A /dev of its own, and empty.
    let script = format!(
        "mount -t tmpfs none /dev && {} tap add tap0",
        super::support::INITSH
    );
    let output = namespace
        .command("unshare", &["--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("/dev/net/tun") && error.contains("ENOENT"),
        "{error}"
    );
    assert!(
        error.contains("modprobe tun") && error.contains("mknod"),
        "{error}"
    );
}

#[test]
fn a_table_of_many_is_whole() {
    let namespace = namespace!();
    namespace.initsh_ok(&["link", "add", "br0", "type", "bridge"]);
    namespace.initsh_ok(&["link", "set", "br0", "up"]);
    // More than one datagram of each.
    let mut batch = String::new();
    for n in 0..600 {
        batch.push_str(&format!(
            "addr add 10.{}.{}.1/24 dev br0\n",
            n / 200,
            n % 200
        ));
        batch.push_str(&format!(
            "route add 10.{}.{}.0/24 dev br0\n",
            100 + n / 200,
            n % 200
        ));
    }
    let file = std::env::temp_dir().join(format!("{}.batch", namespace.name()));
    std::fs::write(&file, batch).unwrap();
    namespace.ip(&["-batch", file.to_str().unwrap()]);
    let _ = std::fs::remove_file(&file);
    assert_eq!(
        initsh(&namespace, &["addr", "-4", "--json"]).all().len(),
        600
    );
    assert_eq!(
        initsh(&namespace, &["route", "-4", "--json"]).all().len(),
        1200
    );
}
