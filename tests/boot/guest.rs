//! A guest under `scripts/qemu`: its serial line, its monitor, its end. Invariant: every wait has a
//! limit, and dropping a [`Guest`] ends its QEMU and removes its files; a failed test shows its log.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Seconds that a guest may take for one step. A boot takes two where nothing else runs, and more than sixty
/// where a dozen of compilers do: software emulation on a busy machine is slow.
pub const STEP: u64 = 300;

/// Seconds that one guest may live.
const LIFE: &str = "3000";

/// The project's directory.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory of one test, removed with it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("boot-{}-{serial}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("scratch directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, its parents too, and returns its path as text.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("parents");
        fs::write(&path, bytes).expect("scratch file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What to boot.
pub struct Setup {
    scratch: Scratch,
    options: Vec<String>,
    qemu: Vec<String>,
    initrd: Option<PathBuf>,
    kernel: Option<PathBuf>,
    namespace: Option<String>,
}

impl Setup {
    /// The image as `make initrd` packs it, with a network card. `None` where the user set
    /// `INITSH_SKIP_BOOT=1`; anything that is lacking is a failure of the test.
    pub fn new() -> Option<Self> {
        if std::env::var_os("INITSH_SKIP_BOOT").is_some_and(|value| value == "1") {
            eprintln!("skipped: INITSH_SKIP_BOOT=1");
            return None;
        }
        Some(Self {
            scratch: Scratch::new(),
            options: vec!["--timeout".into(), LIFE.into()],
            qemu: Vec::new(),
            initrd: None,
            kernel: None,
            namespace: None,
        })
    }

    /// Boots with these words on the kernel command line.
    pub fn append(self, words: &str) -> Self {
        self.option("--append", words)
    }

    /// Any option of `scripts/qemu` with its value.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// An option whose value is a new file.
    pub fn option_file(self, name: &str, file: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.scratch.file(file, bytes);
        self.option(name, &path)
    }

    /// `/autoexec.run` in the guest.
    pub fn autoexec(self, script: &str) -> Self {
        self.option_file("--autoexec", "autoexec.run", script)
    }

    /// A file in the guest, by its absolute path.
    pub fn guest_file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.scratch.file(&format!("overlay{path}"), bytes);
        let overlay = self.scratch.path().join("overlay");
        let overlay = overlay.to_string_lossy().into_owned();
        if self.options.contains(&overlay) {
            self
        } else {
            self.option("--overlay", &overlay)
        }
    }

    /// Arguments for QEMU itself.
    pub fn qemu(mut self, words: &[&str]) -> Self {
        self.qemu
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Another image.
    pub fn initrd(mut self, path: PathBuf) -> Self {
        self.initrd = Some(path);
        self
    }

    /// Another kernel.
    pub fn kernel(mut self, path: PathBuf) -> Self {
        self.kernel = Some(path);
        self
    }

    /// QEMU runs in a network namespace.
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// The directory of this test.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Starts the guest.
    pub fn start(self) -> Guest {
        let monitor = self.scratch.path().join("qmp");
        let program = top().join("scripts/qemu");
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        };
        command
            .args(&self.options)
            .arg("--")
            .args(&self.qemu)
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(initrd) = &self.initrd {
            command.env("INITRD", initrd);
        }
        if let Some(kernel) = &self.kernel {
            command.env("KERNEL", kernel);
        }
        let mut child = command.spawn().expect("scripts/qemu");
        let log = Arc::new(Log::default());
        collect(child.stdout.take().expect("stdout"), &log);
        collect(child.stderr.take().expect("stderr"), &log);
        Guest {
            child,
            log,
            seen: 0,
            commands: 0,
            started: Instant::now(),
            boot: Duration::ZERO,
            monitor,
            _scratch: self.scratch,
        }
    }
}

/// What a guest printed, without carriage returns and escape sequences.
#[derive(Default)]
struct Log {
    text: Mutex<Text>,
    more: Condvar,
}

#[derive(Default)]
struct Text {
    shown: String,
    /// Ends in the middle of a character or an escape sequence.
    rest: Vec<u8>,
    /// Ends of the two streams.
    ended: u8,
}

fn collect(mut stream: impl Read + Send + 'static, log: &Arc<Log>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        loop {
            let count = stream.read(&mut chunk).unwrap_or(0);
            let mut text = log.text.lock().expect("log");
            if count == 0 {
                text.ended += 1;
            } else {
                text.rest.extend_from_slice(&chunk[..count]);
                let rest = std::mem::take(&mut text.rest);
                let kept = plain(&rest, &mut text.shown);
                text.rest = rest[kept..].to_vec();
            }
            log.more.notify_all();
            if count == 0 {
                return;
            }
        }
    });
}

/// Appends what a person would read to `shown`; how many bytes were complete.
fn plain(bytes: &[u8], shown: &mut String) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest {
            [0x1b] | [0x1b, b'['] => return at,
            [0x1b, b'[', sequence @ ..] => {
                let Some(end) = sequence.iter().position(|b| (0x40..=0x7e).contains(b)) else {
                    return at;
                };
                end + 3
            }
            [0x1b, ..] => 2,
            [b'\r', ..] => 1,
            _ => {
                let end = rest
                    .iter()
                    .position(|b| [0x1b, b'\r'].contains(b))
                    .unwrap_or(rest.len());
                let cut = match std::str::from_utf8(&rest[..end]) {
                    Err(error) if error.error_len().is_none() && end == rest.len() => {
                        error.valid_up_to()
                    }
                    _ => end,
                };
                if cut == 0 {
                    return at;
                }
                shown.push_str(&String::from_utf8_lossy(&rest[..cut]));
                cut
            }
        };
        at += length;
    }
    at
}

/// A guest that runs.
pub struct Guest {
    child: Child,
    log: Arc<Log>,
    /// What has been waited for ends here.
    seen: usize,
    /// Commands run by [`Guest::run`]: gives each its own end mark.
    commands: u32,
    started: Instant,
    /// What it took until the first text that was waited for.
    boot: Duration,
    monitor: PathBuf,
    _scratch: Scratch,
}

impl Guest {
    /// Waits until `text` is printed after what was waited for before; what was printed in between,
    /// `text` included. Panics with what came instead.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_for_any(&[text])
    }

    /// Waits for the first of several texts.
    pub fn wait_for_any(&mut self, texts: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_secs(STEP);
        let mut log = self.log.text.lock().expect("log");
        loop {
            let new = &log.shown[self.seen..];
            let found = texts
                .iter()
                .filter_map(|text| new.find(text).map(|at| at + text.len()))
                .min();
            if let Some(end) = found {
                let between = new[..end].to_owned();
                self.seen += end;
                if self.boot.is_zero() {
                    self.boot = self.started.elapsed();
                }
                return between;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let over = log.ended == 2;
            if left.is_zero() || over {
                let new = new.to_owned();
                drop(log);
                let why = if over {
                    "the guest ended"
                } else {
                    "time is over"
                };
                panic!("waiting for {texts:?}: {why}; since the last wait:\n{new}");
            }
            log = self.log.more.wait_timeout(log, left).expect("log").0;
        }
    }

    /// Everything printed so far.
    pub fn log(&self) -> String {
        self.log.text.lock().expect("log").shown.clone()
    }

    /// Types at the serial line.
    pub fn type_text(&mut self, text: &str) {
        let line = self.child.stdin.as_mut().expect("serial line");
        line.write_all(text.as_bytes()).expect("serial line");
        line.flush().expect("serial line");
    }

    /// Waits for the prompt.
    pub fn prompt(&mut self) -> String {
        self.wait_for("# ")
    }

    /// Waits for a shell's first prompt.
    pub fn shell(&mut self) {
        self.wait_for("initsh:/");
        self.prompt();
    }

    /// The whole seconds that a script took, from the rest of its summary: what follows `0 failed`.
    pub fn seconds(&mut self) -> u64 {
        let took = self.wait_for(" s\n");
        let took = took.trim_start_matches(", ").split('.').next();
        took.and_then(|text| text.parse().ok()).expect("seconds")
    }

    /// What something that takes at most `limit` seconds in the guest may take from out here: four times what
    /// the boot took is added, which is eight seconds where nothing else runs.
    pub fn patience(&self, limit: u64) -> Duration {
        Duration::from_secs(limit) + self.boot * 4
    }

    /// Types a command that goes on until it is interrupted, and waits until the line runs: the terminal is
    /// the command's then, and Ctrl-C is a signal and no byte.
    pub fn begin(&mut self, command: &str) {
        self.type_text(&format!("echo st''arted; {command}\n"));
        self.wait_for("started\n");
    }

    /// Runs a command at the prompt: what it printed, and its status.
    pub fn run(&mut self, command: &str) -> (String, i32) {
        self.commands += 1;
        let number = self.commands;
        // The echo of what is typed must not look like the answer.
        self.type_text(&format!(
            "echo beg''in-{number}; {command}; echo e''nd-{number}=$?.\n"
        ));
        self.wait_for(&format!("begin-{number}\n"));
        let output = self.wait_for(&format!("end-{number}="));
        let status = self.wait_for(".");
        let status = status.trim_end_matches('.').parse().expect("status");
        self.prompt();
        let mark = format!("end-{number}=");
        (output.trim_end_matches(&mark).to_owned(), status)
    }

    /// Runs a command that must succeed; what it printed.
    pub fn ok(&mut self, command: &str) -> String {
        let (output, status) = self.run(command);
        assert_eq!(status, 0, "{command}: {output}");
        output
    }

    /// What a word stands for in the guest. Unlike [`Guest::ok`] it is not disturbed by what PID 1 and the
    /// network clients may have to say at the same time: each line is written at once.
    pub fn value(&mut self, word: &str) -> String {
        let shown = self.ok(&format!("echo \"=$((6 * 7)) {word}\""));
        let value = shown.split_once("=42 ").map(|(_, rest)| rest);
        let value = value.and_then(|rest| rest.split_once('\n'));
        value
            .unwrap_or_else(|| panic!("{word}: {shown}"))
            .0
            .to_owned()
    }

    /// Presses keys on the machine's keyboard through QEMU's monitor: `ctrl-alt-delete`.
    pub fn send_key(&self, keys: &str) {
        let stream = UnixStream::connect(&self.monitor).expect("QMP");
        stream
            .set_read_timeout(Some(Duration::from_secs(STEP)))
            .expect("QMP");
        let mut replies = BufReader::new(stream.try_clone().expect("QMP"));
        let mut writer = stream;
        let commands = [
            r#"{"execute":"qmp_capabilities"}"#.to_owned(),
            format!(
                r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"sendkey {keys}"}}}}"#
            ),
        ];
        for command in commands {
            writeln!(writer, "{command}").expect("QMP");
            let mut reply = String::new();
            // The greeting and events come in between; a guest prints few of them.
            for _ in 0..20 {
                reply.clear();
                replies.read_line(&mut reply).expect("QMP reply");
                if reply.contains("\"return\"") || reply.contains("\"error\"") {
                    break;
                }
            }
            assert!(reply.contains("\"return\""), "{command}: {reply}");
        }
    }

    /// Listens to QEMU's monitor from now on; nothing else can use it meanwhile.
    pub fn events(&self) -> Events {
        let mut stream = UnixStream::connect(&self.monitor).expect("QMP");
        writeln!(stream, r#"{{"execute":"qmp_capabilities"}}"#).expect("QMP");
        Events(std::thread::spawn(move || {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all);
            String::from_utf8_lossy(&all).into_owned()
        }))
    }

    /// Waits for the end, and for the last of what was printed; the status of `scripts/qemu`.
    pub fn end(&mut self) -> i32 {
        let deadline = Instant::now() + Duration::from_secs(STEP);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("wait") {
                self.hear_out();
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the guest does not end");
    }

    /// Waits until both streams of the program that has ended are read.
    fn hear_out(&self) {
        let log = self.log.text.lock().expect("log");
        let time = Duration::from_secs(STEP);
        let open = |text: &mut Text| text.ended < 2;
        let (_log, over) = self
            .log
            .more
            .wait_timeout_while(log, time, open)
            .expect("log");
        assert!(!over.timed_out(), "somebody still has the guest's output");
    }
}

/// What QEMU reports.
pub struct Events(std::thread::JoinHandle<String>);

impl Events {
    /// Everything until the end of QEMU, which must be near.
    pub fn all(self) -> String {
        self.0.join().expect("QMP")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the guest's log:\n{}\n---", self.log());
        }
        if let Ok(None) = self.child.try_wait() {
            let _ = Command::new("kill")
                .arg(self.child.id().to_string())
                .status();
            for _ in 0..250 {
                if let Ok(Some(_)) = self.child.try_wait() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
