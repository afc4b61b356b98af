//! The DHCPv6 client against ISC dhcpd, with delegated prefixes; and a choice between it and Kea.

use std::fs;

use super::dhcp_server::eventually;
use super::servers::lab::{Lab, SOON};
use super::servers::{Server, dhcpd, kea};

/// One subnet with addresses 2001:db8:9::POOL00 and following, and prefixes as they are written here.
fn config(pool: char, prefixes: &str, options: &str) -> String {
    format!(
        "server-duid en 2495 \"dhcpd\"; authoritative;
         default-lease-time 90; preferred-lifetime 60;
         option dhcp-renewal-time 2; option dhcp-rebinding-time 6;
         subnet6 2001:db8:9::/64 {{
           range6 2001:db8:9::{pool}00 2001:db8:9::{pool}ff; prefix6 {prefixes};
           option dhcp6.name-servers 2001:db8:9::3; option dhcp6.domain-search \"a.example\";
           option dhcp6.sntp-servers 2001:db8:9::5; {options}
         }}"
    )
}

const PREFIXES: &str = "2001:db8:d000:: 2001:db8:d000:ff00:: /56";

fn start(lab: &Lab, config: &str) -> Server {
    dhcpd::dhcp6(&lab.server, &lab.scratch, "srv", config)
}

#[test]
fn an_address_and_a_prefix_outlive_restarts_of_dhcpd() {
    let Some(lab) = Lab::new() else { return };
    let config = config('1', PREFIXES, "");
    let server = start(&lab, &config);
    let client = lab.keep("dhcp6", &["--pd", "--dns"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    assert!(ip.starts_with("2001:db8:9::1"), "{ip}");
    assert!(
        pd.starts_with("2001:db8:d000:") && pd.ends_with("00::/56"),
        "{pd}"
    );
    for (key, value) in [
        ("dns6", "2001:db8:9::3"),
        ("search6", "a.example"),
        ("ntp6", "2001:db8:9::5"),
        ("lease6", "90"),
        ("t1", "2"),
        ("t2", "6"),
    ] {
        assert_eq!(lab.record("dhcp6", key), value, "{key}");
    }
    assert!(lab.addresses().contains(&format!("inet6 {ip}/128 ")));
    assert!(lab.routes6().contains(&format!("unreachable {pd} ")));
    assert!(lab.resolv_conf().contains("nameserver 2001:db8:9::3\n"));
    server.wait_for("Renew message from", 1);
    drop(server);
    let server = start(&lab, &config);
    server.wait_for("Renew message from", 2);
    assert_eq!(server.count("Solicit message from"), 0, "{}", server.log());
    assert_eq!(lab.record("dhcp6", "ip6"), ip);
    assert_eq!(lab.record("dhcp6", "pd"), pd);
    client.end();
}

/// It has lost its leases and has others to give: no binding, says the server, and the client asks anew.
#[test]
fn a_server_that_has_forgotten_everything() {
    let Some(lab) = Lab::new() else { return };
    let server = start(&lab, &config('1', PREFIXES, ""));
    let _client = lab.keep("dhcp6", &["--pd"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    drop(server);
    let leases = format!("dhcpd6-{}.leases", lab.server.name());
    fs::remove_file(lab.scratch.path(&leases)).unwrap();
    let other = "2001:db8:e000:: 2001:db8:e000:fff0:: /60";
    let _server = start(&lab, &config('5', other, ""));
    lab.until("dhcp6", "pd", |now| {
        now.starts_with("2001:db8:e000:") && now.ends_with("0::/60")
    });
    lab.until("dhcp6", "ip6", |now| now.starts_with("2001:db8:9::5"));
    let (new_ip, new_pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    eventually("the new ones are configured", SOON, || {
        lab.addresses().contains(&new_ip) && lab.routes6().contains(&new_pd)
    });
    eventually("the old ones are gone", SOON, || {
        !lab.addresses().contains(&ip) && !lab.routes6().contains(&pd)
    });
}

/// The server is gone, and another one has its link: it is asked from T2 on, and has other addresses.
#[test]
fn another_server_in_its_place() {
    let Some(lab) = Lab::new() else { return };
    let server = start(&lab, &config('1', PREFIXES, ""));
    let _client = lab.keep("dhcp6", &["--pd"]);
    let (ip, pd) = (lab.record("dhcp6", "ip6"), lab.record("dhcp6", "pd"));
    drop(server);
    let members = r#"
"valid-lifetime": 900, "preferred-lifetime": 600,
"subnet6": [ {
  "id": 1, "subnet": "2001:db8:9::/64", "interface": "srv",
  "pools": [ { "pool": "2001:db8:9::500 - 2001:db8:9::5ff" } ],
  "pd-pools": [ { "prefix": "2001:db8:e000::", "prefix-len": 48, "delegated-len": 60 } ]
} ]"#;
    let kea = kea::dhcp6(&lab.server, &lab.scratch, "srv", members);
    lab.until("dhcp6", "ip6", |ip6| ip6.starts_with("2001:db8:9::5"));
    lab.until("dhcp6", "pd", |pd| pd.starts_with("2001:db8:e000:"));
    assert!(kea.count("REBIND (type 6)") >= 1, "{}", kea.log());
    eventually("the old ones are gone", SOON, || {
        !lab.addresses().contains(&ip) && !lab.routes6().contains(&pd)
    });
}

/// RFC 8415 §18.2.9: by its preference, where the client has time to compare.
#[test]
fn the_preferred_one_of_two_servers() {
    let Some((lab, bridge)) = Lab::bridged() else {
        return;
    };
    let second = bridge.server(2);
    let members = r#"
"valid-lifetime": 900, "preferred-lifetime": 600,
"subnet6": [ {
  "id": 1, "subnet": "2001:db8:9::/64", "interface": "srv",
  "pools": [ { "pool": "2001:db8:9::500 - 2001:db8:9::5ff" } ],
  "option-data": [ { "name": "preference", "data": "5" } ]
} ]"#;
    let kea = kea::dhcp6(&lab.server, &lab.scratch, "srv", members);
    let options = "option dhcp6.preference 9;";
    let config = config('1', PREFIXES, options);
    let dhcpd = dhcpd::dhcp6(&second, &lab.scratch, "srv", &config);
    lab.ok(&["dhcp6", "--once", "--rfc", "eth0"]);
    assert!(lab.record("dhcp6", "ip6").starts_with("2001:db8:9::1"));
    assert!(dhcpd.count("Request message from") >= 1);
    assert_eq!(kea.count("DHCP6_LEASE_ALLOC"), 0, "{}", kea.log());
}
