//! Two DHCPv4 servers on one link, of different make, which know nothing of each other.

use super::servers::lab::Lab;
use super::servers::{dhcpd, kea};

/// Kea has 10.9.0.50–59, dhcpd 10.9.0.70–79.
const KEA: &str = r#"
"authoritative": true, "valid-lifetime": 24, "renew-timer": 2, "rebind-timer": 14,
"subnet4": [ {
  "id": 1, "subnet": "10.9.0.0/24", "pools": [ { "pool": "10.9.0.50 - 10.9.0.59" } ],
  "option-data": [ { "name": "routers", "data": "10.9.0.1" } ]
} ]"#;
const DHCPD: &str = "
  ping-check false; default-lease-time 24; max-lease-time 24; min-lease-time 1;
  subnet 10.9.0.0 netmask 255.255.255.0 {
    authoritative;
    range 10.9.0.70 10.9.0.79; option routers 10.9.0.2;
    option dhcp-renewal-time 2; option dhcp-rebinding-time 14;
  }";

/// The client takes one, renews with that one alone, and when it is gone goes over to the other.
#[test]
fn one_is_chosen_and_the_other_takes_over() {
    let Some((lab, bridge)) = Lab::bridged() else {
        return;
    };
    let second = bridge.server(2);
    let kea = kea::dhcp4(&lab.server, &lab.scratch, "srv", KEA);
    let dhcpd = dhcpd::dhcp4(&second, &lab.scratch, "srv", DHCPD);
    let _client = lab.keep("dhcp4", &[]);
    let first = lab.record("dhcp4", "server");
    let (chosen, other, range) = match first.as_str() {
        "10.9.0.1" => (kea, dhcpd, "10.9.0.7"),
        _ => (dhcpd, kea, "10.9.0.5"),
    };
    chosen.wait_for("DHCPACK", 3);
    // The other one was told by the REQUEST that it was not chosen.
    assert_eq!(other.count("DHCPACK"), 0, "{}", other.log());
    assert_eq!(other.count("DHCPNAK"), 0, "{}", other.log());
    drop(chosen);
    lab.until("dhcp4", "ip4", |address| address.starts_with(range));
    let server = lab.record("dhcp4", "server");
    assert_ne!(server, first);
    let routes = lab.routes4();
    assert!(
        routes.contains(&format!("default via {server} ")),
        "{routes}"
    );
    assert!(!routes.contains(&first), "{routes}");
    other.wait_for("DHCPACK", 2);
}
