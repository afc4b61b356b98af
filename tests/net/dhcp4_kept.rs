//! Leases that outlive their client, their carrier, their boot.

use std::process::{Child, Stdio};
use std::time::Duration;

use dhcproto::v4::{MessageType, OptionCode};
use nix::sys::signal::Signal;

use super::dhcp_server::{Dnsmasq, SOON, eventually};
use super::dhcp4_lab::{ADDRESS, Lab, grant};
use super::support::INITSH;

/// Writes down every change of the client's addresses until it is dropped.
struct Monitor<'a>(Child, &'a Lab);

impl<'a> Monitor<'a> {
    fn start(lab: &'a Lab) -> Self {
        let file = std::fs::File::create(lab.scratch.path("monitor")).unwrap();
        let mut command = lab.client.command("ip", &["-4", "monitor", "address"]);
        let child = command.stdout(Stdio::from(file)).spawn().unwrap();
        let monitor = Self(child, lab);
        // Until it listens.
        eventually("the monitor listens", SOON, || {
            lab.client.ip(&["addr", "add", "192.0.2.9/32", "dev", "lo"]);
            lab.client.ip(&["addr", "del", "192.0.2.9/32", "dev", "lo"]);
            monitor.text().contains("192.0.2.9")
        });
        monitor
    }

    fn text(&self) -> String {
        self.1.scratch.text("monitor")
    }

    fn removed(&self) -> bool {
        let text = self.text();
        text.lines()
            .any(|line| line.contains("Deleted") && line.contains("eth0"))
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_client_is_followed_by_one_that_takes_its_lease_up() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[
        "--dhcp-rapid-commit",
        "--dhcp-option=option:dns-server,10.9.0.3",
    ]);
    let client = lab.foreground("--dns");
    let before = lab.scratch.text("run/leases/eth0.dhcp4");
    let monitor = Monitor::start(&lab);
    client.signal(Signal::SIGKILL);
    drop(client);
    let asked = server.count("DHCPDISCOVER");
    let _client = lab.foreground("--dns");
    eventually("asked whether it is still good", SOON, || {
        server.count("DHCPREQUEST") >= 1
    });
    assert_eq!(server.count("DHCPDISCOVER"), asked, "{}", server.log());
    assert!(!monitor.removed(), "{}", monitor.text());
    let after = lab.scratch.text("run/leases/eth0.dhcp4");
    for key in ["ip4=", "bound=", "took=", "routes="] {
        let line = |text: &str| {
            text.lines()
                .find(|line| line.starts_with(key))
                .map(str::to_owned)
        };
        assert_eq!(line(&before), line(&after), "{key}");
    }
    assert!(lab.routes().contains("default via 10.9.0.1"));
    assert!(
        lab.scratch
            .text("etc/resolv.conf")
            .contains("nameserver 10.9.0.3")
    );
}

#[test]
fn without_a_server_a_lease_is_used_until_it_ends() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.scripted(|request, reply| {
        let twenty = 20_u32.to_be_bytes();
        let lease = [(OptionCode::AddressLeaseTime, &twenty[..])];
        Some(grant(request, reply, &lease).emit())
    });
    let client = lab.foreground("");
    client.signal(Signal::SIGKILL);
    drop((client, server));
    let _client = lab.foreground("");
    assert!(lab.addresses().contains("inet 10.9.0.77/24"));
    assert!(lab.scratch.path("run/leases/eth0.dhcp4").exists());
    eventually("the end of the lease", SOON, || {
        !lab.scratch.path("run/leases/eth0.dhcp4").exists() && !lab.addresses().contains("inet ")
    });
}

/// Stops the server and starts one of another network in its place.
fn move_to(lab: &Lab, server: Dnsmasq) -> Dnsmasq {
    drop(server);
    let _ = std::fs::remove_file(lab.scratch.path("dnsmasq.leases"));
    lab.server.ip(&["addr", "add", "10.8.0.1/24", "dev", "srv"]);
    lab.server.ip(&["addr", "del", "10.9.0.1/24", "dev", "srv"]);
    Dnsmasq::start(
        &lab.server,
        &lab.scratch,
        "srv",
        "10.8.0.50,10.8.0.59,10m",
        &[],
    )
}

#[test]
fn a_carrier_that_comes_back_has_the_lease_checked() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&[]);
    let _client = lab.foreground("");
    let monitor = Monitor::start(&lab);
    let (discovers, acks) = (server.count("DHCPDISCOVER"), server.count("DHCPACK"));
    lab.server.ip(&["link", "set", "srv", "down"]);
    eventually("no carrier", SOON, || {
        lab.addresses().contains("NO-CARRIER")
    });
    // Sees it too.
    std::thread::sleep(Duration::from_millis(200));
    lab.server.ip(&["link", "set", "srv", "up"]);
    eventually("confirmed", SOON, || server.count("DHCPACK") > acks);
    assert_eq!(server.count("DHCPDISCOVER"), discovers, "{}", server.log());
    assert!(!monitor.removed(), "{}", monitor.text());

    lab.server.ip(&["link", "set", "srv", "down"]);
    eventually("no carrier", SOON, || {
        lab.addresses().contains("NO-CARRIER")
    });
    std::thread::sleep(Duration::from_millis(200));
    let _server = move_to(&lab, server);
    lab.server.ip(&["link", "set", "srv", "up"]);
    eventually("the other network's address", SOON, || {
        let addresses = lab.addresses();
        addresses.contains("inet 10.8.0.") && !addresses.contains("10.9.0.")
    });
}

#[test]
fn where_there_is_a_disk_the_address_survives_the_boot() {
    let Some(lab) = Lab::new() else { return };
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    let _server = lab.scripted(move |request, reply| {
        let wanted = request
            .options
            .get(OptionCode::RequestedIpAddress)
            .map(<[u8]>::to_vec);
        seen.lock()
            .unwrap()
            .push((request.options.message_type(), wanted));
        Some(grant(request, reply, &[]).emit())
    });
    let once = || {
        let mut command = lab.command(INITSH, &["dhcp4", "--once", "eth0"]);
        command.env("INITSH_STATE", lab.scratch.path("state"));
        assert!(command.status().unwrap().success());
    };
    once();
    assert_eq!(asked.lock().unwrap()[0].0, Some(MessageType::Discover));
    let kept = lab.scratch.text("state/leases/eth0.dhcp4");
    assert_eq!(
        kept,
        "ip4=10.9.0.77\nclient-id=".to_owned() + kept.rsplit('=').next().unwrap()
    );
    // Another boot.
    std::fs::remove_dir_all(lab.scratch.path("run")).unwrap();
    lab.client.ip(&["addr", "flush", "dev", "eth0"]);
    asked.lock().unwrap().clear();
    once();
    let first = asked.lock().unwrap()[0].clone();
    assert_eq!(first, (Some(MessageType::Request), Some(ADDRESS.to_vec())));
}

#[test]
fn an_address_that_somebody_removed_is_not_taken_for_configured() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.dnsmasq(&[]);
    lab.bound(&["--once"]);
    lab.client.ip(&["addr", "flush", "dev", "eth0"]);
    lab.bound(&["--once"]);
    assert!(lab.addresses().contains("inet 10.9.0."));
    // Another client identifier is another client.
    lab.bound(&["--once", "--client-id", "ff:01:02:03"]);
    assert_eq!(
        lab.addresses().matches("inet ").count(),
        1,
        "{}",
        lab.addresses()
    );
}

#[test]
fn routes_come_back_when_the_link_was_down_between_two_looks() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-rapid-commit"]);
    let client = lab.foreground("");
    assert!(lab.routes().contains("default via"));
    // Nobody answers when it is up again.
    drop(server);
    client.signal(Signal::SIGSTOP);
    lab.client.ip(&["link", "set", "eth0", "down"]);
    lab.client.ip(&["link", "set", "eth0", "up"]);
    eventually("the carrier is back", SOON, || {
        lab.client
            .ip(&["link", "show", "eth0"])
            .contains("LOWER_UP")
    });
    assert!(!lab.routes().contains("default via"));
    client.signal(Signal::SIGCONT);
    eventually("the route is back", SOON, || {
        lab.routes().contains("default via")
    });
}

/// The kernel takes the routes away with their address; both are put back, unless it is removed all the time.
#[test]
fn an_address_that_somebody_removes_is_put_back_until_it_is_a_fight() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.dnsmasq(&["--dhcp-rapid-commit"]);
    let _client = lab.foreground("2>${INITSH_RUN}log");
    let addresses = lab.addresses();
    let mut words = addresses
        .split_whitespace()
        .skip_while(|word| *word != "inet");
    let address = words.nth(1).unwrap().to_owned();
    let is_whole = || {
        let has_route = lab.routes().contains("default via 10.9.0.1");
        lab.addresses().contains(&address) && has_route
    };
    assert!(is_whole(), "{addresses} {}", lab.routes());
    let log = || lab.scratch.text("runlog");
    let asked = server.count("DHCPREQUEST");
    eventually("a fight ends", Duration::from_secs(120), || {
        if is_whole() {
            lab.client.ip(&["addr", "del", &address, "dev", "eth0"]);
        }
        log().contains("is removed again and again")
    });
    assert!(log().matches("put back").count() >= 3, "{}", log());
    assert!(!lab.addresses().contains(&address), "{}", lab.addresses());
    assert_eq!(server.count("DHCPREQUEST"), asked, "{}", server.log());
    assert_eq!(server.count("DHCPDECLINE"), 0, "{}", server.log());
}
