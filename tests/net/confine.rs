//! What a kept client may still do, as the kernel tells it. That it can do its work all the same is what
//! every other test of a kept client shows.

use std::process::{Child, Command};

use super::dhcp_server::{Dnsmasq, SOON, Scratch, eventually};
use super::support::{INITSH, Namespace};

/// CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW.
const THREE: &str = "0000000000003400";

/// A cable between two namespaces, with a server that wants to be asked every two seconds.
struct Lab {
    client: Namespace,
    scratch: Scratch,
    server: Dnsmasq,
    _other: Namespace,
}

impl Lab {
    fn new() -> Option<Self> {
        let (other, client) = (Namespace::new()?, Namespace::new()?);
        other.veth("srv", &client, "eth0");
        other.ip(&["addr", "add", "10.9.0.1/24", "dev", "srv"]);
        let scratch = Scratch::new();
        let range = "10.9.0.50,10.9.0.59,10m";
        let options = [
            "--dhcp-option=option:dns-server,10.9.0.3",
            "--dhcp-option=option:T1,2",
            "--dhcp-option=option:T2,8",
        ];
        let server = Dnsmasq::start(&other, &scratch, "srv", range, &options);
        Some(Self {
            client,
            scratch,
            server,
            _other: other,
        })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.client.command(program, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"));
        command
    }
}

struct Client(Child);

impl Client {
    /// A line of its `/proc/PID/status`.
    fn status(&self, key: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_kept_client_keeps_three_capabilities_and_renews() {
    let Some(lab) = Lab::new() else { return };
    let args = ["dhcp4", "--foreground", "--dns", "eth0"];
    let client = Client(lab.command(INITSH, &args).spawn().unwrap());
    eventually("confined", SOON, || client.status("Seccomp:") == "2");
    for (key, value) in [
        ("CapEff:", THREE),
        ("CapPrm:", THREE),
        ("CapBnd:", THREE),
        ("CapInh:", "0000000000000000"),
        ("CapAmb:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
    ] {
        assert_eq!(client.status(key), value, "{key}");
    }
    eventually("renewed", SOON, || lab.server.count("DHCPACK") >= 2);
    let resolv = lab.scratch.text("etc/resolv.conf");
    assert!(resolv.contains("nameserver 10.9.0.3"), "{resolv}");

    let output = lab.command(INITSH, &["ps", "--rights"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let mut lines = shown.lines();
    let id = client.0.id().to_string();
    lines.find(|line| line.split_whitespace().next() == Some(&id));
    let rights = lines.next().unwrap_or_default().trim();
    let record = lab.scratch.text("run/leases/eth0.dhcp4.confined");
    // Every kernel that Debian has shipped since 2023 has Landlock; where it is off, it is said so.
    let landlock = ["", ", landlock"][usize::from(record.contains("landlock=yes"))];
    let expected = format!("net_bind_service net_admin net_raw, no_new_privs{landlock}, seccomp");
    assert_eq!(rights, expected, "{record}");
    for step in ["no_new_privs", "capabilities", "seccomp"] {
        assert!(record.contains(&format!("{step}=yes\n")), "{record}");
    }
}

#[test]
fn services_tell_the_rights_of_a_client_of_pid1() {
    let Some(lab) = Lab::new() else { return };
    let script = format!(
        "until [ -e \"$INITSH_RUN/control\" ]; do sleep 0.05; done
         '{INITSH}' dhcp4 eth0; '{INITSH}' spawn --name other -- sleep 999
         '{INITSH}' services --rights; '{INITSH}' services --json; '{INITSH}' ps; '{INITSH}' poweroff"
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
    let expected = "dhcp4.eth0  net_bind_service net_admin net_raw, no_new_privs";
    assert!(text.contains(expected), "{text}");
    let own = text
        .lines()
        .find(|line| line.starts_with("other  "))
        .unwrap();
    assert!(
        own.contains("all") && !own.contains("no_new_privs"),
        "{text}"
    );
    let json = "\"rights\":\"net_bind_service net_admin net_raw, no_new_privs";
    assert!(text.contains(json), "{text}");
    let client = text
        .lines()
        .find(|line| line.contains("dhcp4 --foreground"));
    assert!(client.unwrap().contains(" confined "), "{text}");
}

/// What a client gives up never comes back: it may not be the shell's.
#[test]
fn a_script_that_runs_a_client_keeps_its_own_rights() {
    let Some(lab) = Lab::new() else { return };
    let script = "dhcp4 --foreground --dns eth0 & dhcp4 --foreground nonsense
        while [ ! -e $INITSH_RUN/leases/eth0.dhcp4 ]; do sleep 0.05; done; kill $!
        timeout 0.2 dhcp4 --foreground eth0
        /bin/grep -E '^(CapEff|NoNewPrivs|Seccomp|SigBlk):' /proc/self/status";
    let output = lab.command(INITSH, &["-c", script]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for (key, value) in [
        ("SigBlk:", "0000000000000000"),
        ("NoNewPrivs:", "0"),
        ("Seccomp:", "0"),
    ] {
        assert!(shown.contains(&format!("{key}\t{value}\n")), "{output:?}");
    }
    assert!(!shown.contains(THREE), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("nonsense: ENODEV"), "{error}");
}

/// As on a kernel that was built without Landlock and without filters of system calls.
#[test]
fn a_client_goes_on_without_what_the_kernel_lacks() {
    let Some(lab) = Lab::new() else { return };
    // With -D the client stays the child of this test.
    let lacking = [
        "-D",
        "-o",
        "/dev/null",
        "-e",
        "inject=landlock_create_ruleset:error=ENOSYS",
        "-e",
        "inject=seccomp:error=EINVAL",
        INITSH,
        "dhcp4",
        "--foreground",
        "--dns",
        "eth0",
    ];
    let client = Client(lab.command("strace", &lacking).spawn().unwrap());
    eventually("renewed", SOON, || lab.server.count("DHCPACK") >= 2);
    let record = lab.scratch.text("run/leases/eth0.dhcp4.confined");
    for line in [
        "no_new_privs=yes",
        "landlock=no (Function not implemented)",
        "capabilities=yes",
        "seccomp=no (Invalid argument)",
    ] {
        assert!(record.contains(&format!("{line}\n")), "{record}");
    }
    assert_eq!(client.status("Seccomp:"), "0");
    let pid = client.0.id().to_string();
    let output = lab.command(INITSH, &["ps", "--rights"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let rights = shown
        .lines()
        .skip_while(|line| line.split_whitespace().next() != Some(&pid))
        .nth(1)
        .unwrap_or_default();
    assert_eq!(
        rights.trim(),
        "net_bind_service net_admin net_raw, no_new_privs"
    );
}
