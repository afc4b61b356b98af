//! Clients behind ISC dhcrelay: their server is on another link.

use super::servers::lab::Lab;
use super::servers::{kea, relay};
use super::support::Namespace;

/// Puts a server's namespace with `far` (10.8.0.1/24, 2001:db8:8::1/64) behind the lab's server, which
/// forwards and has 10.8.0.2 and 2001:db8:8::2 there.
fn behind(lab: &Lab) -> Namespace {
    let far = Namespace::new().unwrap();
    far.veth("far", &lab.server, "wan");
    for (namespace, name, number) in [(&far, "far", 1), (&lab.server, "wan", 2)] {
        namespace.ip(&["addr", "add", &format!("10.8.0.{number}/24"), "dev", name]);
        let address = format!("2001:db8:8::{number}/64");
        namespace.ip(&["addr", "add", &address, "dev", name, "nodad"]);
    }
    far.ip(&["route", "add", "10.9.0.0/24", "via", "10.8.0.2"]);
    far.ip(&["route", "add", "2001:db8:9::/64", "via", "2001:db8:8::2"]);
    lab.server.sysctl("net/ipv4/ip_forward", "1");
    lab.server.sysctl("net/ipv6/conf/all/forwarding", "1");
    far
}

#[test]
fn a_lease_through_a_relay_is_renewed_past_it() {
    let Some(lab) = Lab::new() else { return };
    let far = behind(&lab);
    let members = r#"
"valid-lifetime": 60, "renew-timer": 2, "rebind-timer": 50,
"subnet4": [ {
  "id": 9, "subnet": "10.9.0.0/24", "pools": [ { "pool": "10.9.0.50 - 10.9.0.50" } ],
  "option-data": [ { "name": "routers", "data": "10.9.0.1" } ]
} ]"#;
    let server = kea::dhcp4(&far, &lab.scratch, "far", members);
    let relay = relay::dhcp4(&lab.server, &lab.scratch, "srv", "wan", "10.8.0.1");
    let _client = lab.keep("dhcp4", &[]);
    assert_eq!(lab.record("dhcp4", "ip4"), "10.9.0.50");
    assert_eq!(lab.record("dhcp4", "server"), "10.8.0.1");
    assert!(
        server.log().contains("from 10.8.0.2 to 10.8.0.1"),
        "{}",
        server.log()
    );
    // Routers forward a renewal as any other packet.
    server.wait_for(
        "DHCPREQUEST (type 3) received from 10.9.0.50 to 10.8.0.1",
        1,
    );
    server.wait_for("DHCPACK (type 5) from 10.8.0.1:67 to 10.9.0.50:68", 1);
    drop(relay);
    lab.client.pings("10.8.0.1");
}

/// RFC 8415 §19: through a relay in both directions, with prefixes.
#[test]
fn an_address_and_a_prefix_through_a_relay() {
    let Some(lab) = Lab::new() else { return };
    let far = behind(&lab);
    let members = r#"
"valid-lifetime": 60, "preferred-lifetime": 50, "renew-timer": 2, "rebind-timer": 40,
"subnet6": [ {
  "id": 9, "subnet": "2001:db8:9::/64", "relay": { "ip-addresses": [ "2001:db8:9::1" ] },
  "pools": [ { "pool": "2001:db8:9::100 - 2001:db8:9::1ff" } ],
  "pd-pools": [ { "prefix": "2001:db8:f000::", "prefix-len": 48, "delegated-len": 56 } ]
} ]"#;
    let interface = "far/2001:db8:8::1";
    let server = kea::dhcp6(&far, &lab.scratch, interface, members);
    let relay = relay::dhcp6(&lab.server, &lab.scratch, "srv", "wan", "2001:db8:8::1");
    let _client = lab.keep("dhcp6", &["--pd"]);
    assert!(lab.record("dhcp6", "ip6").starts_with("2001:db8:9::1"));
    let pd = lab.record("dhcp6", "pd");
    assert!(
        pd.starts_with("2001:db8:f000:") && pd.ends_with("/56"),
        "{pd}"
    );
    assert!(relay.count("Relaying Request") >= 1, "{}", relay.log());
    // Renewals go the same way: there is no unicast to servers any more (RFC 9915).
    server.wait_for("RENEW (type 5)", 1);
    assert!(lab.routes6().contains(&format!("unreachable {pd} ")));
}
