//! The DHCPv4 client against Kea.

use super::dhcp_server::eventually;
use super::servers::kea;
use super::servers::lab::{Lab, SOON};

/// A subnet with every option that the client asks for and Kea can be told. One address, because Kea offers
/// another one to each DISCOVER, and on a busy machine there are several.
const FULL: &str = r#"
"authoritative": true,
"valid-lifetime": 900, "renew-timer": 300, "rebind-timer": 600,
"option-def": [
  { "name": "routes", "code": 121, "space": "dhcp4", "type": "binary" },
  { "name": "host-routes", "code": 249, "space": "dhcp4", "type": "binary" }
],
"subnet4": [ {
  "id": 1, "subnet": "10.9.0.0/24", "pools": [ { "pool": "10.9.0.50 - 10.9.0.50" } ],
  "option-data": [
    { "name": "routers", "data": "10.9.0.1, 10.9.0.2" },
    { "name": "domain-name-servers", "data": "10.9.0.3, 10.9.0.4" },
    { "name": "domain-name", "data": "example.org" },
    { "name": "domain-search", "data": "a.example, b.example" },
    { "name": "ntp-servers", "data": "10.9.0.5" },
    { "name": "interface-mtu", "data": "1400" },
    { "name": "broadcast-address", "data": "10.9.0.127" },
    { "name": "host-name", "data": "guest7" }
  ]
} ]"#;

#[test]
fn everything_that_kea_grants_is_configured() {
    let Some(lab) = Lab::new() else { return };
    let _server = kea::dhcp4(&lab.server, &lab.scratch, "srv", FULL);
    let line = lab.ok(&["dhcp4", "--once", "--dns", "eth0"]);
    assert!(
        line.starts_with("eth0: 10.9.0.50/24 via 10.9.0.1"),
        "{line}"
    );
    for (key, value) in [
        ("ip4", "10.9.0.50"),
        ("prefix", "24"),
        ("mask", "255.255.255.0"),
        ("broadcast", "10.9.0.127"),
        ("gateway", "10.9.0.1"),
        ("dns", "10.9.0.3 10.9.0.4"),
        ("domain", "example.org"),
        ("search", "a.example b.example"),
        ("hostname", "guest7"),
        ("ntp", "10.9.0.5"),
        ("server", "10.9.0.1"),
        ("lease", "900"),
        ("t1", "300"),
        ("t2", "600"),
        ("mtu", "1400"),
    ] {
        assert_eq!(lab.record("dhcp4", key), value, "{key}");
    }
    let addresses = lab.addresses();
    assert!(addresses.contains("mtu 1400"), "{addresses}");
    assert!(
        addresses.contains("inet 10.9.0.50/24 brd 10.9.0.127"),
        "{addresses}"
    );
    let routes = lab.routes4();
    assert!(
        routes.contains("default via 10.9.0.1 dev eth0 proto dhcp"),
        "{routes}"
    );
    let resolv = lab.resolv_conf();
    assert!(
        resolv.contains("nameserver 10.9.0.3\nnameserver 10.9.0.4\n"),
        "{resolv}"
    );
    assert!(resolv.contains("search a.example b.example\n"), "{resolv}");
    lab.client.pings("10.9.0.1");
}

#[test]
fn a_lease_outlives_restarts_of_kea_and_is_renewed_by_unicast() {
    let Some(lab) = Lab::new() else { return };
    let members = FULL.replace("300, ", "2, ").replace("600,", "8,");
    let server = kea::dhcp4(&lab.server, &lab.scratch, "srv", &members);
    let client = lab.keep("dhcp4", &[]);
    server.wait_for("DHCP4_LEASE_ALLOC", 2);
    // The lease file is what makes it the same server.
    drop(server);
    let server = kea::dhcp4(&lab.server, &lab.scratch, "srv", &members);
    // One that comes back late is asked by broadcast at first.
    let unicast = "DHCPREQUEST (type 3) received from 10.9.0.50 to 10.9.0.1 ";
    server.wait_for(unicast, 1);
    let log = server.log();
    assert!(!log.contains("DHCPDISCOVER"), "{log}");
    assert_eq!(lab.record("dhcp4", "ip4"), "10.9.0.50");
    assert!(lab.addresses().contains("inet 10.9.0.50/24"));
    client.end();
    assert!(lab.addresses().contains("inet 10.9.0.50/24"), "left alone");
}

/// RFC 3442: 121 replaces 3 and 33; a gateway that is not on the link is reached all the same.
#[test]
fn classless_routes() {
    let Some(lab) = Lab::new() else { return };
    // 10.50.0.0/16 via 10.9.0.7, 192.0.2.128/25 on the link, 0.0.0.0/0 via 10.9.0.8.
    let hex = "100A320A090007 19C000028000000000 000A090008".replace(' ', "");
    let route = format!(
        r#""option-data": [ {{ "name": "routes", "data": "{hex}", "csv-format": false,
           "always-send": true }},"#
    );
    let members = FULL.replace(r#""option-data": ["#, &route);
    let _server = kea::dhcp4(&lab.server, &lab.scratch, "srv", &members);
    lab.ok(&["dhcp4", "--once", "--metric", "7", "eth0"]);
    let routes = lab.routes4();
    for route in [
        "default via 10.9.0.8 dev eth0",
        "10.50.0.0/16 via 10.9.0.7 dev eth0",
        "192.0.2.128/25 dev eth0",
    ] {
        let found = routes.lines().find(|line| line.starts_with(route));
        assert!(
            found.is_some_and(|line| line.contains("metric 7")),
            "{route}: {routes}"
        );
    }
    assert!(!routes.contains("via 10.9.0.1 "), "{routes}");
}

/// The client's identifier and name reach the server, which grants what was reserved for them.
#[test]
fn a_reservation_for_a_client_identifier() {
    let Some(lab) = Lab::new() else { return };
    let members = r#"
"host-reservation-identifiers": [ "client-id" ], "valid-lifetime": 900,
"subnet4": [ {
  "id": 1, "subnet": "10.9.0.0/24", "pools": [ { "pool": "10.9.0.50 - 10.9.0.50" } ],
  "reservations": [ { "client-id": "00abcdef", "ip-address": "10.9.0.99", "hostname": "vm-99" } ]
} ]"#;
    let server = kea::dhcp4(&lab.server, &lab.scratch, "srv", members);
    let args = [
        "dhcp4",
        "--once",
        "--client-id",
        "00abcdef",
        "--hostname",
        "vm-1",
        "eth0",
    ];
    lab.ok(&args);
    assert_eq!(lab.record("dhcp4", "ip4"), "10.9.0.99");
    assert_eq!(lab.record("dhcp4", "hostname"), "vm-99");
    let log = server.log();
    assert!(
        log.contains("type=012") && log.contains("\"vm-1\""),
        "{log}"
    );
    // Without it: another.
    lab.ok(&["dhcp4", "--once", "eth0"]);
    assert_eq!(lab.record("dhcp4", "ip4"), "10.9.0.50");
    eventually("the old address is gone", SOON, || {
        !lab.addresses().contains("10.9.0.99")
    });
}

/// Kea has no address left: it says nothing, and the client says so.
#[test]
fn an_exhausted_pool() {
    let Some(lab) = Lab::new() else { return };
    let server = kea::dhcp4(&lab.server, &lab.scratch, "srv", FULL);
    lab.ok(&["dhcp4", "--once", "eth0"]);
    lab.client.ip(&["addr", "flush", "dev", "eth0"]);
    let _ = std::fs::remove_file(lab.scratch.path("run/leases/eth0.dhcp4"));
    let error = lab.fails(&[
        "dhcp4",
        "--once",
        "--client-id",
        "0001",
        "--timeout",
        "4",
        "eth0",
    ]);
    assert!(error.contains("eth0: no answer after"), "{error}");
    server.wait_for("ALLOC_ENGINE_V4_ALLOC_FAIL", 1);
    assert!(!lab.addresses().contains("inet "));
}

#[test]
fn a_lease_for_ever() {
    let Some(lab) = Lab::new() else { return };
    let members = FULL.replace(
        r#""valid-lifetime": 900,"#,
        r#""valid-lifetime": 4294967295,"#,
    );
    let _server = kea::dhcp4(&lab.server, &lab.scratch, "srv", &members);
    lab.ok(&["dhcp4", "--once", "eth0"]);
    let addresses = lab.addresses();
    assert!(addresses.contains("inet 10.9.0.50/24"), "{addresses}");
    assert!(addresses.contains("valid_lft forever"), "{addresses}");
}

/// RFC 5227: another host has the address that is granted; it is declined, and another taken.
#[test]
fn an_address_that_another_host_has() {
    let Some((lab, bridge)) = Lab::bridged() else {
        return;
    };
    let _other = bridge.server(77);
    let members = r#"
"host-reservation-identifiers": [ "client-id" ], "valid-lifetime": 900,
"subnet4": [ {
  "id": 1, "subnet": "10.9.0.0/24", "pools": [ { "pool": "10.9.0.50 - 10.9.0.59" } ],
  "reservations": [ { "client-id": "00abcdef", "ip-address": "10.9.0.77" } ]
} ]"#;
    let server = kea::dhcp4(&lab.server, &lab.scratch, "srv", members);
    let _client = lab.start("dhcp4", &["--client-id", "00abcdef"]);
    server.wait_for("DHCPDECLINE (type 4)", 1);
    lab.until("dhcp4", "ip4", |address| address.starts_with("10.9.0.5"));
    eventually("only the new address", SOON, || {
        let addresses = lab.addresses();
        addresses.contains("inet 10.9.0.5") && !addresses.contains("10.9.0.77")
    });
}
