//! What is asked for, what of an answer is used, and what is dropped.

use std::os::fd::AsFd;
use std::time::Instant;

use dhcproto::v4::{MessageType, OptionCode};
use initsh::net::dhcp4::frame;
use initsh::sys::packet::{self, PacketSocket};

use super::dhcp_server::{SOON, eventually};
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
    let error = lab.fails(&["--once", "--timeout", "90", "eth0"]);
    assert!(
        error.contains("eth0: the network prefers IPv6 alone (option 108)"),
        "{error}"
    );
    assert!(began.elapsed() < SOON, "nothing is waited for");
    assert!(!lab.addresses().contains("inet "));
    assert_eq!(server.count("DHCPREQUEST"), 0);
    lab.bound(&["--once", "--ipv4"]);
    // Nor does a machine that cannot do without IPv4 ask for that.
    assert!(lab.dhcp4(&["--release", "eth0"]).status.success());
    lab.client.sysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    lab.bound(&["--once"]);
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
    eventually("counted", SOON, || {
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

/// A reply as a whole packet, from a thread that is in the server's namespace.
fn send_raw(lab: &Lab, packets: Vec<Vec<u8>>) {
    let path = std::path::Path::new("/run/netns").join(lab.server.name());
    let thread = std::thread::spawn(move || {
        let handle = std::fs::File::open(path).unwrap();
        // Of this thread only.
        nix::sched::setns(handle.as_fd(), nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let index = nix::net::if_::if_nametoindex("srv").unwrap();
        let filter = frame::filter([0; 6], None);
        let socket = PacketSocket::open(index, packet::IPV4, &filter).unwrap();
        for packet in packets {
            socket.broadcast(packet::IPV4, &packet).unwrap();
        }
    });
    thread.join().unwrap();
}

#[test]
fn packets_that_are_no_replies_are_counted_and_those_of_others_are_not_seen() {
    let Some(lab) = Lab::new() else { return };
    // Nobody answers: the client listens.
    let mut client = lab
        .command(INITSH, &["dhcp4", "--foreground", "eth0"])
        .spawn()
        .unwrap();
    let stats = || lab.scratch.text("run/leases/eth0.dhcp4.stats");
    eventually("listening", SOON, || stats().contains("sent-discover"));
    lab.server.passes("srv");
    let build = || {
        let (source, all) = ([10, 9, 0, 1].into(), std::net::Ipv4Addr::BROADCAST);
        let mut packet = frame::build(&[1; 300], source, all);
        packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
        packet
    };
    // The two bytes of the flags and the header's checksum, which is a sum.
    let flags = |bits: u16| {
        let mut packet = build();
        let old = u16::from_be_bytes([packet[6], packet[7]]);
        let sum = u16::from_be_bytes([packet[10], packet[11]]);
        let (sum, carry) = (u32::from(!sum) + u32::from(!old) + u32::from(bits), 16);
        let sum = (sum & 0xffff) + (sum >> carry);
        let sum = !(((sum & 0xffff) + (sum >> carry)) as u16);
        packet[6..8].copy_from_slice(&bits.to_be_bytes());
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let changed = |at: usize, bits: u8| {
        let mut packet = build();
        packet[at] ^= bits;
        packet
    };
    send_raw(
        &lab,
        vec![
            flags(0x2000),  // the first fragment
            flags(0x0010),  // a later one: has no port
            changed(21, 1), // from port 66
            changed(23, 1), // to port 69
            changed(40, 1), // the UDP checksum is wrong
            changed(9, 1),  // not UDP
            build(),        // no DHCP
        ],
    );
    eventually("counted", SOON, || {
        let stats = stats();
        let counts = [
            "dropped-fragment=1",
            "dropped-port=1",
            "dropped-checksum=1",
            "dropped-cookie=1",
        ];
        counts.iter().all(|count| stats.contains(count))
    });
    assert_eq!(stats().matches("dropped-").count(), 4, "{}", stats());
    client.kill().unwrap();
    client.wait().unwrap();
}
