//! `resolv.conf` as clients that stay keep it: a link, or one file that is written in place.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::dhcp_server::{Dnsmasq, SOON, Scratch, eventually};
use super::support::{INITSH, Namespace};

struct Lab {
    client: Namespace,
    scratch: Scratch,
    _server: Dnsmasq,
    _other: Namespace,
}

impl Lab {
    fn new() -> Option<Self> {
        let (other, client) = (Namespace::new()?, Namespace::new()?);
        other.veth("srv", &client, "eth0");
        other.ip(&["addr", "add", "10.9.0.1/24", "dev", "srv"]);
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path("etc")).unwrap();
        let options = [
            "--dhcp-option=option:dns-server,10.9.0.3",
            "--dhcp-option=option:domain-search,a.example",
        ];
        let range = "10.9.0.50,10.9.0.59,10m";
        let server = Dnsmasq::start(&other, &scratch, "srv", range, &options);
        Some(Self {
            client,
            scratch,
            _server: server,
            _other: other,
        })
    }

    /// A kept client, in a process group of its own.
    fn start(&self, program: &str, args: &[&str]) -> Group {
        let mut command: Command = self.client.command(program, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .process_group(0);
        Group(command.spawn().unwrap())
    }

    fn sees(&self, file: &str, text: &str) {
        eventually(text, SOON, || self.scratch.text(file).contains(text));
    }
}

struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

#[test]
fn a_kept_client_writes_through_a_link_and_merges_what_others_know() {
    let Some(lab) = Lab::new() else { return };
    let etc = lab.scratch.path("etc/resolv.conf");
    fs::write(&etc, "nameserver 192.0.2.53\n").unwrap();
    fs::create_dir_all(lab.scratch.path("run/resolv")).unwrap();
    let part = "metric 1\nnameserver fe80::1\nsearch c;d b.example\noptions debug\n";
    fs::write(lab.scratch.path("run/resolv/eth1.slaac"), part).unwrap();
    let _client = lab.start(INITSH, &["dhcp4", "--foreground", "--dns", "eth0"]);
    lab.sees("etc/resolv.conf", "nameserver 10.9.0.3");
    assert_eq!(
        lab.scratch.text("etc/resolv.conf"),
        "# Written by initsh from: eth1.slaac eth0.dhcp4\nnameserver fe80::1%eth1\n\
         nameserver 10.9.0.3\nsearch b.example a.example\n"
    );
    let target = fs::read_link(&etc).unwrap();
    assert_eq!(target, lab.scratch.path("run/resolv/resolv.conf"));
    assert_eq!(fs::read_dir(lab.scratch.path("etc")).unwrap().count(), 1);
}

/// What somebody has written there stays as long as nobody knows better.
#[test]
fn a_file_stays_until_a_client_knows_something() {
    let Some(lab) = Lab::new() else { return };
    let etc = lab.scratch.path("etc/resolv.conf");
    fs::write(&etc, "nameserver 192.0.2.53\n").unwrap();
    let silent = lab.client.name().to_owned();
    lab.client
        .ip(&["link", "add", "dead", "type", "veth", "peer", "name", "end"]);
    let _client = lab.start(INITSH, &["dhcp4", "--foreground", "--dns", "dead"]);
    eventually(&silent, SOON, || fs::read_link(&etc).is_ok());
    assert_eq!(
        lab.scratch.text("etc/resolv.conf"),
        "nameserver 192.0.2.53\n"
    );
}

#[test]
fn a_file_that_is_mounted_on_is_written_in_place_by_a_kept_client() {
    let Some(lab) = Lab::new() else { return };
    fs::write(lab.scratch.path("etc/resolv.conf"), "below").unwrap();
    fs::write(lab.scratch.path("other"), "above").unwrap();
    let script = format!(
        "mount --bind '{}' '{}/resolv.conf' && exec '{INITSH}' dhcp4 --foreground --dns eth0",
        lab.scratch.path("other").display(),
        lab.scratch.path("etc").display()
    );
    let _client = lab.start("unshare", &["-m", "sh", "-c", &script]);
    lab.sees("other", "nameserver 10.9.0.3");
    assert_eq!(lab.scratch.text("etc/resolv.conf"), "below");
}
