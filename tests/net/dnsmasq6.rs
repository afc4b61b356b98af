//! The clients of IPv6 against dnsmasq, which advertises itself as a router and serves DHCPv6.

use super::dhcp_server::{Dnsmasq, eventually};
use super::servers::lab::{Lab, SOON};
use super::support::INITSH;

const DNS: &str = "--dhcp-option=option6:dns-server,[2001:db8:9::3]";
const SEARCH: &str = "--dhcp-option=option6:domain-search,a.example";

fn start(lab: &Lab, range: &str, options: &[&str]) -> Dnsmasq {
    Dnsmasq::start(&lab.server, &lab.scratch, "srv", range, options)
}

/// It does not delegate prefixes, and answers all the same.
#[test]
fn an_address_but_no_prefix() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, SEARCH, "--dhcp-rapid-commit"];
    let server = start(&lab, "2001:db8:9::100,2001:db8:9::1ff,64,10m", &options);
    let _ = lab.initsh(&["dhcp6", "--once", "--pd", "--dns", "--timeout", "6", "eth0"]);
    let ip = lab.record("dhcp6", "ip6");
    assert!(ip.starts_with("2001:db8:9::1"), "{ip} {}", server.log());
    assert_eq!(lab.record("dhcp6", "pd"), "");
    assert_eq!(lab.record("dhcp6", "lease6"), "600");
    assert!(lab.addresses().contains(&ip), "{}", lab.addresses());
    let resolv = lab.resolv_conf();
    assert!(resolv.contains("nameserver 2001:db8:9::3\n"), "{resolv}");
    assert!(resolv.contains("search a.example\n"), "{resolv}");
}

/// Addresses from advertisements, the rest from DHCPv6, as the flags say.
#[test]
fn slaac_follows_the_flag_for_other_configuration() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, SEARCH, "--enable-ra"];
    let server = start(&lab, "2001:db8:9::,ra-stateless,64,10m", &options);
    let _client = lab.keep("slaac", &["--follow", "--dns"]);
    assert_eq!(lab.record("slaac", "managed"), "no");
    assert_eq!(lab.record("slaac", "other"), "yes");
    let ip = lab.record("slaac", "ip6");
    assert!(ip.starts_with("2001:db8:9:"), "{ip}");
    assert_eq!(lab.record("slaac", "gateway6"), "fe80::1");
    assert!(
        lab.routes6()
            .contains("default via fe80::1 dev eth0 proto ra")
    );
    eventually("asked for information", SOON, || {
        server.count("DHCPINFORMATION-REQUEST") > 0
    });
}

/// What --follow has got is given back with the rest.
#[test]
fn releasing_what_was_followed() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, "--enable-ra"];
    let server = start(&lab, "2001:db8:9::100,2001:db8:9::1ff,64,10m", &options);
    let client = lab.keep("slaac", &["--follow", "--dns"]);
    lab.until("dhcp6", "ip6", |ip| ip.starts_with("2001:db8:9::1"));
    client.end();
    assert!(
        lab.addresses().contains("2001:db8:9::1"),
        "{}",
        lab.addresses()
    );
    lab.ok(&["slaac", "--release", "eth0"]);
    eventually("RELEASE", SOON, || server.count("DHCPRELEASE") > 0);
    assert!(!lab.addresses().contains("inet6"), "{}", lab.addresses());
    for kind in ["slaac", "dhcp6"] {
        let record = lab.scratch.path(&format!("run/leases/eth0.{kind}"));
        assert!(!record.exists(), "{kind}");
    }
    assert!(
        !lab.resolv_conf().contains("nameserver"),
        "{}",
        lab.resolv_conf()
    );
    // One that somebody has started for itself is not slaac's to give back.
    let client = lab.start("slaac", &[]);
    lab.until("slaac", "managed", |managed| managed == "yes");
    lab.ok(&["dhcp6", "--once", "eth0"]);
    client.end();
    lab.ok(&["slaac", "--release", "eth0"]);
    assert!(
        lab.addresses().contains("2001:db8:9::1"),
        "{}",
        lab.addresses()
    );
}

/// Addresses from DHCPv6, routes from advertisements: the two side by side.
#[test]
fn managed_addresses() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, "--enable-ra"];
    let _server = start(&lab, "2001:db8:9::100,2001:db8:9::1ff,64,10m", &options);
    // It waits for an address, which without --follow is for another client to get.
    let _slaac = lab.start("slaac", &[]);
    lab.until("slaac", "managed", |managed| managed == "yes");
    // The prefix is on the link, but not for addresses of one's own making.
    assert_eq!(lab.record("slaac", "ip6"), "");
    let _dhcp6 = lab.keep("dhcp6", &[]);
    let ip = lab.record("dhcp6", "ip6");
    assert!(lab.addresses().contains(&ip), "{}", lab.addresses());
    eventually("the routes", SOON, || {
        let routes = lab.routes6();
        let mut lines = routes.lines();
        routes.contains("default via fe80::1 dev eth0")
            && lines.any(|line| line.starts_with("2001:db8:9::/64 dev eth0"))
    });
    lab.client.pings("2001:db8:9::1");
}

/// `dhcp6` takes the place of the DHCPv6 client of `slaac --follow`, and takes up what it had.
#[test]
fn a_client_of_its_own_takes_the_place_of_the_one_that_follows() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, "--enable-ra", "--dhcp-rapid-commit"];
    let server = start(&lab, "2001:db8:9::100,2001:db8:9::1ff,64,10m", &options);
    let script = lab.scratch.path("follow.run");
    std::fs::write(
        &script,
        "slaac --follow --timeout 60 eth0 >/dev/null && echo \"followed ${net.eth0.ip6}\"
        dhcp6 --timeout 60 eth0 >/dev/null && echo \"own ${net.eth0.ip6}\"
        waitfor --timeout 60 service slaac.eth0 && echo ready
        logged() { case $(logs dhcp6.eth0) in \"dhcp6: eth0: ${net.eth0.ip6}, \"*) ;; *) false ;; esac; }
        retry -n 100 -d 0.1 logged && echo logged
        slaac --follow --timeout 60 eth0 >/dev/null && echo 'followed again'
        waitfor service dhcp6.eth0 Running && dhcp6 --release eth0 && echo \"released ${net.eth0.ip6:-}\"
        slaac --follow --timeout 60 eth0 >/dev/null && echo \"anew ${net.eth0.ip6}\"
        dhcp6 --release eth0 && echo \"released ${net.eth0.ip6:-}\"
        poweroff",
    )
    .unwrap();
    let mut command = lab.command("timeout", &["-k", "5", "200", "unshare"]);
    command.args(["-fp", "--mount-proc", INITSH, "--pid1", "--", INITSH]);
    let output = command.arg(&script).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = told.lines().collect();
    let log = String::from_utf8_lossy(&output.stderr);
    let [
        followed,
        own,
        "ready",
        "logged",
        "followed again",
        "released ",
        anew,
        "released ",
    ] = lines[..]
    else {
        panic!("{told}{log}{}", server.log());
    };
    let address = followed.strip_prefix("followed 2001:db8:9::1");
    assert!(address.is_some(), "{told}");
    assert_eq!(own.strip_prefix("own 2001:db8:9::1"), address);
    assert!(anew.starts_with("anew 2001:db8:9::1"), "{told}");
    assert!(!log.contains("EADDRINUSE"), "{log}");
    eventually("two releases", SOON, || server.count("DHCPRELEASE") == 2);
    assert_eq!(server.count("DHCPDECLINE"), 0, "{}", server.log());
}

/// Also while it is being checked for duplicates: that somebody removes it does not make it another host's.
#[test]
fn an_address_that_somebody_removes_is_put_back_until_it_is_a_fight() {
    let Some(lab) = Lab::new() else { return };
    let options = [DNS, "--dhcp-rapid-commit"];
    let server = start(&lab, "2001:db8:9::100,2001:db8:9::1ff,64,10m", &options);
    let _client = lab.keep("dhcp6", &["2>${INITSH_RUN}log"]);
    let address = format!("{}/128", lab.record("dhcp6", "ip6"));
    let log = || lab.scratch.text("runlog");
    eventually("a fight ends", SOON * 6, || {
        if lab.addresses().contains(&address) {
            lab.client.ip(&["addr", "del", &address, "dev", "eth0"]);
        }
        log().contains("is removed again and again")
    });
    assert!(log().matches("put back").count() >= 3, "{}", log());
    assert!(!log().contains("declined"), "{}", log());
    assert!(!lab.addresses().contains(&address), "{}", lab.addresses());
    assert_eq!(server.count("DHCPDECLINE"), 0, "{}", server.log());
}
