//! The DHCPv4 client against ISC dhcpd.

use std::time::{Duration, Instant};

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
    let _client = lab.keep("dhcp4", &["--dns"]);
    let bound = Instant::now();
    assert!(lab.addresses().contains("inet 10.9.0.5"));
    drop(server);
    let record = lab.scratch.path("run/leases/eth0.dhcp4");
    eventually("the end of the lease", SOON * 2, || {
        let (there, age) = (record.exists(), bound.elapsed());
        // What is looked at now may be gone a moment later.
        if there && age < Duration::from_secs(10) {
            assert!(lab.addresses().contains("inet 10.9.0.5"), "too early");
        }
        !there
    });
    assert!(
        bound.elapsed() > Duration::from_secs(10),
        "{:?}",
        bound.elapsed()
    );
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
