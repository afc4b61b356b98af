//! The recipe of docs/nested.md as PID 1 runs it: a router between Kea, which delegates, and a guest whose
//! kernel configures itself.

use std::fs;
use std::process::{Child, Stdio};

use super::dhcp_server::eventually;
use super::servers::lab::{Lab, SOON};
use super::servers::{Server, kea};
use super::support::{INITSH, Namespace};

/// A server that delegates parts of this prefix, and is asked again every two seconds.
fn delegating(lab: &Lab, prefix: &str) -> Server {
    let members = format!(
        r#""valid-lifetime": 90, "preferred-lifetime": 60, "renew-timer": 2, "rebind-timer": 60,
"subnet6": [ {{
  "id": 1, "subnet": "2001:db8:9::/64", "interface": "srv", "rapid-commit": true,
  "pools": [ {{ "pool": "2001:db8:9::100 - 2001:db8:9::1ff" }} ],
  "pd-pools": [ {{ "prefix": "{prefix}", "prefix-len": 48, "delegated-len": 56 }} ],
  "option-data": [ {{ "name": "dns-servers", "data": "2001:db8:9::3" }} ]
}} ]"#
    );
    kea::dhcp6(&lab.server, &lab.scratch, "srv", &members)
}

/// The first code block of the page.
fn recipe() -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nested.md")).unwrap();
    let (_, rest) = page.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A PID 1 that is ended when dropped.
struct Pid1(Child);

impl Drop for Pid1 {
    fn drop(&mut self) {
        // unshare(1) kills it; `timeout` is what was started.
        let pid = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

#[test]
fn the_recipe_of_the_page() {
    let (Some(lab), Some(guest)) = (Lab::new(), Namespace::new()) else {
        return;
    };
    lab.client.veth("lan0", &guest, "eth0");
    guest.sysctl("net/ipv6/conf/eth0/accept_dad", "0");
    // The way out, which slaac would have learned.
    lab.client.ip(&["link", "set", "eth0", "up"]);
    lab.client.ip(&[
        "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0",
    ]);
    let server = delegating(&lab, "2001:db8:f000::");
    let script = lab.scratch.path("recipe.run");
    fs::write(
        &script,
        format!(
            "until [ -e \"$INITSH_RUN/control\" ]; do sleep 0.05; done
             {}services\nwhile true; do sleep 1; done\n",
            recipe()
        ),
    )
    .unwrap();
    let mut command = lab.command("timeout", &["-k", "5", "400", "unshare"]);
    command.args([
        "-fp",
        "--kill-child",
        "--mount-proc",
        INITSH,
        "--pid1",
        "--",
        INITSH,
    ]);
    let log = fs::File::create(lab.scratch.path("log")).unwrap();
    command
        .arg(&script)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .stdin(Stdio::null());
    let _pid1 = Pid1(command.spawn().unwrap());
    let addresses = || guest.ip(&["-6", "addr", "show", "dev", "eth0", "scope", "global"]);
    let routes = || guest.ip(&["-6", "route", "show"]);
    let told = || lab.scratch.text("log");
    eventually("the services", SOON, || {
        let services = ["ra.lan0", "pd.lan0", "dhcp6.eth0"];
        services.iter().all(|service| told().contains(service))
    });
    eventually("an address", SOON, || {
        addresses().contains("inet6 2001:db8:f000:")
    });
    eventually("a default route", SOON, || {
        routes().contains("default via fe80::")
    });
    assert_eq!(lab.ok(&["get", "net.lan0.subnet"]), "0\n");
    let prefix = lab.ok(&["get", "net.lan0.prefix6"]);
    assert!(
        prefix.starts_with("2001:db8:f000:") && prefix.ends_with("::/64\n"),
        "{prefix}"
    );

    // Crashes: nothing goes, and both come back.
    for service in ["pd.lan0", "ra.lan0"] {
        let pid = format!("svc.{service}.pid");
        let before = lab.ok(&["get", &pid]);
        kill_in(&lab, service);
        eventually("it is back", SOON, || {
            let now = lab.initsh(&["get", &pid]);
            now.status.success() && now.stdout != before.as_bytes()
        });
        let own = lab
            .client
            .ip(&["-6", "addr", "show", "dev", "lan0", "scope", "global"]);
        assert_eq!(own.matches("inet6 2001:db8:f000:").count(), 1, "{own}");
    }

    // The server has forgotten everything, and delegates another prefix.
    drop(server);
    let leases = format!("kea6-{}/leases.csv", lab.server.name());
    fs::remove_file(lab.scratch.path(&leases)).unwrap();
    let _server = delegating(&lab, "2001:db8:e000::");
    eventually("the new address", SOON, || {
        addresses().contains("inet6 2001:db8:e000:")
    });
    eventually("the old one deprecated", SOON, || {
        let all = addresses();
        let mut old = all.lines().filter(|line| line.contains("2001:db8:f000:"));
        old.all(|line| line.contains("deprecated"))
    });

    lab.ok(&["stop", "ra.lan0"]);
    eventually("no router", SOON, || !routes().contains("default"));
    lab.ok(&["pd", "assign", "--release", "lan0"]);
    let own = lab
        .client
        .ip(&["-6", "addr", "show", "dev", "lan0", "scope", "global"]);
    assert!(!own.contains("2001:db8:e000:"), "{own}");
}

/// Kills a service without its PID 1's knowledge.
fn kill_in(lab: &Lab, service: &str) {
    lab.ok(&["kill", "-9", &outer_pid(lab, service)]);
}

/// The pid of a service in this process's namespace: it is in another PID namespace.
fn outer_pid(lab: &Lab, service: &str) -> String {
    let (kind, interface) = service.split_once('.').unwrap();
    let run = lab.scratch.path("run").display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let words = fs::read(path.join("cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|&byte| byte == 0).collect();
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let own = String::from_utf8_lossy(&environment).contains(&run);
        if own
            && words.contains(&kind.as_bytes())
            && words.contains(&interface.as_bytes())
            && words.contains(&&b"--foreground"[..])
        {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    assert_eq!(found.len(), 1, "{service}: {found:?}");
    found.remove(0)
}
