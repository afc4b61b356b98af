//! The advertising router against hosts that really configure themselves: the kernel's own.

use super::dhcp_server::{SOON, eventually};
use super::pd::{Kept, Router};
use super::support::INITSH;

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
