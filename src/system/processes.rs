//! Processes, from `/proc`. Invariant: a process that ends while it is looked at is left out, never an
//! error; its name may hold any bytes, a `)` among them.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::failure::{Doing, Failure};
use crate::sort;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's number; 0 for PID 1 and kthreadd.
    pub parent: i32,
    /// Whose effective rights it has.
    pub uid: u32,
    /// `R`, `S`, `D`, `Z`, `T` … (proc_pid_stat(5)).
    pub state: char,
    /// Memory in RAM, in kB.
    pub rss: u64,
    /// Processor time used, user and system.
    pub time: Duration,
    /// Since the boot.
    pub started: Duration,
    /// The kernel's short name of it, 15 bytes at most.
    pub name: Vec<u8>,
    /// Its arguments; empty for kernel threads and zombies.
    pub argv: Vec<Vec<u8>>,
    /// Whether it is a thread of the kernel.
    pub kernel: bool,
}

/// Every process, by number. Errors: `/proc` is not mounted.
pub fn list() -> Result<Vec<Process>, Failure> {
    let pids = pids()?;
    let units = Units::of_this_kernel();
    let mut all: Vec<_> = pids
        .into_iter()
        .filter_map(|pid| look_at(pid, units))
        .collect();
    sort::sort_by_key(&mut all, |process| process.pid);
    Ok(all)
}

/// The processes of user space that have not ended, without PID 1; no more of them than are worth a
/// look. Only what can be had without waiting: a process's arguments are in its memory, which it may hold
/// locked. Nothing where `/proc` is missing or another PID namespace's.
pub fn at_a_glance() -> Vec<Process> {
    /// A look at a thousand takes a few milliseconds.
    const ENOUGH: usize = 1000;
    let own = std::process::id().to_string();
    if std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() != own.as_str()) {
        return Vec::new();
    }
    let units = Units::of_this_kernel();
    let look = |pid| parse_stat(&std::fs::read(format!("/proc/{pid}/stat")).ok()?, units);
    let pids = pids().unwrap_or_default().into_iter();
    pids.filter(|&pid| pid != 1)
        .take(ENOUGH)
        .filter_map(look)
        .filter(|process| !process.kernel && process.state != 'Z')
        .collect()
}

/// The numbers of all processes. Errors: `/proc` is not mounted.
fn pids() -> Result<Vec<i32>, Failure> {
    let not_mounted =
        || Failure::new("/proc is not mounted").with_hint("mount it with 'mount proc'");
    let entries = std::fs::read_dir("/proc").doing(|| "read /proc")?;
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let pids: Vec<i32> = entries.flatten().filter_map(number).collect();
    if pids.is_empty() {
        Err(not_mounted())
    } else {
        Ok(pids)
    }
}

/// What the numbers of `/proc` count in.
#[derive(Debug, Clone, Copy)]
struct Units {
    /// Ticks a second (USER_HZ).
    ticks: u64,
    /// kB a page.
    page: u64,
}

impl Units {
    fn of_this_kernel() -> Self {
        use nix::unistd::{SysconfVar, sysconf};
        let ask = |variable| {
            sysconf(variable)
                .ok()
                .flatten()
                .and_then(|n| u64::try_from(n).ok())
        };
        Self {
            ticks: ask(SysconfVar::CLK_TCK).filter(|&n| n > 0).unwrap_or(100),
            page: ask(SysconfVar::PAGE_SIZE).unwrap_or(4096) / 1024,
        }
    }
}

fn look_at(pid: i32, units: Units) -> Option<Process> {
    let directory = format!("/proc/{pid}");
    let mut process = parse_stat(&std::fs::read(format!("{directory}/stat")).ok()?, units)?;
    process.uid = std::fs::metadata(&directory).ok()?.uid();
    let cmdline = std::fs::read(format!("{directory}/cmdline")).unwrap_or_default();
    process.argv = arguments(&cmdline);
    if !process.kernel && process.rss < COUNTED_LATE * units.page {
        process.rss = exact_rss(&directory).unwrap_or(process.rss);
    }
    Some(process)
}

/// Before Linux 6.2 a thread counted up to 64 pages of each kind for itself before it told the process:
/// a small one showed almost none (proc_pid_statm(5)).
const COUNTED_LATE: u64 = 3 * 64;

/// `Rss` of smaps_rollup, in kB: walks the page tables. Readable for root and the process's own user.
fn exact_rss(directory: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("{directory}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// PF_KTHREAD of linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

fn parse_stat(text: &[u8], units: Units) -> Option<Process> {
    // The name is in parentheses and may contain some; the last closing one ends it.
    let open = text.iter().position(|&b| b == b'(')?;
    let close = text.iter().rposition(|&b| b == b')')?;
    let name = text.get(open + 1..close)?.to_vec();
    let pid = str::from_utf8(&text[..open]).ok()?.trim().parse().ok()?;
    let rest = str::from_utf8(&text[close + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Counted as in proc_pid_stat(5), where the state is field 3.
    let number = |field: usize| -> Option<u64> { fields.get(field - 3)?.parse().ok() };
    let ticks = |count: u64| Duration::from_millis(count.saturating_mul(1000) / units.ticks);
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        uid: 0,
        state: fields.first()?.chars().next()?,
        rss: number(24)?.saturating_mul(units.page),
        time: ticks(number(14)?.saturating_add(number(15)?)),
        started: ticks(number(22)?),
        name,
        argv: Vec::new(),
        kernel: number(9)? & KERNEL_THREAD != 0,
    })
}

fn arguments(cmdline: &[u8]) -> Vec<Vec<u8>> {
    // A program that rewrites its title leaves NULs behind.
    let end = cmdline.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    if end == 0 {
        return Vec::new();
    }
    cmdline[..end]
        .split(|&b| b == 0)
        .map(<[u8]>::to_vec)
        .collect()
}

impl Process {
    /// The command as a person would type it: arguments quoted where needed, `[name]` for a kernel
    /// thread or a zombie. Control bytes and invalid UTF-8 are shown as `?` and U+FFFD.
    pub fn command(&self) -> String {
        let text = if self.argv.is_empty() {
            format!("[{}]", String::from_utf8_lossy(&self.name))
        } else {
            let words: Vec<_> = self
                .argv
                .iter()
                .map(|word| String::from_utf8_lossy(word))
                .collect();
            shell_words::join(words.iter().map(AsRef::as_ref))
        };
        let shown = |c: char| if c.is_control() { '?' } else { c };
        text.chars().map(shown).collect()
    }
}

/// The processes that have their root, working directory, program or an open file on the filesystem
/// mounted at `place`, with their names. Those that may not be looked at are left out.
pub fn users_of(place: &Path) -> Vec<(i32, String)> {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    let Some(wanted) = device(place) else {
        return Vec::new();
    };
    let uses = |pid: i32| {
        let directory = format!("/proc/{pid}");
        let directory = Path::new(&directory);
        let links = ["cwd", "root", "exe"]
            .into_iter()
            .map(|name| directory.join(name));
        let files = std::fs::read_dir(directory.join("fd"))
            .into_iter()
            .flatten();
        let files = files.flatten().map(|entry| entry.path());
        links.chain(files).any(|path| device(&path) == Some(wanted))
    };
    let found = pids()
        .unwrap_or_default()
        .into_iter()
        .filter(|&pid| uses(pid));
    found.map(|pid| (pid, name_of(pid))).collect()
}

fn name_of(pid: i32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

/// The name of a user in the text of an `/etc/passwd`.
pub fn user_name(passwd: &[u8], uid: u32) -> Option<String> {
    let line = passwd.split(|&b| b == b'\n').find(|line| {
        let mut fields = line.split(|&b| b == b':').skip(2);
        fields
            .next()
            .is_some_and(|id| id == uid.to_string().as_bytes())
    })?;
    let name = line.split(|&b| b == b':').next()?;
    Some(
        std::ffi::OsStr::from_bytes(name)
            .to_string_lossy()
            .into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS: Units = Units {
        ticks: 100,
        page: 4,
    };
    const STAT: &str = " S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 12345 10000000 256 18446744073709551615 1 1";

    #[test]
    fn names_with_parentheses() {
        for name in ["sh", "a) S 9 (b", ") R 1", "", "x y", "((", "\u{fffd}"] {
            let text = format!("42 ({name}){STAT}\n");
            let process = parse_stat(text.as_bytes(), UNITS).unwrap();
            assert_eq!(process.name, name.as_bytes());
            assert_eq!((process.pid, process.parent, process.state), (42, 1, 'S'));
            assert_eq!((process.rss, process.time), (1024, Duration::from_secs(2)));
            assert_eq!(process.started, Duration::from_millis(123_450));
            assert!(!process.kernel);
        }
    }

    #[test]
    fn what_is_no_stat() {
        for text in [
            "",
            "42",
            "42 (sh",
            "42 (sh)",
            "42 (sh) S",
            ")(",
            "x (sh) S 1 2 3",
        ] {
            assert_eq!(parse_stat(text.as_bytes(), UNITS), None, "{text}");
        }
    }

    #[test]
    fn commands_are_quoted() {
        let command = |cmdline: &[u8]| {
            let argv = arguments(cmdline);
            let name = b"name".to_vec();
            Process {
                argv,
                name,
                ..Process::default()
            }
            .command()
        };
        assert_eq!(command(b"sh\0-c\0echo a b\0"), "sh -c 'echo a b'");
        assert_eq!(command(b"a\0\0b\0"), "a '' b");
        assert_eq!(command(b"title\0\0\0\0"), "title");
        assert_eq!(command(b""), "[name]");
        assert_eq!(command(b"\x1b[2J\0"), "'?[2J'");
    }

    #[test]
    fn finds_itself() {
        let me = std::process::id() as i32;
        let all = list().unwrap();
        let found = all.iter().find(|process| process.pid == me).unwrap();
        assert!(found.rss > 100 && !found.kernel && !found.argv.is_empty());
        assert!(
            users_of(Path::new("/proc/self/exe"))
                .iter()
                .any(|(pid, _)| *pid == me)
        );
    }

    #[test]
    fn users() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:33::/:/bin/false\n";
        assert_eq!(user_name(passwd, 33).as_deref(), Some("web"));
        assert_eq!(user_name(passwd, 0).as_deref(), Some("root"));
        assert_eq!(user_name(passwd, 3), None);
    }

    proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse_stat(&text, UNITS);
            arguments(&text);
            user_name(&text, 0);
        }
    }
}
