//! Addresses that somebody else has.

use std::sync::{Arc, Mutex};

use dhcproto::v4::MessageType;
use initsh::net::dhcp4::wire::Message;

use super::dhcp_server::{SOON, Scripted, eventually};
use super::dhcp4_lab::{Lab, grant};

type Kinds = Arc<Mutex<Vec<Option<MessageType>>>>;

/// A server that leases 10.9.0.77, and 10.9.0.78 after a DECLINE.
fn server(lab: &Lab) -> (Scripted, Kinds) {
    let kinds = Kinds::default();
    let seen = kinds.clone();
    let server = lab.scripted(move |request: &Message, reply| {
        let kind = request.options.message_type();
        let mut seen = seen.lock().unwrap();
        seen.push(kind);
        if kind == Some(MessageType::Decline) {
            return None;
        }
        let mut reply = grant(request, reply, &[]);
        if seen.contains(&Some(MessageType::Decline)) {
            reply.yiaddr = [10, 9, 0, 78].into();
        }
        Some(reply.emit())
    });
    (server, kinds)
}

fn declined(kinds: &Kinds) -> bool {
    kinds.lock().unwrap().contains(&Some(MessageType::Decline))
}

#[test]
fn an_address_in_use_is_declined_at_once_and_told() {
    let Some(lab) = Lab::new() else { return };
    lab.server
        .ip(&["addr", "add", "10.9.0.77/32", "dev", "srv"]);
    let (_server, kinds) = server(&lab);
    let output = lab.dhcp4(&["--once", "eth0"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    assert!(
        error.contains("eth0: 10.9.0.77 is used by ") && error.contains("declined"),
        "{error}"
    );
    let addresses = lab.addresses();
    assert!(
        addresses.contains("10.9.0.78/24") && !addresses.contains("10.9.0.77"),
        "{addresses}"
    );
    assert!(declined(&kinds));
}

#[test]
fn an_address_is_defended_once_then_given_up() {
    let Some(lab) = Lab::new() else { return };
    let (_server, kinds) = server(&lab);
    let _client = lab.foreground("");
    let stats = || lab.scratch.text("run/leases/eth0.dhcp4.stats");
    // Three probes and two announcements.
    eventually("probed and announced", SOON, || {
        stats().contains("sent-arp=5")
    });
    let claim = || {
        let args = [
            "arping",
            "-U",
            "-c",
            "1",
            "-w",
            "1",
            "-I",
            "srv",
            "-s",
            "10.9.0.77",
            "10.9.0.77",
        ];
        lab.server
            .ip(&["addr", "add", "10.9.0.77/32", "dev", "srv"]);
        let _ = lab.server.command("busybox", &args).output().unwrap();
        lab.server
            .ip(&["addr", "del", "10.9.0.77/32", "dev", "srv"]);
    };
    claim();
    eventually("defended", SOON, || stats().contains("sent-arp=6"));
    assert!(!declined(&kinds));
    assert!(lab.addresses().contains("10.9.0.77/24"));
    // Within ten seconds of the first: a busy machine may need more than one.
    eventually("given up", SOON, || {
        claim();
        declined(&kinds)
    });
    eventually("another address", SOON, || {
        let addresses = lab.addresses();
        addresses.contains("10.9.0.78/24") && !addresses.contains("10.9.0.77")
    });
}

/// The kernel answers for the addresses of one card on the other.
#[test]
fn two_cards_on_one_link_are_no_conflict() {
    let Some(lab) = Lab::new() else { return };
    let server = &lab.server;
    server.ip(&["link", "add", "br0", "type", "bridge"]);
    server.ip(&["addr", "flush", "dev", "srv"]);
    server.ip(&["link", "set", "srv", "master", "br0"]);
    server.veth("srv1", &lab.client, "eth1");
    server.ip(&["link", "set", "srv1", "master", "br0"]);
    server.ip(&["link", "set", "br0", "up"]);
    server.ip(&["addr", "add", "10.9.0.1/24", "dev", "br0"]);
    let range = "10.9.0.50,10.9.0.59,10m";
    let dnsmasq = super::dhcp_server::Dnsmasq::start(server, &lab.scratch, "br0", range, &[]);
    let output = lab.dhcp4(&["--once", "eth0", "eth1"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    assert_eq!(dnsmasq.count("DHCPDECLINE"), 0, "{}", dnsmasq.log());
    let _client = lab.foreground("");
    let stats = || lab.scratch.text("run/leases/eth0.dhcp4.stats");
    eventually("probed and announced", SOON, || {
        stats().contains("sent-arp=5")
    });
    assert_eq!(dnsmasq.count("DHCPDECLINE"), 0, "{}", dnsmasq.log());
}
