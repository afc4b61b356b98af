//! The boot script's network: both families, one of them, neither. QEMU's user network is a router that
//! answers solicitations at once, and a DHCPv6 server that answers INFORMATION-REQUEST alone.

use std::time::Duration;

use super::guest::{Guest, Setup};

/// A card on a user network with these options; `None`: on nothing at all.
fn card(setup: Setup, options: Option<&str>) -> Setup {
    let back = match options {
        Some(options) => format!("user,id=n{options}"),
        None => "hubport,id=n,hubid=7".to_owned(),
    };
    let device = "virtio-net-pci,netdev=n,romfile=";
    setup
        .option("--net", "none")
        .qemu(&["-netdev", &back, "-device", device])
        .append("initsh.after=shell initsh.delay=0")
}

/// What the boot script printed of the network, from the table's heading to the summary; and how many seconds
/// it took: a quarter of one where nothing else runs.
fn table(guest: &mut Guest) -> (String, u64) {
    guest.wait_for("NAME  STATE");
    let shown = guest.wait_for(" commands, 0 failed");
    let took = guest.seconds();
    guest.shell();
    (shown, took)
}

/// The card has its address: in the table of a boot that had no reason to go on without, and now.
fn has_ip4(guest: &mut Guest, table: &str, came_in_time: bool) {
    let address = "10.0.2.15/24";
    assert!(!came_in_time || table.contains(address), "{table}");
    guest.ok("waitfor --timeout 60 online 4");
    let status = guest.ok("net status");
    assert!(status.contains(address), "{status}");
}

#[test]
fn both_families_side_by_side() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = card(setup, Some("")).start();
    let (shown, took) = table(&mut guest);
    // It is waited for a second at most once there is IPv6.
    has_ip4(&mut guest, &shown, took < 1);
    guest.ok("waitfor --timeout 60 online 6");
    assert!(guest.value("${net.eth0.ip6}").starts_with("fec0::"));
    assert_eq!(guest.value("${net.eth0.gateway}"), "10.0.2.2");
    let servers = guest.ok("cat /etc/resolv.conf");
    assert!(servers.contains("nameserver 10.0.2.3"), "{servers}");
    let services = guest.ok("services");
    for name in ["dhcp4.eth0", "slaac.eth0"] {
        assert!(services.contains(name), "{services}");
    }
    // The death of both costs nothing.
    for name in ["dhcp4.eth0", "slaac.eth0"] {
        guest.ok(&format!("kill -9 ${{svc.{name}.pid}}"));
    }
    let addresses = guest.ok("addr");
    assert!(addresses.contains("10.0.2.15"), "{addresses}");
    assert!(addresses.contains("fec0::"), "{addresses}");
    guest.ok("waitfor --timeout 60 service dhcp4.eth0 running");
    guest.ok("waitfor --timeout 60 service slaac.eth0 running");
    // The hook may be quicker than the prompt.
    guest.type_text("on bound eth0 -c 'echo \"hook-$event-$protocol-${net.eth0.ip4}\"'\n");
    guest.wait_for("hook-bound-dhcp4-10.0.2.15");
    guest.type_text("poweroff --status 6\n");
    assert_eq!(guest.end(), 6);
}

#[test]
fn no_ipv6_costs_no_time() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = card(setup, Some(",ipv6=off")).start();
    let (shown, took) = table(&mut guest);
    has_ip4(&mut guest, &shown, took < 5);
    // Waiting for IPv6 would be five seconds; the script takes a tenth of the boot.
    assert!(
        took < 5 || guest.patience(0) > Duration::from_secs(16 * took),
        "{took} s"
    );
    let (error, status) = guest.run("waitfor --timeout 0.1 online 6");
    assert_eq!(status, 1, "{error}");
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// IPv4 does not notice, and whoever asks for more is told why there is none, at once.
#[test]
fn a_kernel_without_ipv6_and_without_landlock() {
    let Some(setup) = Setup::new() else { return };
    let setup = setup.append("ipv6.disable=1 lsm=lockdown,yama");
    let mut guest = card(setup, Some("")).start();
    let (shown, took) = table(&mut guest);
    has_ip4(&mut guest, &shown, took < 5);
    assert!(!shown.contains("slaac"), "{shown}");
    for line in guest.log().lines() {
        assert!(
            !line.starts_with("boot.run:") || line.contains(" 0 failed"),
            "{line}"
        );
    }
    guest.ok("waitfor --timeout 0.1 online");
    let (error, status) = guest.run("waitfor --timeout 0.1 online 6");
    assert_eq!(status, 1, "{error}");
    guest.ok("net");
    for command in [
        "slaac eth0",
        "slaac --once eth0",
        "slaac --foreground eth0",
        "dhcp6 --timeout 50 eth0",
        "dhcp6 --background eth0",
        "ra --timeout 50 eth0",
        "ra --once eth0",
        "pd assign eth0",
        "addr add 2001:db8::1/64 dev eth0",
        "route add default via fe80::1 dev eth0",
    ] {
        let (error, status) = guest.run(command);
        assert_eq!(status, 1, "{command}: {error}");
        assert!(
            error.contains("this kernel has no IPv6"),
            "{command}: {error}"
        );
    }
    let services = guest.ok("services --rights");
    assert_eq!(services.lines().count(), 1, "{services}");
    let rights = "dhcp4.eth0  net_bind_service net_admin net_raw, no_new_privs, seccomp";
    assert!(services.contains(rights), "{services}");
    let why = "landlock=no (Operation not supported on transport endpoint)";
    let record = guest.ok("cat /run/initsh/leases/eth0.dhcp4.confined");
    assert!(record.contains(why), "{record}");
    assert!(guest.ok("ps").contains(" confined "));
    // Renewing needs nothing of what is not there.
    guest.ok("kill -9 ${svc.dhcp4.eth0.pid}");
    guest.ok("waitfor --timeout 60 service dhcp4.eth0 running");
    guest.type_text("poweroff --status 5\n");
    assert_eq!(guest.end(), 5);
}

#[test]
fn ipv6_alone_is_online() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = card(setup, Some(",ipv4=off")).start();
    let (shown, took) = table(&mut guest);
    assert!(took >= 5 || shown.contains("fec0::"), "{shown}");
    assert!(shown.contains("(no answer"), "{shown}");
    guest.ok("waitfor --timeout 60 online");
    assert!(guest.value("${net.eth0.ip6}").starts_with("fec0::"));
    assert_eq!(guest.run("waitfor --timeout 0.1 online 4").1, 1);
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}

/// Nobody answers: the boot goes on after five seconds, the clients in the background.
#[test]
fn nobody_answers() {
    let Some(setup) = Setup::new() else { return };
    let mut guest = card(setup, None).start();
    guest.wait_for("waitfor: waited 5 s for online: ");
    let (shown, _) = table(&mut guest);
    assert!(shown.contains("dhcp4"), "{shown}");
    let services = guest.ok("services");
    for name in ["dhcp4.eth0", "slaac.eth0"] {
        assert!(services.contains(name), "{services}");
    }
    guest.type_text("poweroff\n");
    assert_eq!(guest.end(), 0);
}
