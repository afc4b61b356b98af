//! The values of `spawn`'s options. Pure: text in, value out. Errors say what is expected; the caller
//! adds the option and the text.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::supervise::limits;
use crate::supervise::setup::Stdio;
use crate::supervise::spec::{Ready, Restart};
use crate::time::parse_duration;

/// The value, or what was expected.
pub type Read<T> = Result<T, String>;

/// The shortest pause: a service that ends at once must not keep PID 1 busy.
const SHORTEST: Duration = Duration::from_millis(10);

fn expected<T>(what: &str) -> Read<T> {
    Err(format!("expected {what}"))
}

/// `never`, `on-failure`, `always`
pub fn restart(text: &str) -> Read<Restart> {
    match text {
        "never" => Ok(Restart::Never),
        "on-failure" => Ok(Restart::OnFailure),
        "always" => Ok(Restart::Always),
        _ => expected("never, on-failure or always"),
    }
}

/// `250ms..60s`; one time alone never grows.
pub fn backoff(text: &str) -> Read<(Duration, Duration)> {
    let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
    let (shortest, longest) = (parse_duration(shortest)?, parse_duration(longest)?);
    if shortest < SHORTEST {
        return expected("a pause of 10ms or more");
    }
    if longest < shortest {
        return expected("MIN..MAX, the shorter one first");
    }
    Ok((shortest, longest))
}

/// `3/10`: so many starts within that time.
pub fn max_restarts(text: &str) -> Read<(u32, Duration)> {
    let what = "N/SECONDS, such as 3/10";
    let Some((count, time)) = text.split_once('/') else {
        return expected(what);
    };
    let time = parse_duration(time)?;
    match digits(count) {
        Some(count) if count > 0 && !time.is_zero() => match u32::try_from(count) {
            Ok(count) => Ok((count, time)),
            Err(_) => expected(what),
        },
        _ => expected(what),
    }
}

/// `exec`, `fd`, `notify`, `pidfile=PATH` (below `cwd`, where it is relative), `tcp=PORT`, `after=TIME`
pub fn ready(text: &OsStr, cwd: &Path) -> Read<Ready> {
    let what = "exec, fd, notify, pidfile=PATH, tcp=PORT or after=TIME";
    if let Some(path) = text.as_bytes().strip_prefix(b"pidfile=") {
        if path.is_empty() {
            return expected("pidfile=PATH");
        }
        let path = cwd.join(OsStr::from_bytes(path));
        return Ok(Ready::PidFile(path.into_os_string()));
    }
    let Some(text) = text.to_str() else {
        return expected(what);
    };
    match text.split_once('=').unwrap_or((text, "")) {
        ("exec", "") => Ok(Ready::Exec),
        ("fd", "") => Ok(Ready::Descriptor),
        ("notify", "") => Ok(Ready::Notify),
        ("tcp", port) => match port.parse() {
            Ok(port) if port > 0 => Ok(Ready::Tcp(port)),
            _ => expected("tcp=PORT, a number from 1 to 65535"),
        },
        ("after", time) => parse_duration(time).map(Ready::After),
        _ => expected(what),
    }
}

/// A signal's number by number or name, `SIG` in front or not; `RTMIN+3`, as systemd counts them.
pub fn signal(text: &str) -> Read<u8> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = Signal::iterator().find(|signal| signal.as_str().strip_prefix("SIG") == Some(name));
    let real_time = |name: &str| match name.strip_prefix("RTMIN") {
        Some("") => Some(34),
        Some(more) => digits(more.strip_prefix('+')?)?.checked_add(34),
        None => digits(name),
    };
    let number = match named {
        Some(signal) => u8::try_from(signal as i32).ok(),
        None => real_time(name).and_then(|number| u8::try_from(number).ok()),
    };
    match number {
        Some(number @ 1..=64) => Ok(number),
        _ => expected("a signal such as TERM, 15 or RTMIN+3"),
    }
}

/// Where a descriptor leads; only output can be logged.
pub fn stdio(text: &OsStr, output: bool) -> Read<Stdio> {
    match text.as_bytes() {
        b"null" => Ok(Stdio::Null),
        b"console" => Ok(Stdio::Console),
        b"log" if output => Ok(Stdio::Log),
        b"log" => expected("a file, null or console (a file of that name is ./log)"),
        b"" if output => expected("a file, null, console or log"),
        b"" => expected("a file, null or console"),
        _ => Ok(Stdio::File(text.to_owned())),
    }
}

/// A terminal's device: `ttyS1`, `/dev/ttyS1`
pub fn terminal(text: &OsStr) -> Read<OsString> {
    let path = Path::new("/dev").join(text);
    match path.to_str() {
        Some("/dev/console" | "/dev/tty" | "/dev/tty0") => {
            expected("a terminal such as ttyS1; this one cannot be a session's own")
        }
        _ if text.is_empty() => expected("a terminal such as ttyS1"),
        _ => Ok(path.into_os_string()),
    }
}

/// `HOME=/srv`
pub fn variable(text: &OsStr) -> Read<(OsString, OsString)> {
    let bytes = text.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at @ 1..) => {
            let (name, value) = (&bytes[..at], &bytes[at + 1..]);
            let word = |bytes| OsStr::from_bytes(bytes).to_owned();
            Ok((word(name), word(value)))
        }
        _ => expected("NAME=VALUE"),
    }
}

/// A number from `least` to `most`.
pub fn within<T: TryFrom<i64>>(text: &str, least: i64, most: i64) -> Read<T> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => expected(&format!("a number from {least} to {most}")),
    }
}

/// `nofile=1024:4096`, `core=0`, `memlock=64M:unlimited`
pub fn rlimit(text: &str) -> Read<(u8, u64, u64)> {
    let Some((name, values)) = text.split_once('=') else {
        return expected("NAME=SOFT[:HARD]");
    };
    let Some(number) = limits::number(name) else {
        return expected(&format!("one of {}", limits::names()));
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let value = |text: &str| match text {
        "unlimited" | "infinity" | "max" => Some(limits::INFINITY),
        text => bytes(text),
    };
    match (value(soft), value(hard)) {
        (Some(soft), Some(hard)) if soft <= hard => Ok((number, soft, hard)),
        (Some(_), Some(_)) => expected("a soft limit that is not above the hard one"),
        _ => expected("SOFT[:HARD], each a number (also 64K, 2M, 1G) or unlimited"),
    }
}

/// `memory.max=64M,pids.max=100,cpu.max=50000/100000`: files of a control group and what they get.
pub fn cgroup(text: &str) -> Read<Vec<(String, String)>> {
    text.split(',').map(limit).collect()
}

fn limit(text: &str) -> Read<(String, String)> {
    let Some((file, value)) = text.split_once('=') else {
        return expected("FILE=VALUE, such as memory.max=64M");
    };
    let known =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
    let controllers = ["memory.", "pids.", "cpu.", "cpuset.", "io.", "hugetlb."];
    let group = controllers
        .iter()
        .any(|controller| file.starts_with(controller));
    if !group || !file.bytes().all(known) {
        return expected("a file of the controllers memory, pids, cpu, cpuset, io or hugetlb");
    }
    let number = |text: &str| text == "max" || digits(text).is_some();
    let (valid, what) = match file {
        "memory.max" | "memory.high" | "memory.swap.max" => (
            value == "max" || bytes(value).is_some(),
            "bytes (also 64K, 2M, 1G) or max",
        ),
        "pids.max" => (number(value), "a number or max"),
        "cpu.max" => {
            let (quota, period) = value.split_once('/').unwrap_or((value, "100000"));
            (
                number(quota) && digits(period).is_some(),
                "QUOTA[/PERIOD], microseconds or max",
            )
        }
        _ => (!value.is_empty(), "a value"),
    };
    if !valid {
        return expected(&format!("{file}: {what}"));
    }
    // Where the kernel has a blank, the list has a slash: it needs no quotes.
    let value = match file {
        "cpu.max" => value.replace('/', " "),
        _ => value.to_owned(),
    };
    Ok((file.to_owned(), value))
}

/// A number of bytes: `4096`, `64K`, `2M`, `1G`.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 1 << 10),
        b'M' | b'm' => (&text[..text.len() - 1], 1 << 20),
        b'G' | b'g' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits(number)?.checked_mul(unit)
}

/// A number without a sign.
fn digits(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}
