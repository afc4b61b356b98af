//! DHCP servers for tests: dnsmasq, and one that answers exactly what a test wants. Both live in a
//! namespace of the test and end with their guard.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use initsh::net::dhcp4::wire::{Message, REPLY};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{setsockopt, sockopt};

use super::support::Namespace;

/// A directory that is removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("initsh-dhcp4-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file below it; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How long anything may take on a busy machine. Only what never happens takes that long.
pub const SOON: Duration = Duration::from_secs(60);

/// Waits until `condition` holds; panics after `limit`.
pub fn eventually(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A dnsmasq that serves DHCP and nothing else.
pub struct Dnsmasq {
    child: Child,
    log: PathBuf,
}

impl Dnsmasq {
    /// Serves `range` on the interface; ready when this returns.
    pub fn start(
        namespace: &Namespace,
        scratch: &Scratch,
        interface: &str,
        range: &str,
        options: &[&str],
    ) -> Self {
        let file = |name: &str| scratch.path(name).display().to_string();
        let log = scratch.path("dnsmasq.log");
        let mut command = namespace.command(
            "dnsmasq",
            &["--conf-file=/dev/null", "--keep-in-foreground"],
        );
        command
            .args([
                "--port=0",
                "--no-ping",
                "--log-dhcp",
                "--bind-interfaces",
                "--dhcp-authoritative",
            ])
            .args([
                format!("--interface={interface}"),
                format!("--dhcp-range={range}"),
                format!("--dhcp-leasefile={}", file("dnsmasq.leases")),
                format!("--pid-file={}", file("dnsmasq.pid")),
                format!("--log-facility={}", log.display()),
            ])
            .args(options);
        let _ = fs::remove_file(&log);
        let child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let mut server = Self { child, log };
        eventually("dnsmasq listens", SOON, || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "dnsmasq: {ended:?}\n{}", server.log());
            server.log().contains("sockets bound")
        });
        server
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How often a message of that kind (`DHCPREQUEST`) is in the log.
    pub fn count(&self, kind: &str) -> usize {
        self.log().matches(&format!(" {kind}(")).count()
    }

    /// Waits until it is there that often: it is written a moment after it has come in.
    pub fn wait_for(&self, kind: &str, times: usize) {
        eventually(&format!("{times} times {kind}"), SOON, || {
            self.count(kind) >= times
        });
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // SIGTERM and not SIGKILL, so that it removes its pid file.
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Answers each request with what a function makes of it, broadcast to the client's port.
pub struct Scripted {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// `answer` is handed each request and an empty reply with the request's transaction; it returns the
    /// UDP payload to send, or nothing.
    pub fn start(
        namespace: &Namespace,
        interface: &str,
        mut answer: impl FnMut(&Message, Message) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let path = Path::new("/run/netns").join(namespace.name());
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, interface) = (stop.clone(), interface.to_owned());
        let (ready, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let handle = fs::File::open(path).unwrap();
            // Of this thread only.
            setns(handle.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 67)).unwrap();
            setsockopt(&socket, sockopt::BindToDevice, &interface.into()).unwrap();
            socket.set_broadcast(true).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            assert!(socket.as_raw_fd() >= 0);
            ready.send(()).unwrap();
            let mut buffer = [0; 2048];
            while !seen.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let request = Message::parse(&buffer[..length]).unwrap();
                let mut reply = Message::request(request.xid, &request.chaddr);
                reply.op = REPLY;
                if let Some(bytes) = answer(&request, reply) {
                    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 68);
                    let _ = socket.send_to(&bytes, to);
                }
            }
        });
        wait.recv_timeout(SOON).unwrap();
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        // A second panic would abort and hide the first.
        if thread.join().is_err() && !std::thread::panicking() {
            panic!("the scripted server failed");
        }
    }
}
