//! What is asked for, what of an answer is used, and what is dropped.

use std::time::{Duration, Instant};

use dhcproto::v4::{MessageType, OptionCode};

use super::dhcp_server::eventually;
use super::dhcp4_lab::{Lab, grant};
use super::support::INITSH;

#[test]
fn options_are_asked_for_and_kept_as_bytes() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-option=66,boot.example", "--dhcp-option=67,x$(id)"]);
    lab.bound(&[
        "--once",
        "--request",
        "67",
        "--option",
        "66",
        "--option",
        "67",
        "--hostname",
        "guest",
    ]);
    let record = lab.scratch.text("run/leases/eth0.dhcp4");
    assert!(
        record.contains("option66=626f6f742e6578616d706c65"),
        "{record}"
    );
    assert!(record.contains("option67=7824286964"), "{record}");
    assert!(
        server.log().contains("client provides name: guest"),
        "{}",
        server.log()
    );
    let output = lab
        .command(INITSH, &["get", "net.eth0.option66"])
        .output()
        .unwrap();
    assert!(output.stdout.starts_with(b"626f6f742e6578616d706c65"));
    for bad in ["0", "255", "x", ""] {
        let output = lab.dhcp4(&["--once", "--option", bad, "eth0"]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
    }
}

#[test]
fn a_network_that_prefers_ipv6_alone_gets_its_will() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-option=108,0:0:7:8"]);
    let began = Instant::now();
    let error = lab.fails(&["--once", "--timeout", "20", "eth0"]);
    assert!(
        error.contains("eth0: the network prefers IPv6 alone (option 108)"),
        "{error}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "nothing is waited for"
    );
    assert!(!lab.addresses().contains("inet "));
    assert_eq!(server.count("DHCPREQUEST"), 0);
    lab.bound(&["--once", "--ipv4"]);
}

#[test]
fn traffic_is_not_pulled_away_where_that_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&["--dhcp-option=121,0.0.0.0/1,10.9.0.66,128.0.0.0/1,10.9.0.66"]);
    lab.bound(&["--once", "--no-classless"]);
    let routes = lab.routes();
    assert!(
        routes.contains("default via 10.9.0.1") && !routes.contains("10.9.0.66"),
        "{routes}"
    );
}

#[test]
fn what_is_dropped_is_counted_and_told_once() {
    let Some(lab) = Lab::new() else { return };
    let mut turn = 0_u32;
    let _server = lab.scripted(move |request, reply| {
        turn += 1;
        let mut reply = grant(request, reply, &[]);
        match turn {
            1 => return Some(vec![2; 17]),
            2 | 3 => reply.xid ^= 1,
            4 => reply.chaddr[0] ^= 4,
            5 => reply
                .options
                .set(OptionCode::MessageType, &[MessageType::ForceRenew.into()]),
            6 => {
                let mut bytes = reply.emit();
                bytes[236] ^= 1;
                return Some(bytes);
            }
            _ => {}
        }
        Some(reply.emit())
    });
    let client = lab.foreground("2>${INITSH_RUN}log");
    eventually("counted", Duration::from_secs(10), || {
        let stats = lab.scratch.text("run/leases/eth0.dhcp4.stats");
        let counts = [
            "dropped-short=1",
            "dropped-xid=2",
            "dropped-chaddr=1",
            "dropped-forcerenew=1",
            "dropped-cookie=1",
            "received-ack=",
            "sent-request=",
        ];
        counts.iter().all(|count| stats.contains(count))
    });
    let log = lab.scratch.text("runlog");
    assert_eq!(log.matches("(xid)").count(), 1, "{log}");
    assert!(!log.contains("(chaddr)"), "{log}");
    drop(client);
}
