//! The DHCPv4 client against dnsmasq and against servers that misbehave.

use std::time::{Duration, Instant};

use dhcproto::v4::{MessageType, OptionCode};
use nix::sys::signal::Signal;

use super::dhcp_server::{Dnsmasq, SOON, eventually};
use super::dhcp4_lab::{Lab, SERVER, grant};
use super::support::INITSH;

/// Nobody is there afterwards to write them.
#[test]
fn what_once_has_counted_is_left() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[]);
    lab.bound(&["--once"]);
    let shown = || {
        let output = lab.command(INITSH, &["net", "stats"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for counted in ["sent-discover", "sent-request", "received-ack"] {
        assert!(shown().contains(counted), "{counted}: {}", shown());
    }
    drop(server);
    lab.client.ip(&["addr", "flush", "dev", "eth0"]);
    lab.fails(&["--once", "--timeout", "0.5", "eth0"]);
    assert!(!shown().contains("received-ack"), "{}", shown());
    assert!(shown().contains("sent-discover"), "{}", shown());
}

#[test]
fn a_lease_from_dnsmasq() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[
        "--dhcp-option=option:dns-server,10.9.0.3,10.9.0.4",
        "--dhcp-option=option:domain-name,example.org",
        "--dhcp-option=option:domain-search,a.example,b.example",
        "--dhcp-option=option:mtu,1400",
    ]);
    let line = lab.bound(&["--once", "--dns"]);
    assert!(line.starts_with("eth0: 10.9.0.5"), "{line}");
    assert!(
        line.contains(
            "/24 via 10.9.0.1, dns 10.9.0.3 10.9.0.4, mtu 1400, lease 600 s from 10.9.0.1 ("
        ),
        "{line}"
    );
    let addresses = lab.addresses();
    assert!(addresses.contains("brd 10.9.0.255"), "{addresses}");
    assert!(addresses.contains("mtu 1400"), "{addresses}");
    let valid = addresses.split("valid_lft ").nth(1).unwrap();
    let valid: u32 = valid.split("sec").next().unwrap().parse().unwrap();
    assert!((500..=600).contains(&valid), "{addresses}");
    assert!(
        lab.routes()
            .starts_with("default via 10.9.0.1 dev eth0 proto dhcp src 10.9.0.")
    );
    assert_eq!(
        lab.scratch.text("etc/resolv.conf"),
        "# Written by initsh from: eth0.dhcp4\nnameserver 10.9.0.3\nnameserver 10.9.0.4\n\
         search a.example b.example\n"
    );
    let lease = lab.scratch.text("run/leases/eth0.dhcp4");
    for line in [
        "prefix=24",
        "gateway=10.9.0.1",
        "dns=10.9.0.3 10.9.0.4",
        "domain=example.org",
        "t1=300",
    ] {
        assert!(
            lease.lines().any(|known| known == line),
            "{line} is not in {lease}"
        );
    }
    lab.client.pings("10.9.0.1");
    let output = lab
        .command(INITSH, &["get", "net.eth0.gateway"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "10.9.0.1\n");
}

#[test]
fn a_resolv_conf_that_is_a_mount_point_is_written_in_place() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&["--dhcp-option=option:dns-server,10.9.0.3"]);
    let (etc, other) = (lab.scratch.path("etc"), lab.scratch.path("other"));
    std::fs::create_dir(&etc).unwrap();
    std::fs::write(etc.join("resolv.conf"), "below").unwrap();
    std::fs::write(&other, "above").unwrap();
    let script = format!(
        "mount --bind '{}' '{}/resolv.conf' && exec '{INITSH}' dhcp4 --once --dns eth0",
        other.display(),
        etc.display()
    );
    let mut command = lab.command("unshare", &["-m", "sh", "-c", &script]);
    assert!(command.status().unwrap().success());
    assert!(lab.scratch.text("other").contains("nameserver 10.9.0.3"));
    assert_eq!(lab.scratch.text("etc/resolv.conf"), "below");
}

/// As in the guest: PID 1 runs the client as a service.
#[test]
fn with_a_pid1_the_lease_is_kept_by_a_service() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-option=option:dns-server,10.9.0.3"]);
    lab.client.ip(&[
        "link", "add", "eth1", "type", "veth", "peer", "name", "dead",
    ]);
    let script = format!(
        "i() {{ echo \"== $*\"; '{INITSH}' \"$@\"; }}
         exec 2>&1
         until [ -e \"$INITSH_RUN/control\" ]; do sleep 0.05; done
         i dhcp4 eth0; i services; i get net.eth0.dns; i dhcp4 --no-routes eth0
         i dhcp4 --timeout 0.5 eth1; i dhcp4 eth9; i services
         i dhcp4 --release eth0; i dhcp4 --background eth0; i poweroff"
    );
    let args = [
        "-fp",
        "--mount-proc",
        INITSH,
        "--pid1",
        "--",
        "/bin/sh",
        "-c",
        &script,
    ];
    let mut command = lab.command("timeout", &["-k", "5", "180", "unshare"]);
    let output = command.args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let part = |of: &str, count: usize| {
        let part = text
            .split("== ")
            .filter_map(|part| part.strip_prefix(of))
            .nth(count);
        part.unwrap_or_else(|| panic!("no {of}: {text}")).to_owned()
    };
    assert!(
        part("dhcp4 eth0\n", 0).starts_with("eth0: 10.9.0.5"),
        "{text}"
    );
    assert!(
        part("services\n", 0).contains("dhcp4.eth0  Running"),
        "{text}"
    );
    assert!(
        part("get net.eth0.dns\n", 0).starts_with("10.9.0.3\n"),
        "{text}"
    );
    assert!(
        part("dhcp4 --no-routes", 0).contains("eth0: 10.9.0.5"),
        "{text}"
    );
    let waits = part("dhcp4 --timeout 0.5 eth1\n", 0);
    assert!(
        waits.contains("eth1: no carrier in 500 ms; dhcp4.eth1 goes on in the background"),
        "{text}"
    );
    assert!(part("dhcp4 eth9\n", 0).contains("ENODEV"), "{text}");
    let services = part("services\n", 1);
    assert!(
        services.contains("dhcp4.eth1  Starting") && !services.contains("eth9"),
        "{text}"
    );
    assert_eq!(part("dhcp4 --release eth0\n", 0), "", "{text}");
    assert_eq!(part("dhcp4 --background eth0\n", 0), "", "{text}");
    server.wait_for("DHCPRELEASE", 1);
    assert_eq!(server.count("DHCPRELEASE"), 1, "{}", server.log());
}

/// Its service says so once, and goes on when an interface of that name is there again.
#[test]
fn a_service_waits_for_an_interface_that_is_gone() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[]);
    let script = format!(
        "i() {{ '{INITSH}' \"$@\"; }}
         until_services() {{ until i services dhcp4.eth0 2>&1 | grep -q \"$1\"; do sleep 0.1; done; }}
         exec 2>&1
         until [ -e \"$INITSH_RUN/control\" ]; do sleep 0.1; done
         i dhcp4 eth0
         ip link set eth0 down; ip link set eth0 name away
         until_services 'Starting .*gone; waits for its return'
         echo '== typed'; i dhcp4 eth0
         ip link set away name eth0
         until_services Running
         i poweroff"
    );
    let mut command = lab.command("timeout", &["-k", "5", "180", "unshare"]);
    let args = [
        "-fp",
        "--mount-proc",
        INITSH,
        "--pid1",
        "--",
        "/bin/sh",
        "-c",
    ];
    let output = command.args(args).arg(&script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let typed = text.split("== typed").nth(1);
    assert!(typed.is_some_and(|said| said.contains("ENODEV")), "{text}");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(log.matches("waits for its return").count(), 1, "{log}");
    assert!(!log.contains("ENODEV"), "{log}");
    assert!(server.count("DHCPACK") >= 2, "{}", server.log());
}

#[test]
fn the_desk_is_left_alone_and_warned() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&["--dhcp-option=option:dns-server,10.9.0.3"]);
    let output = lab.dhcp4(&["--no-routes", "eth0"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody renews"));
    assert!(!lab.scratch.path("etc/resolv.conf").exists());
    assert!(!lab.routes().contains("default"), "--no-routes");
}

#[test]
fn rapid_commit_takes_two_messages() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-rapid-commit"]);
    lab.bound(&["--once"]);
    // A busy machine may answer the second DISCOVER; the exchange of four always has a REQUEST.
    assert!(server.count("DHCPDISCOVER") >= 1);
    assert_eq!(server.count("DHCPREQUEST"), 0);
}

#[test]
fn option_121_replaces_the_router() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&["--dhcp-option=121,10.50.0.0/16,10.9.0.7"]);
    lab.bound(&["--once", "--metric", "5"]);
    let routes = lab.routes();
    assert!(
        routes.contains("10.50.0.0/16 via 10.9.0.7 dev eth0 proto dhcp"),
        "{routes}"
    );
    assert!(routes.contains("metric 5"), "{routes}");
    assert!(!routes.contains("default"), "{routes}");
}

#[test]
fn a_host_lease_with_a_gateway_elsewhere() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[
        "--dhcp-option=option:netmask,255.255.255.255",
        "--dhcp-option=option:router,169.254.0.1",
    ]);
    lab.server
        .ip(&["addr", "add", "169.254.0.1/32", "dev", "srv"]);
    let line = lab.bound(&["--once"]);
    assert!(line.contains("/32 via 169.254.0.1"), "{line}");
    let routes = lab.routes();
    assert!(
        routes.contains("default via 169.254.0.1 dev eth0"),
        "{routes}"
    );
    lab.client.pings("169.254.0.1");
}

#[test]
fn renews_and_takes_another_address_after_a_nak() {
    let Some(lab) = Lab::new() else { return };
    let options = ["--dhcp-option=option:T1,2", "--dhcp-option=option:T2,8"];
    let server = lab.dnsmasq(&options);
    let mut client = lab.foreground("--dns");
    // A busy machine is asked more than once.
    let (discovers, acks) = (server.count("DHCPDISCOVER"), server.count("DHCPACK"));
    server.wait_for("DHCPACK", acks + 1);
    assert_eq!(server.count("DHCPDISCOVER"), discovers, "{}", server.log());

    drop(server);
    let _ = std::fs::remove_file(lab.scratch.path("dnsmasq.leases"));
    lab.server.ip(&["addr", "add", "10.8.0.1/24", "dev", "srv"]);
    lab.server.ip(&["addr", "del", "10.9.0.1/24", "dev", "srv"]);
    let range = "10.8.0.50,10.8.0.59,10m";
    let _server = Dnsmasq::start(&lab.server, &lab.scratch, "srv", range, &options);
    eventually("another address", SOON, || {
        lab.addresses().contains("inet 10.8.0.")
    });
    eventually("its lease and route", SOON, || {
        lab.scratch
            .text("run/leases/eth0.dhcp4")
            .contains("ip4=10.8.0.")
            && lab.routes().contains("default via 10.8.0.1")
    });
    assert!(!lab.addresses().contains("10.9.0."), "{}", lab.addresses());
    assert!(!lab.routes().contains("10.9.0."), "{}", lab.routes());

    client.signal(Signal::SIGTERM);
    assert!(client.0.wait().unwrap().success());
    assert!(
        lab.addresses().contains("inet 10.8.0."),
        "SIGTERM leaves the address"
    );
}

#[test]
fn an_expired_lease_is_removed() {
    let Some(lab) = Lab::new() else { return };
    // Whatever is asked until the lease is granted, and nothing after it.
    let mut granted = false;
    let _server = lab.scripted(move |request, reply| {
        let silent = granted;
        granted |= request.options.message_type() == Some(MessageType::Request);
        let ten = 10_u32.to_be_bytes();
        let options: [(OptionCode, &[u8]); 3] = [
            (OptionCode::AddressLeaseTime, &ten),
            (OptionCode::Router, &SERVER),
            (OptionCode::DomainNameServer, &SERVER),
        ];
        (!silent).then(|| grant(request, reply, &options).emit())
    });
    let began = Instant::now();
    let _client = lab.foreground("--dns");
    assert!(lab.addresses().contains("inet 10.9.0.77/24"));
    assert!(
        lab.scratch
            .text("etc/resolv.conf")
            .contains("nameserver 10.9.0.1")
    );
    eventually("the end of the lease", SOON, || {
        !lab.scratch.path("run/leases/eth0.dhcp4").exists()
    });
    let lasted = began.elapsed();
    assert!(lasted >= Duration::from_secs(10), "{lasted:?}");
    assert!(!lab.addresses().contains("inet "), "{}", lab.addresses());
    assert!(!lab.routes().contains("default"), "{}", lab.routes());
    eventually("DNS withdrawn", SOON, || {
        !lab.scratch.text("etc/resolv.conf").contains("nameserver")
    });
}

#[test]
fn an_absent_server_is_told_apart_from_an_absent_cable() {
    let Some(lab) = Lab::new() else { return };
    let began = Instant::now();
    let error = lab.fails(&["--timeout", "1", "eth0"]);
    assert!(error.contains("eth0: no answer after "), "{error}");
    // Without these words it would be ten seconds.
    assert!(began.elapsed() < Duration::from_secs(9));
    assert!(!lab.addresses().contains("inet "));

    lab.server.ip(&["link", "set", "srv", "down"]);
    let error = lab.fails(&["--timeout", "0.3", "eth0"]);
    assert!(error.contains("eth0: no carrier"), "{error}");
    let error = lab.fails(&["eth9"]);
    assert!(
        error.contains("eth9") && error.contains("ENODEV"),
        "{error}"
    );
    let error = lab.fails(&["lo"]);
    assert!(error.contains("lo is not an Ethernet interface"), "{error}");
}

#[test]
fn a_carrier_that_comes_later_is_used_at_once() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[]);
    lab.server.ip(&["link", "set", "srv", "down"]);
    let mut client = lab
        .command(INITSH, &["dhcp4", "--once", "--timeout", "90", "eth0"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    lab.server.ip(&["link", "set", "srv", "up"]);
    let up = Instant::now();
    assert!(client.wait().unwrap().success());
    assert!(up.elapsed() < Duration::from_secs(30), "{:?}", up.elapsed());
}

#[test]
fn a_refusing_server_is_named_as_such() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.scripted(|request, reply| {
        let mut reply = grant(request, reply, &[]);
        if request.options.message_type() == Some(MessageType::Request) {
            reply.yiaddr = [0; 4].into();
            reply
                .options
                .set(OptionCode::MessageType, &[MessageType::Nak.into()]);
            // As slirp does.
            reply.options.unset(OptionCode::ServerIdentifier);
        }
        Some(reply.emit())
    });
    let error = lab.fails(&["--timeout", "4", "eth0"]);
    assert!(error.contains("eth0: the server refuses (NAK)"), "{error}");
}

#[test]
fn bad_options_are_dropped_alone_and_hostile_text_reaches_no_file() {
    let Some(lab) = Lab::new() else { return };
    let hostile = b"x\nnameserver 6.6.6.6\n$(reboot)`id`'\"\0\x1b[2J";
    let _server = lab.scripted(move |request, reply| {
        let options: [(OptionCode, &[u8]); 12] = [
            (OptionCode::DomainName, hostile),
            (OptionCode::Hostname, hostile),
            (OptionCode::RootPath, hostile),
            (
                OptionCode::DomainSearch,
                &[0xc0, 0x00, 3, b'a', b'\n', b'b', 0],
            ),
            (OptionCode::Router, &[10, 9, 0]),
            (OptionCode::NtpServers, &[]),
            (OptionCode::InterfaceMtu, &[0, 68]),
            (OptionCode::BroadcastAddr, &[255]),
            (
                OptionCode::ClasslessStaticRoute,
                &[33, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            ),
            (OptionCode::Renewal, &[0xff; 4]),
            (OptionCode::Rebinding, &[0, 0, 0]),
            (OptionCode::DomainNameServer, &[10, 9, 0, 3]),
        ];
        let mut bytes = grant(request, reply, &options).emit();
        // An option that claims more than there is, in place of the end.
        let end = bytes.iter().rposition(|&byte| byte == 255).unwrap();
        bytes.truncate(end);
        bytes.extend_from_slice(&[56, 200, b'x']);
        Some(bytes)
    });
    let line = lab.bound(&["--once", "--dns"]);
    assert!(
        line.starts_with("eth0: 10.9.0.77/24, dns 10.9.0.3, lease 600 s from 10.9.0.1 ("),
        "{line}"
    );
    assert_eq!(
        lab.scratch.text("etc/resolv.conf"),
        "# Written by initsh from: eth0.dhcp4\nnameserver 10.9.0.3\n"
    );
    let lease = lab.scratch.text("run/leases/eth0.dhcp4");
    assert!(
        !lease.contains("6.6.6.6") && !lease.contains("reboot"),
        "{lease}"
    );
    assert!(lab.addresses().contains("mtu 1500"));
}

#[test]
fn noise_does_not_disturb() {
    let Some(lab) = Lab::new() else { return };
    let mut turn = 0_u8;
    let _server = lab.scripted(move |request, reply| {
        turn += 1;
        let mut reply = grant(request, reply, &[]);
        match turn {
            1 => return Some(vec![2; 17]),
            2 => reply.xid ^= 1,
            3 => reply.chaddr[0] ^= 4,
            4 => reply.op = 1,
            5 => reply.yiaddr = [224, 0, 0, 1].into(),
            _ => {}
        }
        Some(reply.emit())
    });
    lab.bound(&["--once"]);
}

#[test]
fn all_interfaces_at_once_and_each_has_its_own_answer() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[]);
    lab.client.ip(&[
        "link", "add", "eth1", "type", "veth", "peer", "name", "dead",
    ]);
    lab.client.ip(&["link", "set", "dead", "up"]);
    let output = lab.dhcp4(&["--once", "--timeout", "5", "eth1", "eth0"]);
    let (out, error) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.starts_with("eth0: 10.9.0.5") && out.lines().count() == 1,
        "{out}"
    );
    assert!(error.contains("eth1: no answer after"), "{error}");
}

#[test]
fn idle_clients_are_small() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[]);
    let client = lab.foreground("");
    // Netlink, and the one that watches over the address.
    eventually("sockets closed", SOON, || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", client.0.id())).unwrap();
        let open = fds.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
        open.filter(|fd| fd.to_string_lossy().starts_with("socket:"))
            .count()
            == 2
    });
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", client.0.id())).unwrap();
    let anonymous = smaps
        .lines()
        .find(|line| line.starts_with("Anonymous:"))
        .unwrap();
    let kilobytes: u32 = anonymous
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    println!("anonymous memory of an idle client: {kilobytes} kB");
    // Without optimisation frames are larger and more of the data is relocated.
    let limit = if cfg!(debug_assertions) { 160 } else { 120 };
    assert!(kilobytes <= limit, "{anonymous}");
}

#[test]
fn the_loss_of_the_interface_ends_the_client() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[]);
    let mut client = lab.foreground("");
    lab.client.ip(&["link", "del", "eth0"]);
    eventually("ended", SOON, || client.0.try_wait().unwrap().is_some());
    assert_eq!(client.0.wait().unwrap().code(), Some(1));
}
