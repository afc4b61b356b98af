//! Giving a lease up, and asking for settings without one.

use super::dhcp_server::{SOON, eventually};
use super::dhcp4_lab::Lab;

#[test]
fn a_release_tells_the_server_and_leaves_nothing() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-option=option:dns-server,10.9.0.3"]);
    lab.bound(&["--once", "--dns", "--metric", "7"]);
    assert!(lab.routes().contains("metric 7"));
    // The server has to be found first.
    lab.client.ip(&["neigh", "flush", "dev", "eth0"]);
    let output = lab.dhcp4(&["--release", "eth0"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    server.wait_for("DHCPRELEASE", 1);
    assert_eq!(server.count("DHCPRELEASE"), 1, "{}", server.log());
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
    assert!(!lab.routes().contains("eth0"), "{}", lab.routes());
    assert!(!lab.scratch.path("run/leases/eth0.dhcp4").exists());
    assert!(!lab.scratch.text("etc/resolv.conf").contains("nameserver"));
    let error = lab.fails(&["--release", "eth0"]);
    assert!(error.contains("eth0: nothing to release"), "{error}");
}

#[test]
fn a_release_without_a_server_ends_nevertheless() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[]);
    lab.bound(&["--once"]);
    drop(server);
    lab.server.ip(&["addr", "flush", "dev", "srv"]);
    let output = lab.dhcp4(&["--release", "eth0"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
}

#[test]
fn inform_asks_for_settings_and_leaves_the_address_alone() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[
        "--dhcp-option=option:dns-server,10.9.0.3",
        "--dhcp-option=option:ntp-server,10.9.0.4",
    ]);
    let error = lab.fails(&["--inform", "eth0"]);
    assert!(error.contains("eth0 has no IPv4 address"), "{error}");
    lab.client
        .ip(&["addr", "add", "10.9.0.200/24", "dev", "eth0"]);
    let line = lab.bound(&["--inform", "--dns"]);
    assert!(
        line.starts_with("eth0: 10.9.0.200/24 via 10.9.0.1, dns 10.9.0.3 from 10.9.0.1 ("),
        "{line}"
    );
    // On a busy machine it is repeated before the answer comes.
    assert!(server.count("DHCPINFORM") >= 1);
    assert_eq!(server.count("DHCPDISCOVER"), 0);
    let addresses = lab.addresses();
    assert!(addresses.contains("10.9.0.200/24") && addresses.contains("valid_lft forever"));
    assert!(
        !lab.routes().contains("default"),
        "the routes stay as they are"
    );
    let record = lab.scratch.text("run/leases/eth0.dhcp4");
    assert!(
        record.contains("ntp=10.9.0.4") && !record.contains("lease="),
        "{record}"
    );
    // Nothing of it is taken for a lease.
    let output = lab.dhcp4(&["--release", "eth0"]);
    assert!(output.status.success());
    assert_eq!(server.count("DHCPRELEASE"), 0);
    assert!(lab.addresses().contains("10.9.0.200/24"));
}

/// An INFORM beside a lease adds to its record; a client that stays has the record for itself.
#[test]
fn inform_leaves_a_lease_what_it_is() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[
        "--dhcp-option=option:dns-server,10.9.0.3",
        "--dhcp-option=66,boot.example",
    ]);
    lab.bound(&["--once", "--dns"]);
    let record = || lab.scratch.text("run/leases/eth0.dhcp4");
    let before = record();
    assert!(
        before.contains("lease=600\n") && !before.contains("option66"),
        "{before}"
    );
    lab.bound(&["--inform", "--dns", "--option", "66"]);
    assert!(server.count("DHCPINFORM") >= 1);
    let after = record();
    for line in before.lines() {
        assert!(
            after.lines().any(|kept| kept == line),
            "{line} is gone: {after}"
        );
    }
    assert!(
        after.contains("option66=626f6f742e6578616d706c65"),
        "{after}"
    );
    let resolv = lab.scratch.text("etc/resolv.conf");
    assert!(resolv.contains("nameserver 10.9.0.3\n"), "{resolv}");

    let client = lab.foreground("--dns");
    let before = record();
    let error = lab.fails(&["--inform", "--option", "66", "eth0"]);
    assert!(error.contains("keeps a lease there"), "{error}");
    assert_eq!(record(), before);
    drop(client);
    // It is a lease still.
    let output = lab.dhcp4(&["--release", "eth0"]);
    assert!(output.status.success());
    eventually("RELEASE", SOON, || server.count("DHCPRELEASE") == 1);
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
}
