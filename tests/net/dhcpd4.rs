//! The DHCPv4 client against ISC dhcpd.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::dhcp_server::eventually;
use super::servers::dhcpd;
use super::servers::lab::{Lab, SOON};

/// A subnet with a pool, for leases of so many seconds.
fn config(seconds: &str, pool: &str, options: &str) -> String {
    format!(
        "authoritative; ping-check false; default-lease-time {seconds}; max-lease-time {seconds};
         min-lease-time 1;
         subnet 10.9.0.0 netmask 255.255.255.0 {{
           pool {{ range 10.9.0.{pool}; }}
           option routers 10.9.0.1; option domain-name-servers 10.9.0.3;
           {options}
         }}"
    )
}

/// RFC 3396: what is longer than an option comes in several.
#[test]
fn a_long_search_list() {
    let Some(lab) = Lab::new() else { return };
    let domains: Vec<_> = (1..=6)
        .map(|n| {
            format!(
                "{}{n}.example{n}.org",
                "a-long-label-of-a-domain-".repeat(2)
            )
        })
        .collect();
    assert!(domains.join(".").len() > 255);
    let quoted: Vec<_> = domains
        .iter()
        .map(|domain| format!("\"{domain}\""))
        .collect();
    let options = format!("option domain-search {};", quoted.join(", "));
    let config = config("600", "50 10.9.0.59", &options);
    let _server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    lab.ok(&["dhcp4", "--once", "--dns", "eth0"]);
    assert_eq!(lab.record("dhcp4", "search"), domains.join(" "));
    assert!(lab.resolv_conf().contains(&domains.join(" ")));
}

/// Another address was reserved for the client meanwhile: the server refuses, and the client moves.
#[test]
fn the_address_changes_on_renewal() {
    let Some(lab) = Lab::new() else { return };
    let timers = "option dhcp-renewal-time 2; option dhcp-rebinding-time 500;";
    let first = config("600", "50 10.9.0.59", timers);
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &first);
    let _client = lab.keep("dhcp4", &["--dns"]);
    let old = lab.record("dhcp4", "ip4");
    assert!(lab.addresses().contains(&old));
    drop(server);
    let mac = lab.client.run("cat", &["/sys/class/net/eth0/address"]);
    let host = format!("host guest {{ hardware ethernet {mac}; fixed-address 10.9.0.77; }}");
    let second = config("600", "50 10.9.0.59", timers) + &host;
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &second);
    lab.until("dhcp4", "ip4", |address| address == "10.9.0.77");
    assert!(
        server.count(&format!("DHCPNAK on {old} ")) > 0,
        "{}",
        server.log()
    );
    let addresses = lab.addresses();
    assert!(!addresses.contains(&old), "{addresses}");
    assert!(addresses.contains("inet 10.9.0.77/24"), "{addresses}");
    let routes = lab.routes4();
    assert!(!routes.contains(&old), "{routes}");
    assert!(routes.contains("default via 10.9.0.1"), "{routes}");
}

/// Everything is kept until the lease ends, nothing after it, and what is there later is taken.
#[test]
fn the_server_is_gone_until_the_lease_ends() {
    let Some(lab) = Lab::new() else { return };
    let config = config("12", "50 10.9.0.59", "");
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    // The lease begins later than this.
    let began = Instant::now();
    let _client = lab.keep("dhcp4", &["--dns"]);
    assert!(lab.addresses().contains("inet 10.9.0.5"));
    drop(server);
    let record = lab.scratch.path("run/leases/eth0.dhcp4");
    eventually("the end of the lease", SOON, || {
        let gone = !lab.addresses().contains("inet 10.9.0.5") || !record.exists();
        let age = began.elapsed();
        assert!(
            !gone || age >= Duration::from_secs(12),
            "too early: {age:?}"
        );
        !record.exists()
    });
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
    assert!(!lab.routes4().contains("default"), "{}", lab.routes4());
    eventually("DNS withdrawn", SOON, || {
        !lab.resolv_conf().contains("nameserver")
    });
    let _server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    lab.until("dhcp4", "ip4", |address| address.starts_with("10.9.0.5"));
    eventually("DNS again", SOON, || {
        lab.resolv_conf().contains("nameserver 10.9.0.3")
    });
    assert!(
        lab.routes4().contains("default via 10.9.0.1"),
        "{}",
        lab.routes4()
    );
}

/// RFC 2131 §3.2: a client that crashed asks for what it had, which stays configured all the time; then it
/// gives it back.
#[test]
fn a_lease_is_taken_up_again_and_released() {
    let Some(lab) = Lab::new() else { return };
    let config = config("600", "50 10.9.0.59", "");
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    let client = lab.keep("dhcp4", &[]);
    let ip4 = lab.record("dhcp4", "ip4");
    let (discovers, acks) = (
        server.count("DHCPDISCOVER from"),
        server.count("DHCPACK on"),
    );
    client.signal(Signal::SIGKILL);
    drop(client);
    assert!(lab.addresses().contains(&format!("inet {ip4}/24")));
    let client = lab.keep("dhcp4", &[]);
    server.wait_for("DHCPACK on", acks + 1);
    assert_eq!(
        server.count("DHCPDISCOVER from"),
        discovers,
        "{}",
        server.log()
    );
    assert_eq!(lab.record("dhcp4", "ip4"), ip4);
    assert_eq!(
        lab.addresses().matches("inet ").count(),
        1,
        "{}",
        lab.addresses()
    );
    assert_eq!(
        lab.routes4().matches("default").count(),
        1,
        "{}",
        lab.routes4()
    );
    client.end();
    lab.ok(&["dhcp4", "--release", "eth0"]);
    server.wait_for(&format!("DHCPRELEASE of {ip4} "), 1);
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
    assert_eq!(lab.record("dhcp4", "ip4"), "");
}

/// RFC 8925: dhcpd offers an address, and the client leaves it alone, unless it was told otherwise.
#[test]
fn the_network_prefers_ipv6_alone() {
    let Some(lab) = Lab::new() else { return };
    let define = "option v6-only code 108 = unsigned integer 32;\n";
    let config = define.to_owned() + &config("600", "50 10.9.0.59", "option v6-only 1800;");
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    let error = lab.fails(&["dhcp4", "--once", "--timeout", "60", "eth0"]);
    assert!(error.contains("IPv6"), "{error}");
    assert!(server.count("DHCPOFFER on") >= 1);
    assert_eq!(server.count("DHCPREQUEST for"), 0, "{}", server.log());
    lab.ok(&["dhcp4", "--once", "--ipv4", "eth0"]);
    assert!(lab.addresses().contains("inet 10.9.0.5"));
}

/// RFC 2131 §4.4.3: the address is the administrator's, the rest dhcpd's.
#[test]
fn settings_for_an_address_that_was_given_by_hand() {
    let Some(lab) = Lab::new() else { return };
    let options = "option ntp-servers 10.9.0.5; option root-path \"/a\";";
    let config = config("600", "50 10.9.0.59", options);
    let server = dhcpd::dhcp4(&lab.server, &lab.scratch, "srv", &config);
    lab.client.ip(&["link", "set", "eth0", "up"]);
    lab.client
        .ip(&["addr", "add", "10.9.0.200/24", "dev", "eth0"]);
    lab.ok(&["dhcp4", "--inform", "--dns", "--option", "17", "eth0"]);
    assert!(
        server.count("DHCPINFORM from 10.9.0.200") >= 1,
        "{}",
        server.log()
    );
    assert_eq!(lab.record("dhcp4", "ntp"), "10.9.0.5");
    assert_eq!(lab.record("dhcp4", "option17"), "2f61");
    assert!(lab.resolv_conf().contains("nameserver 10.9.0.3"));
    let addresses = lab.addresses();
    assert!(addresses.contains("inet 10.9.0.200/24"), "{addresses}");
    assert_eq!(addresses.matches("inet ").count(), 1, "{addresses}");
}
