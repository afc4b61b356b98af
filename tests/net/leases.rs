//! Records as commands and settings show them, whoever has written them.

use std::process::{Command, Output};

use super::dhcp_server::Scratch;
use super::json::Value;
use super::support::{INITSH, Namespace};

/// What a hostile server may say: each character has broken some script.
pub const HOSTILE: &[&str] = &[
    "'; touch canary; '",
    "\"; touch canary; \"",
    "`touch canary`",
    "$(touch canary)",
    "a\ntouch canary\nb",
    "a; touch canary",
    "a && touch canary || touch canary",
    "\u{1b}]0;owned\u{7}\u{1b}[2J",
    "back\\slash \\x41 $HOME ${PWD} *?[a]",
    "\u{9b}31m caf\u{e9}",
];

/// A namespace with eth0, and records of its own.
pub struct Lab {
    pub here: Namespace,
    pub scratch: Scratch,
    _other: Namespace,
}

impl Lab {
    pub fn new() -> Option<Self> {
        let (here, other) = (Namespace::new()?, Namespace::new()?);
        other.veth("far", &here, "eth0");
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path("run/leases")).unwrap();
        Some(Self {
            here,
            scratch,
            _other: other,
        })
    }

    /// Writes `run/leases/NAME` as clients do.
    pub fn record(&self, name: &str, text: &str) {
        let temporary = self.scratch.path(&format!("run/leases/.{name}"));
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, self.scratch.path(&format!("run/leases/{name}"))).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.scratch.path(&format!("run/leases/{name}"))).unwrap();
    }

    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.here.command(program, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .current_dir(self.scratch.path("."));
        command
    }

    pub fn initsh(&self, args: &[&str]) -> Output {
        self.command(INITSH, args).output().unwrap()
    }

    /// Runs `initsh ARGS…`, which must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.initsh(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The value as the file of a record has it.
pub fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        match c.is_control() || c == '\\' {
            true => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            false => text.push(c),
        }
    }
    text
}

const V4: &str = "ip4=10.9.0.5\nprefix=24\ngateway=10.9.0.1\ndns=10.9.0.3\nlease=600\nt1=300\n\
                  server=10.9.0.1\nbound=1\n";
const SLAAC: &str = "ip6=fd00::5/64\ngateway6=fe80::1\ndns6=fd00::1\nsearch6=a.example\n";
const V6: &str = "ip6=fd00::99/128\npd=2001:db8:1::/56\ndns6=fd00::1 fd00::2\n\
                  search6=a.example b.example\nlease6=4294967295\nserver6=00:01\n";

#[test]
fn every_lease_of_every_protocol() {
    let Some(lab) = Lab::new() else { return };
    assert_eq!(lab.ok(&["lease"]), "");
    lab.record("eth0.dhcp4", V4);
    lab.record("eth0.slaac", SLAAC);
    lab.record("eth0.dhcp6", V6);
    lab.record("lan0.dhcp4.state", "reason=no answer after 5 tries\n");
    lab.record("eth0.dhcp4.stats", "sent-discover=7\ndropped-xid=3\n");

    let text = lab.ok(&["lease"]);
    let heads: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert!(heads[0].starts_with("eth0 dhcp4: bound "), "{text}");
    assert!(heads[0].contains("renews in 0s, ends in 0s"), "{text}");
    assert_eq!(
        heads[1..3],
        ["eth0 slaac: ", "eth0 dhcp6: for ever"],
        "{text}"
    );
    assert_eq!(heads[3], "lan0 dhcp4: no lease: no answer after 5 tries");
    assert!(text.contains("\n  pd          2001:db8:1::/56\n"), "{text}");

    for (name, value) in [
        ("ip4", "10.9.0.5"),
        ("ip6", "fd00::5/64 fd00::99/128"),
        ("dns6", "fd00::1 fd00::2"),
        ("search6", "a.example b.example"),
        ("pd", "2001:db8:1::/56"),
        ("lease", "600"),
        ("state", "up"),
    ] {
        assert_eq!(
            lab.ok(&["get", &format!("net.eth0.{name}")]),
            format!("{value}\n")
        );
    }
    let stats = lab.ok(&["net", "stats"]);
    assert!(
        stats.contains("eth0  dhcp4   7      sent-discover\n"),
        "{stats}"
    );
    let missing = lab.initsh(&["lease", "eth9"]);
    assert_eq!(missing.status.code(), Some(1));

    let json = Value::parse(&lab.ok(&["lease", "--json", "eth0"]));
    let dhcp6 = json.find("kind", "dhcp6");
    assert_eq!(dhcp6.get("values").get("pd").text(), "2001:db8:1::/56");
    assert_eq!(*dhcp6.get("left"), Value::Null);
    assert_eq!(json.find("kind", "dhcp4").get("left").number(), 0);
    let json = Value::parse(&lab.ok(&["net", "stats", "--json"]));
    let counters = json.find("kind", "dhcp4").get("counters");
    assert_eq!(counters.get("dropped-xid").number(), 3);
}

#[test]
fn the_network_in_one_table() {
    let Some(lab) = Lab::new() else { return };
    lab.here.ip(&[
        "addr",
        "add",
        "10.9.0.5/24",
        "dev",
        "eth0",
        "valid_lft",
        "5000",
        "preferred_lft",
        "5000",
    ]);
    lab.here.ip(&["addr", "add", "192.0.2.9/32", "dev", "eth0"]);
    lab.here.ip(&[
        "link", "add", "spare", "type", "veth", "peer", "name", "end",
    ]);
    lab.record("eth0.dhcp4", V4);
    lab.record("eth0.slaac", SLAAC);
    lab.record("eth0.dhcp6.state", "reason=no answer after 2 tries\n");
    let table = lab.ok(&["net"]);
    let rows: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["NAME", "STATE", "FROM", "ADDRESS", "VIA", "LEFT", "DNS"]
    );
    let row = |first: &str| {
        let found = rows.iter().find(|row| row.contains(&first));
        found
            .unwrap_or_else(|| panic!("no {first}: {table}"))
            .clone()
    };
    let dhcp4 = row("dhcp4");
    assert_eq!(
        dhcp4[..5],
        ["eth0", "up", "dhcp4", "10.9.0.5/24", "10.9.0.1"],
        "{table}"
    );
    assert!(dhcp4[5].starts_with("1h2"), "{table}");
    assert_eq!(dhcp4[6], "10.9.0.3", "{table}");
    assert_eq!(
        row("slaac")[..4],
        ["slaac", "fd00::5/64", "(not", "configured)"],
        "{table}"
    );
    assert!(table.contains("(no answer after 2 tries)"), "{table}");
    assert_eq!(row("static")[..2], ["static", "192.0.2.9/32"], "{table}");
    assert_eq!(row("spare"), ["spare", "down"], "{table}");
    assert!(!table.contains("lo "), "{table}");
    assert!(lab.ok(&["net", "status", "lo"]).contains("lo"));
    let json = Value::parse(&lab.ok(&["net", "--json"]));
    let clients = json.find("name", "eth0").get("clients");
    let addresses = clients.find("kind", "dhcp4").get("addresses").all();
    assert_eq!(addresses[0].get("text").text(), "10.9.0.5/24");
    assert!(addresses[0].get("left").number() > 4000);
    assert_eq!(
        clients.find("kind", "slaac").get("gateway").text(),
        "fe80::1"
    );
    assert_eq!(
        lab.initsh(&["net", "status", "eth9"]).status.code(),
        Some(1)
    );
    assert_eq!(lab.initsh(&["net", "rubbish"]).status.code(), Some(2));
}

#[test]
fn hostile_values_are_shown_escaped() {
    let Some(lab) = Lab::new() else { return };
    for kind in ["dhcp4", "slaac", "dhcp6", "pd"] {
        let mut text = String::new();
        for (at, value) in HOSTILE.iter().enumerate() {
            text.push_str(&format!("key{at}={}\n", escaped(value)));
        }
        for key in [
            "ip4", "prefix", "gateway", "dns", "ip6", "gateway6", "dns6", "pd",
        ] {
            text.push_str(&format!("{key}={}\n", escaped(&HOSTILE.concat())));
        }
        lab.record(&format!("eth0.{kind}"), &text);
        lab.record(
            &format!("eth0.{kind}.state"),
            &format!("reason={}\n", escaped(HOSTILE[7])),
        );
        lab.record(
            &format!("eth0.{kind}.stats"),
            &format!("{}=1\n", escaped(HOSTILE[7])),
        );
    }
    for args in [
        &["lease"][..],
        &["lease", "--json"],
        &["net"],
        &["net", "--json"],
        &["net", "stats"],
        &["net", "stats", "--json"],
    ] {
        let text = lab.ok(args);
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(control), "{args:?}: {text:?}");
        assert!(
            !text.lines().any(|line| line == "touch canary"),
            "{args:?}: {text}"
        );
        if args.contains(&"--json") {
            Value::parse(&text);
        }
    }
    assert!(!lab.scratch.path("canary").exists());
}
