//! A namespace with initsh as its PID 1. Invariant: dropping it kills PID 1 and so, by the kernel's
//! rule, every process in it; no wait is longer than it says.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use initsh::supervise::client::{Client, ServiceInfo};
use initsh::supervise::spec::{Program, Restart, ServiceSpec};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use super::contained::{children, status_field};

pub const INITSH: &str = match option_env!("INITSH_BINARY") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_initsh"),
};

/// The longest that anything here may take. Only what never happens takes that long.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Whether the user left these tests out.
pub fn skipped() -> bool {
    let skip = std::env::var_os("INITSH_SKIP_NET").is_some_and(|value| value == "1");
    if skip {
        eprintln!("skipped: INITSH_SKIP_NET=1");
    }
    skip
}

pub struct Init {
    unshare: Child,
    directory: PathBuf,
    /// PID 1 as the outside sees it.
    pub pid: Pid,
}

impl Init {
    /// A PID 1 whose boot role is a program that sleeps.
    pub fn new() -> Self {
        Self::with_boot("exec sleep 1000")
    }

    /// A PID 1 whose boot role is this shell text.
    pub fn with_boot(text: &str) -> Self {
        Self::prepared("", text)
    }

    /// Runs `prepare` in the namespace before PID 1 is executed; what it puts into `WORDS` is given to
    /// PID 1.
    pub fn prepared(prepare: &str, boot: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("initsh-pid1-{}-{serial}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let script = format!("{prepare}\nexec {INITSH} --pid1 $WORDS -- /bin/sh -c \"$BOOT\"");
        let mut unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"])
            .args(["/bin/sh", "-c", &script])
            .current_dir(&directory)
            .env("INITSH_RUN", directory.join("run"))
            .env("INITSH", INITSH)
            .env("BOOT", boot)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare (util-linux) as root");
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let begun = Instant::now();
        let pid = loop {
            let text = fs::read_to_string(&children).unwrap_or_default();
            if let Ok(pid) = text.trim().parse() {
                break Pid::from_raw(pid);
            }
            assert!(begun.elapsed() < LIMIT, "unshare made no process");
            assert!(unshare.try_wait().unwrap().is_none(), "unshare failed");
            std::thread::sleep(Duration::from_millis(5));
        };
        Self {
            unshare,
            directory,
            pid,
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("run/control")
    }

    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until this holds.
    pub fn until<T>(&self, what: &str, test: impl FnMut() -> Option<T>) -> T {
        self.until_within(what, LIMIT, test)
    }

    /// Waits until this holds, for so long at most.
    pub fn until_within<T>(
        &self,
        what: &str,
        limit: Duration,
        mut test: impl FnMut() -> Option<T>,
    ) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = test() {
                return found;
            }
            assert!(
                begun.elapsed() < limit,
                "{what}: not in time\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn client(&self) -> Client {
        self.until("the control socket", || {
            Client::connect_to(&self.socket()).unwrap()
        })
    }

    pub fn spawn(&self, name: &str, restart: Restart, text: &str) -> ServiceInfo {
        self.client().spawn(&shell(name, restart, text)).unwrap()
    }

    /// How a service stands.
    pub fn service(&self, name: &str) -> ServiceInfo {
        let all = self.client().services().unwrap();
        let found = all.into_iter().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("no service {name}"))
    }

    pub fn in_state(&self, name: &str, state: &str) -> ServiceInfo {
        self.until(&format!("{name} {state}"), || {
            let all = self.client().services().unwrap();
            let found = |service: &ServiceInfo| service.name == name && service.state == state;
            all.into_iter().find(found)
        })
    }

    /// `initsh ARGS…` from outside, as a client of this PID 1.
    pub fn initsh(&self, args: &[&str]) -> Output {
        self.client();
        Command::new(INITSH)
            .args(args)
            .current_dir("/")
            .env("INITSH_RUN", self.directory.join("run"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The processes of the namespace as the outside sees them.
    pub fn processes(&self) -> Vec<Pid> {
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = namespace(&self.pid.to_string());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let Ok(pid) = name.parse() else { continue };
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // A zombie has no namespace link; it is found by its parent.
            let parent = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.split(' ').nth(1));
            let child = parent.is_some_and(|parent| parent == self.pid.to_string());
            if child || (ours.is_some() && namespace(&name) == ours) {
                found.push(Pid::from_raw(pid));
            }
        }
        found
    }

    /// How many zombies PID 1 has at one moment: those that were before it and still are after it. A
    /// single walk through `/proc` would count zombies that were never there at the same time.
    pub fn zombies(&self) -> usize {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(path).unwrap_or_default();
        let is_zombie = |pid: &&str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") Z ")
        };
        let before: Vec<_> = children.split_whitespace().filter(is_zombie).collect();
        before.into_iter().filter(is_zombie).count()
    }

    /// CPU time of PID 1 so far, to the nanosecond.
    pub fn cpu(&self) -> Duration {
        clock_getcpuclockid(self.pid).unwrap().now().unwrap().into()
    }

    /// A child of PID 1 as the outside numbers it.
    pub fn outside(&self, inside: i32) -> Option<Pid> {
        let inside = inside.to_string();
        children(self.pid).into_iter().find(|pid| {
            let numbers = status_field(*pid, "NSpid");
            numbers.split_whitespace().next_back() == Some(&inside)
        })
    }

    /// Waits until the process of a service catches or ignores a signal: a shell that has just been executed
    /// has set no trap yet.
    pub fn hears(&self, name: &str, signal: Signal) {
        self.until(&format!("{name} hears {signal}"), || {
            let pid = self.outside(self.service(name).pid?)?;
            has_trap(pid, signal).then_some(())
        });
    }

    /// Anonymous memory of PID 1 in kB.
    pub fn anonymous(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = fs::read_to_string(path).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.unwrap().parse().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.unshare.try_wait().unwrap().is_none()
    }

    /// Waits until the namespace has ended: exit status, or the signal that ended PID 1, negative.
    pub fn ended(&mut self) -> i32 {
        let begun = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = self.unshare.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LIMIT, "it does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0))
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        // One that has ended has given its number to somebody else by now.
        if let Ok(None) = self.unshare.try_wait() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("-- log of PID 1\n{log}");
        }
        let _ = fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            assert!(!log.contains("the journal does not have"), "{log}");
        }
    }
}

/// Whether a process does not leave this signal to the kernel.
pub fn has_trap(pid: Pid, signal: Signal) -> bool {
    let sets = ["SigCgt", "SigIgn"].map(|name| {
        let set = status_field(pid, name);
        u64::from_str_radix(&set, 16).unwrap_or(0)
    });
    (sets[0] | sets[1]) & (1 << (signal as i32 - 1)) != 0
}

/// How often a time is measured before it is believed: this machine may have other work.
const ATTEMPTS: u32 = 3;

/// The least of a few times, which are measured until one is within `limit`. Fails where none is.
pub fn within(limit: Duration, what: &str, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ATTEMPTS {
        best = best.min(measure());
        if best <= limit {
            println!("{what}: {best:?}");
            return best;
        }
        println!("{what}: {best:?}; once more");
    }
    panic!("{what}: {best:?} at best, {limit:?} at most");
}

/// How long a thread could have run so far, but others had the processors (proc_pid_schedstat(5)).
fn kept_waiting(pid: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let time = text.split(' ').nth(1).and_then(|time| time.parse().ok());
    Duration::from_nanos(time.unwrap_or(0))
}

/// How long something takes, without the time in which PID 1, or this thread, had to wait for a processor:
/// that is the machine's.
pub fn undisturbed(init: &Init, work: impl FnOnce()) -> Duration {
    let kept = || kept_waiting("thread-self") + kept_waiting(&init.pid.to_string());
    let (begun, before) = (Instant::now(), kept());
    work();
    begun.elapsed().saturating_sub(kept() - before)
}

/// PID 1's answers take no longer than this: the median, because the machine may be busy with other tests.
pub fn answers_within(limit: Duration, init: &Init) {
    let answer = |_| undisturbed(init, || drop(init.client().services().unwrap()));
    within(limit, "typical answer", || {
        let mut answers: Vec<_> = (0..41).map(answer).collect();
        answers.sort();
        answers[20]
    });
}

/// Writes a file that is to be executed. Another process does: what this one has open for writing, a child
/// that another test is forking has for a moment, too, and nobody could execute it (ETXTBSY).
pub fn program(path: &Path, bytes: &[u8], mode: u32) {
    let mut writer = Command::new("dd")
        .args(["status=none", "bs=64k"])
        .arg(format!("of={}", path.display()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(writer.wait().unwrap().success());
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A service that has long enough to stop, however busy the machine is.
pub fn shell(name: &str, restart: Restart, text: &str) -> ServiceSpec {
    let argv = vec!["sh".into(), "-c".into(), text.into()];
    ServiceSpec {
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        restart,
        stop_timeout: LIMIT,
        ..ServiceSpec::new(name, Program::Path("/bin/sh".into()), argv)
    }
}
