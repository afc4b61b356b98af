//! Many interfaces in one client, and many clients of one server.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::dhcp_server::{Dnsmasq, Scratch, eventually};
use super::servers::kea;
use super::servers::lab::Keeper;
use super::support::{INITSH, Namespace};

/// How long a hundred clients may take on a busy machine.
const LONG: Duration = Duration::from_secs(200);

/// A server with `srv`, 10.0.0.1/16, and a client with so many interfaces `c0`, `c1` … on its link.
struct Crowd {
    client: Namespace,
    server: Namespace,
    scratch: Scratch,
}

impl Crowd {
    /// `kind` makes interface number N, in the words of `ip -batch`.
    fn new(count: u32, setup: &str, kind: fn(u32) -> String) -> Option<Self> {
        let (server, client) = (Namespace::new()?, Namespace::new()?);
        let scratch = Scratch::new();
        let mut batch = setup.replace("CLIENT", client.name());
        for number in 0..count {
            let _ = writeln!(batch, "{}", kind(number).replace("CLIENT", client.name()));
        }
        std::fs::write(scratch.path("batch"), batch).unwrap();
        server.ip(&["-batch", &scratch.path("batch").display().to_string()]);
        server.ip(&["addr", "add", "10.0.0.1/16", "dev", "srv"]);
        Some(Self {
            client,
            server,
            scratch,
        })
    }

    fn dnsmasq(&self) -> Dnsmasq {
        let range = "10.0.1.0,10.0.9.255,10m";
        let options = ["--dhcp-option=option:dns-server,10.0.0.3", "--quiet-dhcp"];
        Dnsmasq::start(&self.server, &self.scratch, "srv", range, &options)
    }

    /// A command of initsh in the client's namespace.
    fn start(&self, args: &[&str], names: &[String]) -> Child {
        let mut command = self.client.command(INITSH, args);
        command
            .args(names)
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a command on all of its interfaces, which must succeed; what it says.
    fn all_at_once(&self, args: &[&str], names: &[String]) -> String {
        let began = Instant::now();
        let output = self.start(args, names).wait_with_output().unwrap();
        eprintln!(
            "{} on {} interfaces: {:?}",
            args[0],
            names.len(),
            began.elapsed()
        );
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    /// The different global addresses of a family (`-4`) that the client's interfaces have.
    fn addresses(&self, family: &str) -> HashSet<String> {
        let text = self
            .client
            .ip(&[family, "-o", "addr", "show", "scope", "global"]);
        let field = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
        text.lines().filter_map(field).collect()
    }
}

/// A hundred cables into the server's bridge `srv`, and one that is always plugged in.
fn hundred() -> Option<(Crowd, Vec<String>)> {
    let setup = "link add srv type bridge\nlink set srv up\n\
        link add k0 type veth peer name k1\nlink set k1 up\nlink set k0 master srv up\n";
    let kind = |n| {
        format!("link add p{n} type veth peer name c{n} netns CLIENT\nlink set p{n} master srv up")
    };
    let crowd = Crowd::new(100, setup, kind)?;
    Some((crowd, (0..100).map(|n| format!("c{n}")).collect()))
}

#[test]
fn a_hundred_interfaces_at_once() {
    let Some((crowd, names)) = hundred() else {
        return;
    };
    let _server = crowd.dnsmasq();
    let args = [
        "dhcp4",
        "--once",
        "--dns",
        "--no-routes",
        "--timeout",
        "150",
    ];
    let text = crowd.all_at_once(&args, &names);
    // In the order in which they were named.
    let told: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(told, names);
    assert_eq!(crowd.addresses("-4").len(), 100);
    for name in &names {
        let record = crowd.scratch.text(&format!("run/leases/{name}.dhcp4"));
        assert!(record.contains("gateway=10.0.0.1\n"), "{name}: {record}");
    }
    let resolv = crowd.scratch.text("etc/resolv.conf");
    assert_eq!(resolv.matches("nameserver").count(), 1, "{resolv}");
}

#[test]
fn a_hundred_interfaces_with_an_address_and_a_prefix_each() {
    let Some((crowd, names)) = hundred() else {
        return;
    };
    let members = r#"
"valid-lifetime": 900, "preferred-lifetime": 600,
"subnet6": [ {
  "id": 1, "subnet": "2001:db8:9::/64", "interface": "srv", "rapid-commit": true,
  "pools": [ { "pool": "2001:db8:9::1000 - 2001:db8:9::1fff" } ],
  "pd-pools": [ { "prefix": "2001:db8:f000::", "prefix-len": 40, "delegated-len": 56 } ]
} ]"#;
    eventually("a link-local address", LONG, || {
        let text = crowd.server.ip(&["-6", "addr", "show", "dev", "srv"]);
        text.contains("fe80:") && !text.contains("tentative")
    });
    let _server = kea::dhcp6(&crowd.server, &crowd.scratch, "srv", members);
    let args = ["dhcp6", "--once", "--pd", "--timeout", "150"];
    crowd.all_at_once(&args, &names);
    assert_eq!(crowd.addresses("-6").len(), 100);
    let routes = crowd
        .client
        .ip(&["-6", "route", "show", "type", "unreachable"]);
    let prefixes: HashSet<_> = routes.lines().collect();
    assert_eq!(prefixes.len(), 100, "{routes}");
}

#[test]
fn two_hundred_clients_of_one_server() {
    // Like as many machines: each has a MAC and a process of its own.
    let setup = "link add srv type veth peer name up netns CLIENT\nlink set dev srv up\n";
    let kind = |_| String::new();
    let Some(crowd) = Crowd::new(0, setup, kind) else {
        return;
    };
    let mut batch = String::from("link set dev up up\n");
    for number in 0..200 {
        let _ = writeln!(
            batch,
            "link add c{number} link up type macvlan mode private"
        );
    }
    std::fs::write(crowd.scratch.path("batch"), batch).unwrap();
    let path = crowd.scratch.path("batch").display().to_string();
    crowd.client.ip(&["-batch", &path]);
    let _server = crowd.dnsmasq();
    let args = ["dhcp4", "--once", "--no-routes", "--timeout", "150"];
    let began = Instant::now();
    let mut clients: Vec<_> = (0..200)
        .map(|n| Keeper(crowd.start(&args, &[format!("c{n}")])))
        .collect();
    eventually("all clients have ended", LONG, || {
        clients.retain_mut(|client| match client.0.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                false
            }
            None => true,
        });
        clients.is_empty()
    });
    eprintln!("200 clients: {:?}", began.elapsed());
    assert_eq!(crowd.addresses("-4").len(), 200);
}
