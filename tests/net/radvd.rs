//! Router advertisements of radvd: what `slaac` makes of them.

use std::time::{Duration, Instant};

use super::dhcp_server::eventually;
use super::servers::lab::{Lab, SOON};
use super::servers::{Server, radvd};

/// Ends a router right after one of its advertisements; when that was.
fn crash_after_a_word(router: Server) -> Instant {
    let word = "timer_handler called for srv";
    let before = router.count(word);
    // It waits again when it has sent.
    eventually("an advertisement", SOON, || {
        let log = router.log();
        router.count(word) > before && log.rfind("polling for") > log.rfind(word)
    });
    let gone = Instant::now();
    router.crash();
    gone
}

/// Often enough for a test.
const OFTEN: &str = "MinRtrAdvInterval 3; MaxRtrAdvInterval 4;";

/// A prefix with its lifetimes in seconds.
fn prefix(prefix: &str, preferred: u32, valid: u32) -> String {
    format!("prefix {prefix} {{ AdvPreferredLifetime {preferred}; AdvValidLifetime {valid}; }};\n")
}

#[test]
fn everything_that_a_router_says_is_configured() {
    let Some(lab) = Lab::new() else { return };
    let members = format!(
        "{OFTEN} AdvLinkMTU 1400; AdvCurHopLimit 33; AdvReachableTime 20000; AdvRetransTimer 500;
         AdvDefaultLifetime 100; AdvDefaultPreference high; AdvOtherConfigFlag on;
         {} {}
         prefix 2001:db8:7::/64 {{ AdvAutonomous off; }};
         route 2001:db8:50::/48 {{ AdvRoutePreference low; AdvRouteLifetime 500; }};
         RDNSS 2001:db8:9::3 2001:db8:9::4 {{ AdvRDNSSLifetime 300; }};
         DNSSL a.example b.example {{ AdvDNSSLLifetime 300; }};",
        prefix("2001:db8:9::/64", 600, 900),
        prefix("2001:db8:8::/64", 600, 900),
    );
    let _router = radvd::start(&lab.server, &lab.scratch, "srv", &members);
    let line = lab.ok(&["slaac", "--once", "--dns", "eth0"]);
    assert!(line.starts_with("eth0: 2001:db8:"), "{line}");
    let ip6 = lab.record("slaac", "ip6");
    let addresses: Vec<_> = ip6.split(' ').collect();
    assert_eq!(addresses.len(), 2, "{ip6}");
    for (key, value) in [
        ("gateway6", "fe80::1"),
        ("dns6", "2001:db8:9::3 2001:db8:9::4"),
        ("search6", "a.example b.example"),
        ("mtu6", "1400"),
        ("hoplimit", "33"),
        ("managed", "no"),
        ("other", "yes"),
    ] {
        assert_eq!(lab.record("slaac", key), value, "{key}");
    }
    let prefixes = lab.record("slaac", "prefixes6");
    for prefix in ["2001:db8:9::/64", "2001:db8:8::/64", "2001:db8:7::/64"] {
        assert!(
            prefixes.split(' ').any(|known| known == prefix),
            "{prefixes}"
        );
    }
    let shown = lab.addresses();
    for address in addresses {
        assert!(
            shown.contains(&format!("inet6 {address} ")),
            "{address}: {shown}"
        );
    }
    assert!(!shown.contains("2001:db8:7:"), "{shown}");
    let preferred = shown.split("preferred_lft ").nth(1).unwrap();
    let preferred: u32 = preferred.split("sec").next().unwrap().parse().unwrap();
    assert!((500..=600).contains(&preferred), "{shown}");
    let routes = lab.routes6();
    let route = |of: &str| {
        routes
            .lines()
            .find(|line| line.starts_with(of))
            .unwrap_or(&routes)
    };
    assert!(
        route("default via fe80::1 dev eth0").contains("pref high"),
        "{routes}"
    );
    assert!(
        route("2001:db8:50::/48 via fe80::1 dev eth0").contains("pref low"),
        "{routes}"
    );
    for on_link in ["2001:db8:9::/64 dev eth0", "2001:db8:7::/64 dev eth0"] {
        assert!(route(on_link).contains("expires"), "{routes}");
    }
    let read = |path: &str| {
        let path = format!("/proc/sys/net/ipv6/{path}");
        lab.client.run("cat", &[&path]).trim().to_owned()
    };
    assert_eq!(read("conf/eth0/mtu"), "1400");
    assert_eq!(read("conf/eth0/hop_limit"), "33");
    assert_eq!(read("neigh/eth0/retrans_time_ms"), "500");
    assert_eq!(read("neigh/eth0/base_reachable_time_ms"), "20000");
    let resolv = lab.resolv_conf();
    assert!(
        resolv.contains("nameserver 2001:db8:9::3\nnameserver 2001:db8:9::4\n"),
        "{resolv}"
    );
    assert!(resolv.contains("search a.example b.example\n"), "{resolv}");
    lab.client.pings("2001:db8:9::1");
}

/// The better router is the default; when it says goodbye the other is at once, when that falls silent
/// nothing is left after its lifetime.
#[test]
fn two_routers_one_of_which_leaves() {
    let Some((lab, bridge)) = Lab::bridged() else {
        return;
    };
    let second = bridge.server(2);
    let members = |preference: &str, of: &str| {
        let of = prefix(of, 600, 900);
        let often = "AdvDefaultLifetime 12; RDNSS fe80::9 { AdvRDNSSLifetime 12; };";
        format!("{OFTEN} {often} AdvDefaultPreference {preference}; {of}")
    };
    let good = members("high", "2001:db8:9::/64");
    let good = radvd::start(&lab.server, &lab.scratch, "srv", &good);
    let poor = members("low", "2001:db8:8::/64");
    let poor = radvd::start(&second, &lab.scratch, "srv", &poor);
    let _client = lab.keep("slaac", &["--dns"]);
    lab.until("slaac", "gateway6", |routers| routers == "fe80::1 fe80::2");
    lab.until("slaac", "ip6", |ip6| {
        ip6.contains("2001:db8:9:") && ip6.contains("2001:db8:8:")
    });
    let chosen = || lab.client.ip(&["-6", "route", "get", "2001:db8:ffff::1"]);
    assert!(chosen().contains("via fe80::1 "), "{}", chosen());
    // radvd's last advertisement has a lifetime of zero.
    drop(good);
    lab.until("slaac", "gateway6", |routers| routers == "fe80::2");
    eventually("the other router", SOON, || {
        chosen().contains("via fe80::2 ")
    });
    // A router that is gone takes no address with it.
    let ip6 = lab.record("slaac", "ip6");
    assert!(
        ip6.contains("2001:db8:9:") && ip6.contains("2001:db8:8:"),
        "{ip6}"
    );
    let gone = crash_after_a_word(poor);
    lab.until("slaac", "gateway6", str::is_empty);
    assert!(
        gone.elapsed() > Duration::from_secs(6),
        "{:?}",
        gone.elapsed()
    );
    assert!(!lab.routes6().contains("default"), "{}", lab.routes6());
    eventually("DNS withdrawn", SOON, || {
        !lab.resolv_conf().contains("nameserver")
    });
    assert!(
        lab.addresses().contains("2001:db8:8:"),
        "{}",
        lab.addresses()
    );
}

/// The router has another prefix after it was restarted, and says nothing of the old one, or that it is
/// to be used no more.
#[test]
fn another_prefix_and_the_old_one_deprecated() {
    let Some(lab) = Lab::new() else { return };
    let members = format!("{OFTEN} {}", prefix("2001:db8:9::/64", 600, 9000));
    let router = radvd::start(&lab.server, &lab.scratch, "srv", &members);
    let _client = lab.keep("slaac", &[]);
    let old = lab.record("slaac", "ip6");
    assert!(old.starts_with("2001:db8:9:"), "{old}");
    router.crash();
    // Two hours are left to an address at the least, whoever says what (RFC 4862 §5.5.3 e).
    let both = prefix("2001:db8:8::/64", 600, 900) + &prefix("2001:db8:9::/64", 0, 5);
    let _router = radvd::start(&lab.server, &lab.scratch, "srv", &format!("{OFTEN} {both}"));
    lab.until("slaac", "ip6", |ip6| ip6.starts_with("2001:db8:8:"));
    eventually("the old address is deprecated", SOON, || {
        let shown = lab.client.ip(&["-o", "addr", "show", "dev", "eth0"]);
        let line = shown.lines().find(|line| line.contains(&old));
        line.is_some_and(|line| line.contains("deprecated"))
    });
    let shown = lab.client.ip(&["-o", "addr", "show", "dev", "eth0"]);
    let line = shown.lines().find(|line| line.contains(&old)).unwrap();
    let valid = line
        .split("valid_lft ")
        .nth(1)
        .unwrap()
        .split("sec")
        .next()
        .unwrap();
    let valid: u32 = valid.parse().unwrap();
    assert!((7100..=7200).contains(&valid), "{line}");
}

/// Addresses and routes whose time is over go away; what is there later is taken.
#[test]
fn the_router_is_gone_until_everything_has_ended() {
    let Some(lab) = Lab::new() else { return };
    let short = prefix("2001:db8:9::/64", 8, 12);
    let members =
        format!("{OFTEN} AdvDefaultLifetime 9; {short} RDNSS fe80::9 {{ AdvRDNSSLifetime 10; }};");
    let router = radvd::start(&lab.server, &lab.scratch, "srv", &members);
    let _client = lab.keep("slaac", &["--dns"]);
    assert!(lab.addresses().contains("2001:db8:9:"));
    let gone = crash_after_a_word(router);
    eventually("no address is left", SOON, || {
        !lab.addresses().contains("inet6")
    });
    assert!(
        gone.elapsed() > Duration::from_secs(5),
        "{:?}",
        gone.elapsed()
    );
    eventually("no route is left", SOON, || {
        let routes = lab.routes6();
        !routes.contains("default") && !routes.contains("2001:db8:9::/64")
    });
    eventually("DNS withdrawn", SOON, || {
        !lab.resolv_conf().contains("nameserver")
    });
    let _router = radvd::start(&lab.server, &lab.scratch, "srv", &members);
    lab.until("slaac", "ip6", |ip6| ip6.starts_with("2001:db8:9:"));
    eventually("a route again", SOON, || {
        lab.routes6().contains("default via fe80::1")
    });
}

/// A client that was killed takes up what it had: nothing is gone in between, nothing is there twice.
#[test]
fn addresses_stay_while_the_client_is_restarted() {
    let Some(lab) = Lab::new() else { return };
    let members = format!("{OFTEN} {}", prefix("2001:db8:9::/64", 600, 900));
    let _router = radvd::start(&lab.server, &lab.scratch, "srv", &members);
    let client = lab.keep("slaac", &[]);
    let ip6 = lab.record("slaac", "ip6");
    drop(client);
    assert!(lab.addresses().contains(&ip6), "{}", lab.addresses());
    let client = lab.keep("slaac", &[]);
    assert_eq!(lab.record("slaac", "ip6"), ip6);
    assert_eq!(
        lab.addresses().matches("inet6").count(),
        1,
        "{}",
        lab.addresses()
    );
    assert_eq!(
        lab.routes6().matches("default").count(),
        1,
        "{}",
        lab.routes6()
    );
    client.end();
    assert!(lab.addresses().contains(&ip6), "left alone");
}
