//! Subnets of delegated prefixes on real links. The DHCPv6 client's record is written by the test: what its
//! client would have learned.

use std::fs;
use std::process::{Child, Command, Output};
use std::time::Duration;

use super::dhcp_server::{SOON, Scratch, eventually};
use super::support::{INITSH, Namespace};

/// A router: `wan` to `isp` of an upstream, which delegates the prefixes, and `lan0` to `eth0` of a guest.
pub struct Router {
    pub upstream: Namespace,
    pub router: Namespace,
    pub guest: Namespace,
    pub scratch: Scratch,
}

impl Router {
    pub fn new() -> Option<Self> {
        let [upstream, router, guest] = [Namespace::new()?, Namespace::new()?, Namespace::new()?];
        router.veth("wan", &upstream, "isp");
        router.veth("lan0", &guest, "eth0");
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path("state")).unwrap();
        Some(Self {
            upstream,
            router,
            guest,
            scratch,
        })
    }

    /// What the DHCPv6 client of an interface has learned now: `PREFIX/LEN,IAID,PREFERRED,VALID…`.
    pub fn delegate(&self, wan: &str, delegations: &str) {
        let up = fs::read_to_string("/proc/uptime").unwrap();
        let (seconds, _) = up.split_once('.').unwrap();
        let directory = self.scratch.path("run/leases");
        fs::create_dir_all(&directory).unwrap();
        let text = format!("delegations={delegations}\nrenewed={seconds}000\n");
        fs::write(directory.join(".new"), text).unwrap();
        fs::rename(
            directory.join(".new"),
            directory.join(format!("{wan}.dhcp6")),
        )
        .unwrap();
    }

    /// The client has lost its lease.
    pub fn withdraw(&self, wan: &str) {
        fs::remove_file(self.scratch.path(&format!("run/leases/{wan}.dhcp6"))).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.router.command(INITSH, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .env("INITSH_STATE", self.scratch.path("state"));
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `initsh ARGS…`, which must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `initsh ARGS…`, which must fail with status 1; its standard error.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        error
    }

    /// Starts `initsh KIND --foreground ARGS…` and waits until it says that it is ready.
    pub fn keep(&self, kind: &str, args: &str) -> Kept {
        let ready = self.scratch.path(&format!("ready.{kind}"));
        let _ = fs::remove_file(&ready);
        let kept = Kept(self.start(kind, args, &ready.display().to_string()));
        let name = format!("ready.{kind}");
        eventually("ready", SOON, || self.scratch.text(&name) == "\n");
        kept
    }

    fn start(&self, kind: &str, args: &str, ready: &str) -> Child {
        let script = format!(
            "exec 3>'{ready}' && INITSH_READY_FD=3 exec '{INITSH}' {kind} --foreground {args}"
        );
        let mut command = self.router.command("sh", &["-c", &script]);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .env("INITSH_STATE", self.scratch.path("state"));
        command.spawn().unwrap()
    }

    /// The global addresses of `lan0` as ip(8) shows them.
    pub fn addresses(&self) -> String {
        self.router
            .ip(&["-6", "addr", "show", "dev", "lan0", "scope", "global"])
    }

    fn forwarding(&self, parameter: &str) -> String {
        let path = format!("/proc/sys/net/ipv6/conf/{parameter}");
        self.router.run("cat", &[&path]).trim().to_owned()
    }
}

/// A client that is killed when dropped.
pub struct Kept(pub Child);

impl Kept {
    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_link_gets_its_subnet_and_the_machine_becomes_a_router() {
    let Some(lab) = Router::new() else { return };
    assert!(
        lab.fails(&["pd", "assign", "--timeout", "0.2", "lan0"])
            .contains("no interface has a delegated")
    );
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    let told = lab.ok(&["pd", "assign", "lan0"]);
    assert!(
        told.contains("lan0: 2001:db8:1::1/64, subnet 0 of 2001:db8:1::/56 from wan"),
        "{told}"
    );
    let addresses = lab.addresses();
    assert!(addresses.contains("inet6 2001:db8:1::1/64"), "{addresses}");
    let valid = addresses.split("valid_lft ").nth(1).unwrap();
    let valid: u32 = valid.split("sec").next().unwrap().parse().unwrap();
    assert!((5900..=6000).contains(&valid), "{addresses}");
    let route = lab.router.ip(&["-6", "route", "get", "2001:db8:1::99"]);
    assert!(route.contains("dev lan0"), "{route}");
    assert_eq!(lab.forwarding("all/forwarding"), "1");
    assert_eq!(lab.forwarding("wan/accept_ra"), "2");
    assert_eq!(lab.forwarding("lan0/accept_ra"), "0");

    // Others, in every way.
    lab.router.veth("lan1", &lab.guest, "eth1");
    lab.ok(&[
        "pd", "assign", "--subnet", "0x42", "--token", "::53", "lan1",
    ]);
    let addresses = lab.router.ip(&["-6", "addr", "show", "dev", "lan1"]);
    assert!(
        addresses.contains("inet6 2001:db8:1:42::53/64"),
        "{addresses}"
    );
    let told = lab.fails(&["pd", "assign", "--timeout", "0.2", "--subnet", "0", "lan1"]);
    assert!(
        told.contains("subnet 0 of 2001:db8:1::/56 belongs to lan0"),
        "{told}"
    );
    lab.ok(&["pd", "assign", "--token", "eui64", "lan1"]);

    // And back again.
    lab.ok(&["pd", "assign", "--release", "lan0"]);
    assert_eq!(lab.addresses(), "");
    let told = lab.fails(&["pd", "assign", "--release", "lan0"]);
    assert!(told.contains("nothing to release"), "{told}");
    let told = lab.fails(&["pd", "assign", "lo"]);
    assert!(told.contains("lo is no link to other machines"), "{told}");
}

#[test]
fn a_prefix_that_changes_is_followed() {
    let Some(lab) = Router::new() else { return };
    lab.delegate("wan", "2001:db8:1::/56,7,3000,90000");
    let mut client = lab.keep("pd", "--subnet 3 lan0");
    assert!(lab.addresses().contains("2001:db8:1:3::1/64"));

    // Another one: the old one is deprecated, and stays for two hours.
    lab.delegate("wan", "2001:db8:2::/60,7,3000,6000");
    eventually("the new prefix", SOON, || {
        lab.addresses().contains("2001:db8:2:3::1/64")
    });
    eventually("the old one deprecated", SOON, || {
        lab.addresses().contains("deprecated")
    });
    let addresses = lab.addresses();
    assert_eq!(addresses.matches("deprecated").count(), 1, "{addresses}");
    let old = addresses.split("2001:db8:1:3::1/64").nth(1).unwrap();
    let valid: u32 = old
        .split("valid_lft ")
        .nth(1)
        .unwrap()
        .split("sec")
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((7100..=7200).contains(&valid), "{addresses}");
    let record = lab.scratch.text("run/leases/lan0.pd");
    assert!(record.contains("old6=2001:db8:1:3::1/64\n"), "{record}");

    // A client that ends leaves everything; the next one knows what is its own.
    client.stop();
    assert_eq!(lab.addresses().matches("inet6").count(), 2);
    lab.delegate("wan", "2001:db8:3::/60,7,3000,6000");
    let _client = lab.keep("pd", "lan0");
    eventually("the third", SOON, || {
        lab.addresses().contains("2001:db8:3:3::1/64")
    });
    eventually("both others deprecated", SOON, || {
        lab.addresses().matches("deprecated").count() == 2
    });

    lab.withdraw("wan");
    eventually("nothing is left", SOON, || lab.addresses().is_empty());
    eventually("no record", SOON, || {
        lab.scratch.text("run/leases/lan0.pd").is_empty()
    });
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    eventually("its number again", SOON, || {
        lab.addresses().contains("2001:db8:1:3::1/64")
    });
}

/// A link that is set down loses its address, which is nobody else's for that.
#[test]
fn a_link_that_flaps_has_its_address_again_at_once() {
    let Some(lab) = Router::new() else { return };
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    let _client = lab.keep("pd", "lan0");
    for _ in 0..5 {
        lab.router.ip(&["link", "set", "lan0", "down"]);
        lab.router.ip(&["link", "set", "lan0", "up"]);
        eventually("the address again", SOON, || {
            let state = lab.scratch.text("run/leases/lan0.pd.state");
            assert_eq!(state, "", "it takes the loss for another machine's doing");
            lab.addresses().contains("2001:db8:1::1/64")
        });
    }
}

/// By then the client has given up what it does not need: it must still keep what it has learned.
#[test]
fn a_prefix_that_comes_later() {
    let Some(lab) = Router::new() else { return };
    let mut command = lab.command(&["pd", "--foreground", "lan0"]);
    let _client = Kept(command.spawn().unwrap());
    eventually("it tells why it waits", SOON, || {
        let state = lab.scratch.text("run/leases/lan0.pd.state");
        state.contains("reason=no interface has a delegated prefix")
    });
    lab.delegate("wan", "2001:db8:1::/56,7,3000,6000");
    eventually("the address", SOON, || {
        lab.addresses().contains("2001:db8:1::1/64")
    });
    let kept = "link lan0 wan 7 64 0\n";
    eventually("kept for the next boot", SOON, || {
        lab.scratch.text("state/pd/users") == kept
    });
    assert_eq!(lab.scratch.text("run/pd/users"), kept);
    // Somebody takes the address away.
    // Longer than it waits before it takes a loss for more than another machine with the same address.
    std::thread::sleep(Duration::from_secs(11));
    lab.router
        .ip(&["addr", "del", "2001:db8:1::1/64", "dev", "lan0"]);
    eventually("it is back", SOON, || {
        lab.addresses().contains("2001:db8:1::1/64")
    });
}

#[test]
fn names_have_their_subnets_until_they_give_them_back() {
    let Some(lab) = Router::new() else { return };
    assert!(
        lab.fails(&["pd", "allocate", "web"])
            .contains("no interface has a delegated prefix")
    );
    lab.delegate("wan", "2001:db8:1::/62,7,3000,6000,2001:db8:1:1::/64");
    assert_eq!(lab.ok(&["pd", "allocate", "web"]), "2001:db8:1::/64\n");
    assert_eq!(lab.ok(&["pd", "allocate", "web"]), "2001:db8:1::/64\n");
    assert_eq!(lab.ok(&["pd", "allocate", "db"]), "2001:db8:1:2::/64\n");
    lab.ok(&["pd", "assign", "lan0"]);
    let told = lab.fails(&["pd", "allocate", "third"]);
    assert!(
        told.contains("no subnet is left of wan's 2001:db8:1::/62 (4 of /64): they belong to web (allocated), db (allocated), lan0"),
        "{told}"
    );
    let list = lab.ok(&["pd"]);
    assert!(list.contains("3 of 4 used"), "{list}");
    assert!(
        list.contains("web (allocated)") && list.contains("2001:db8:1:3::/64"),
        "{list}"
    );
    let json = lab.ok(&["pd", "list", "--json"]);
    assert!(
        json.contains(
            r#"{"from":"wan","prefix":"2001:db8:1:2::/64","name":"db","subnet":2,"preferred":"#
        ),
        "{json}"
    );

    // The client is restarted, and it is another prefix: the numbers stay.
    lab.withdraw("wan");
    assert!(lab.ok(&["pd"]).contains("web (allocated)"));
    lab.delegate("wan", "2001:db8:ff::/56,7,3000,6000");
    assert_eq!(lab.ok(&["pd", "allocate", "db"]), "2001:db8:ff:2::/64\n");
    // A boot: what is in memory is gone.
    fs::remove_dir_all(lab.scratch.path("run/pd")).unwrap();
    assert_eq!(lab.ok(&["pd", "allocate", "new"]), "2001:db8:ff:1::/64\n");
    assert_eq!(lab.ok(&["pd", "allocate", "web"]), "2001:db8:ff::/64\n");

    lab.ok(&["pd", "free", "web"]);
    let told = lab.fails(&["pd", "free", "web"]);
    assert!(told.contains("nothing is allocated to web"), "{told}");
    assert_eq!(lab.ok(&["pd", "allocate", "next"]), "2001:db8:ff::/64\n");

    // A link that does not exist any more makes way for others.
    lab.delegate("wan", "2001:db8:1::/62,7,3000,6000");
    lab.router.ip(&["link", "del", "lan0"]);
    assert_eq!(lab.ok(&["pd", "allocate", "last"]), "2001:db8:1:3::/64\n");

    lab.delegate("wan2", "2001:db8:2::/62,7,3000,6000");
    let told = lab.fails(&["pd", "allocate", "other"]);
    assert!(
        told.contains("several interfaces have a delegated prefix: wan, wan2"),
        "{told}"
    );
    assert_eq!(
        lab.ok(&["pd", "allocate", "--from", "wan2", "other"]),
        "2001:db8:2::/64\n"
    );
    for bad in [
        &["pd", "allocate", "a b"][..],
        &["pd", "allocate"],
        &["pd", "x"],
        &["pd", "allocate", "--len", "0", "a"],
    ] {
        assert_eq!(lab.output(bad).status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn many_at_once_share_nothing() {
    let Some(lab) = Router::new() else { return };
    lab.delegate("wan", "2001:db8:1::/60,7,3000,6000");
    let names: Vec<_> = (0..16).map(|i| format!("vm{i}")).collect();
    let started = names.iter().map(|name| {
        let mut command = lab.command(&["pd", "allocate", name]);
        command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    });
    let started: Vec<_> = started.collect();
    let mut got: Vec<_> = started
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 16, "{got:?}");
    assert!(
        got.iter().all(|line| line.starts_with("2001:db8:1:")),
        "{got:?}"
    );
}
