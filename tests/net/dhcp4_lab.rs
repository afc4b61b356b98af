//! A server's and a client's namespace for the tests of the DHCPv4 client.

use std::process::{Child, Command, Output};

use dhcproto::v4::{MessageType, OptionCode};
use initsh::net::dhcp4::wire::Message;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dhcp_server::{Dnsmasq, SOON, Scratch, Scripted, eventually};
use super::support::{INITSH, Namespace};

/// What [`grant`] grants.
pub const ADDRESS: [u8; 4] = [10, 9, 0, 77];
/// Who grants it.
pub const SERVER: [u8; 4] = [10, 9, 0, 1];

/// A server's and a client's namespace with a cable between them: `srv` (10.9.0.1/24) and `eth0`, down.
pub struct Lab {
    pub server: Namespace,
    pub client: Namespace,
    pub scratch: Scratch,
}

impl Lab {
    pub fn new() -> Option<Self> {
        let (server, client) = (Namespace::new()?, Namespace::new()?);
        server.veth("srv", &client, "eth0");
        server.ip(&["addr", "add", "10.9.0.1/24", "dev", "srv"]);
        client.ip(&["link", "set", "eth0", "down"]);
        let scratch = Scratch::new();
        Some(Self {
            server,
            client,
            scratch,
        })
    }

    pub fn dnsmasq(&self, options: &[&str]) -> Dnsmasq {
        let range = "10.9.0.50,10.9.0.59,10m";
        Dnsmasq::start(&self.server, &self.scratch, "srv", range, options)
    }

    pub fn scripted(
        &self,
        answer: impl FnMut(&Message, Message) -> Option<Vec<u8>> + Send + 'static,
    ) -> Scripted {
        Scripted::start(&self.server, "srv", answer)
    }

    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.client.command(program, args);
        command
            .env("INITSH_RUN", self.scratch.path("run"))
            .env("INITSH_ETC", self.scratch.path("etc"));
        command
    }

    /// Runs `dhcp4 ARGS…`: with as long as a busy machine may need, unless it is told how long.
    pub fn dhcp4(&self, args: &[&str]) -> Output {
        let time: &[&str] = match args.contains(&"--timeout") {
            true => &[],
            false => &["--timeout", "60"],
        };
        let args = [&["dhcp4"], time, args].concat();
        self.command(INITSH, &args).output().unwrap()
    }

    /// Runs `dhcp4 ARGS… eth0`, which must succeed; its standard output.
    pub fn bound(&self, args: &[&str]) -> String {
        let output = self.dhcp4(&[args, &["eth0"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `dhcp4 ARGS…`, which must fail with status 1; its standard error.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.dhcp4(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        error
    }

    /// Starts `dhcp4 --foreground ARGS… eth0` and waits until it says that it is ready.
    pub fn foreground(&self, args: &str) -> Foreground {
        let ready = self.scratch.path("ready");
        // That of a client before it.
        let _ = std::fs::remove_file(&ready);
        let script = format!(
            "exec 3>'{}' && INITSH_READY_FD=3 exec '{INITSH}' dhcp4 --foreground {args} eth0",
            ready.display()
        );
        let child = self.command("sh", &["-c", &script]).spawn().unwrap();
        let client = Foreground(child);
        eventually("ready", SOON, || self.scratch.text("ready") == "\n");
        client
    }

    pub fn addresses(&self) -> String {
        self.client.ip(&["-4", "addr", "show", "dev", "eth0"])
    }

    pub fn routes(&self) -> String {
        self.client.ip(&["-4", "route", "show"])
    }
}

/// A client that is killed when dropped.
pub struct Foreground(pub Child);

impl Foreground {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An OFFER or ACK of [`ADDRESS`] with these options besides the necessary ones.
pub fn grant(request: &Message, mut reply: Message, options: &[(OptionCode, &[u8])]) -> Message {
    let kind = match request.options.message_type() {
        Some(MessageType::Discover) => MessageType::Offer,
        _ => MessageType::Ack,
    };
    reply.yiaddr = ADDRESS.into();
    reply.options.set(OptionCode::MessageType, &[kind.into()]);
    reply.options.set(OptionCode::ServerIdentifier, &SERVER);
    reply
        .options
        .set(OptionCode::SubnetMask, &[255, 255, 255, 0]);
    reply
        .options
        .set(OptionCode::AddressLeaseTime, &600_u32.to_be_bytes());
    for (code, value) in options {
        reply.options.set(*code, value);
    }
    reply
}
