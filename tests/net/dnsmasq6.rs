//! The clients of IPv6 against dnsmasq.

use super::dhcp_server::Dnsmasq;
use super::servers::lab::Lab;

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
    let _ = lab.initsh(&["dhcp6", "--once", "--pd", "--dns", "--timeout", "3", "eth0"]);
    let ip = lab.record("dhcp6", "ip6");
    assert!(ip.starts_with("2001:db8:9::1"), "{ip} {}", server.log());
    assert_eq!(lab.record("dhcp6", "pd"), "");
    assert_eq!(lab.record("dhcp6", "lease6"), "600");
    assert!(lab.addresses().contains(&ip), "{}", lab.addresses());
    let resolv = lab.resolv_conf();
    assert!(resolv.contains("nameserver 2001:db8:9::3\n"), "{resolv}");
    assert!(resolv.contains("search a.example\n"), "{resolv}");
}
