//! The links that real servers and a client share: a cable, or a bridge in a namespace of its own with
//! several servers on it. Servers need not wait for duplicate address detection, the client does as its
//! kernel says.

use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use crate::dhcp_server::SOON;
use crate::dhcp_server::{Scratch, eventually};
use crate::support::{INITSH, Namespace};

/// A client's namespace with `eth0`, down, and a server's with `srv`: 10.9.0.1/24, 2001:db8:9::1/64
/// and fe80::1.
pub struct Lab {
    pub server: Namespace,
    pub client: Namespace,
    pub scratch: Scratch,
}

impl Lab {
    /// With a cable between them. `None` where the user skips such tests.
    pub fn new() -> Option<Self> {
        let (server, client) = (Namespace::new()?, Namespace::new()?);
        server.veth("srv", &client, "eth0");
        as_server(&server, 1);
        Some(Self::with(server, client))
    }

    /// With a bridge between them, on which there may be more.
    pub fn bridged() -> Option<(Self, Bridge)> {
        let (server, client, bridge) = (Namespace::new()?, Namespace::new()?, Bridge::new()?);
        bridge.join(&server, "srv");
        as_server(&server, 1);
        bridge.join(&client, "eth0");
        Some((Self::with(server, client), bridge))
    }

    fn with(server: Namespace, client: Namespace) -> Self {
        client.ip(&["link", "set", "eth0", "down"]);
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.path("state")).unwrap();
        Self {
            server,
            client,
            scratch,
        }
    }

    /// A command in the client's namespace, whose files are in the scratch directory.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.client.command(program, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"))
            .env("INITSH_STATE", self.scratch.path("state"));
        command
    }

    /// Runs `initsh ARGS…`, whatever its status. A client has as long as a busy machine may need, unless it
    /// is told how long.
    pub fn initsh(&self, args: &[&str]) -> Output {
        let mut args = args.to_vec();
        if args.contains(&"--once") && !args.contains(&"--timeout") {
            args.splice(1..1, ["--timeout", "60"]);
        }
        self.command(INITSH, &args).output().unwrap()
    }

    /// Runs `initsh ARGS…`, which must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.initsh(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `initsh ARGS…`, which must fail with status 1; its standard error.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.initsh(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        error
    }

    /// Starts `KIND --foreground ARGS… eth0`, which keeps what it gets.
    pub fn start(&self, kind: &str, args: &[&str]) -> Keeper {
        let ready = self.scratch.path(&format!("ready.{kind}"));
        let _ = std::fs::remove_file(&ready);
        let script = format!(
            "exec 3>'{}' && INITSH_READY_FD=3 exec '{INITSH}' {kind} --foreground {} eth0",
            ready.display(),
            args.join(" ")
        );
        Keeper(self.command("sh", &["-c", &script]).spawn().unwrap())
    }

    /// [`Lab::start`]s it and waits until it says that it is ready.
    pub fn keep(&self, kind: &str, args: &[&str]) -> Keeper {
        let mut client = self.start(kind, args);
        let ready = format!("ready.{kind}");
        eventually("ready", SOON, || {
            let ended = client.0.try_wait().unwrap();
            assert!(ended.is_none(), "{kind}: {ended:?}");
            self.scratch.text(&ready) == "\n"
        });
        client
    }

    /// A value of the record `$INITSH_RUN/leases/eth0.KIND`; empty where there is none.
    pub fn record(&self, kind: &str, key: &str) -> String {
        let record = self.scratch.text(&format!("run/leases/eth0.{kind}"));
        let line = record
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    }

    /// Waits until a value of the record is so.
    pub fn until(&self, kind: &str, key: &str, what: impl Fn(&str) -> bool) {
        let (end, mut value) = (Instant::now() + SOON, String::new());
        while Instant::now() < end {
            value = self.record(kind, key);
            if what(&value) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let shown = self.client.ip(&["addr", "show", "dev", "eth0"]);
        panic!("net.eth0.{key} of {kind} stays '{value}'\n{shown}");
    }

    /// The global addresses that the client has, as ip(8) shows them.
    pub fn addresses(&self) -> String {
        self.client
            .ip(&["addr", "show", "dev", "eth0", "scope", "global"])
    }

    /// The client's routes of IPv4.
    pub fn routes4(&self) -> String {
        self.client.ip(&["-4", "route", "show"])
    }

    /// The client's routes of IPv6.
    pub fn routes6(&self) -> String {
        self.client.ip(&["-6", "route", "show"])
    }

    /// The resolv.conf that was written.
    pub fn resolv_conf(&self) -> String {
        self.scratch.text("etc/resolv.conf")
    }
}

/// Gives a server's `srv` its addresses, whose last part is `number`.
pub fn as_server(server: &Namespace, number: u8) {
    server.sysctl("net/ipv6/conf/srv/accept_dad", "0");
    server.sysctl("net/ipv6/conf/srv/addr_gen_mode", "1");
    server.ip(&["addr", "add", &format!("10.9.0.{number}/24"), "dev", "srv"]);
    for address in [
        format!("2001:db8:9::{number}/64"),
        format!("fe80::{number}/64"),
    ] {
        server.ip(&["addr", "add", &address, "dev", "srv", "nodad"]);
    }
    // A cable is noticed a moment after it was plugged in.
    server.passes("srv");
}

/// A bridge in a namespace of its own, with nothing else there.
pub struct Bridge(Namespace, std::cell::Cell<u32>);

impl Bridge {
    fn new() -> Option<Self> {
        let namespace = Namespace::new()?;
        namespace.ip(&["link", "add", "br0", "type", "bridge"]);
        namespace.ip(&["link", "set", "br0", "up"]);
        Some(Self(namespace, std::cell::Cell::new(0)))
    }

    /// Plugs a new interface of that name of another namespace in.
    pub fn join(&self, namespace: &Namespace, name: &str) {
        let port = format!("p{}", self.1.replace(self.1.get() + 1));
        self.0.veth(&port, namespace, name);
        self.0.ip(&["link", "set", &port, "master", "br0"]);
    }

    /// Plugs another server in: `srv` with 10.9.0.NUMBER and so on.
    pub fn server(&self, number: u8) -> Namespace {
        let server = Namespace::new().unwrap();
        self.join(&server, "srv");
        as_server(&server, number);
        server
    }

    /// Pulls the plug of the interface that was the `n`th to join, or puts it back.
    pub fn plug(&self, n: u32, state: &str) {
        self.0.ip(&["link", "set", &format!("p{n}"), state]);
    }
}

/// A client that is killed when dropped.
pub struct Keeper(pub Child);

impl Keeper {
    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    /// Ends it with SIGTERM, which it must do well.
    pub fn end(mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
