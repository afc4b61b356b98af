//! The kernel's log: records of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg), else syslog(2), and
//! which of them the kernel prints on the console. Invariant: a record is shown as text only; control
//! bytes arrive escaped from `/dev/kmsg` and are escaped here where they come from syslog(2).

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;

use crate::failure::{Doing, Failure};
use crate::sys::klog;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// 0 (emergency) to 7 (debug).
    pub level: u8,
    /// 0 for the kernel, 1 and more for what programs wrote (syslog(3)).
    pub facility: u16,
    /// Its number; 0 where the source has none.
    pub sequence: u64,
    /// Since the boot, in microseconds.
    pub micros: u64,
    /// The text.
    pub text: Vec<u8>,
}

/// The names of the levels, as in syslog(3).
pub const LEVELS: &[&str] = &[
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
];

impl Record {
    /// The level's name.
    pub fn level_name(&self) -> &'static str {
        LEVELS[usize::from(self.level & 7)]
    }

    /// `[    1.234567] text`
    pub fn line(&self) -> Vec<u8> {
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let mut line = format!("[{seconds:5}.{micros:06}] ").into_bytes();
        line.extend_from_slice(&self.text);
        line
    }
}

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The next record.
    Record(Record),
    /// Older records were overwritten before they could be read.
    Lost,
    /// There are no more for now.
    End,
}

/// `/dev/kmsg`, opened for reading; never blocks.
pub struct Reader {
    device: OwnedFd,
    buffer: Vec<u8>,
}

impl Reader {
    /// A record never is longer (CONSOLE_EXT_LOG_MAX is 8192).
    const LONGEST: usize = 16 * 1024;

    /// From the oldest record on. Errors: ENOENT (no devtmpfs), EPERM (`dmesg_restrict`).
    pub fn open() -> Result<Self, Failure> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let device = open("/dev/kmsg", flags, Mode::empty()).doing(|| "open /dev/kmsg")?;
        Ok(Self {
            device,
            buffer: vec![0; Self::LONGEST],
        })
    }

    /// The next record. One that cannot be understood is skipped.
    pub fn read_next(&mut self) -> Result<Next, Failure> {
        loop {
            return match read(&self.device, &mut self.buffer) {
                Ok(0) | Err(Errno::EAGAIN) => Ok(Next::End),
                Ok(length) => match parse(&self.buffer[..length]) {
                    Some(record) => Ok(Next::Record(record)),
                    None => continue,
                },
                Err(Errno::EPIPE) => Ok(Next::Lost),
                Err(Errno::EINTR) => {
                    crate::sys::signal::check_interrupt()?;
                    continue;
                }
                Err(errno) => Err(Failure::errno("read /dev/kmsg", errno)),
            };
        }
    }

    /// Waits for a record to come. Ctrl-C ends it.
    pub fn wait(&self) -> Result<(), Failure> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        let mut fds = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => Ok(()),
            Err(Errno::EINTR) => crate::sys::signal::check_interrupt(),
            Err(errno) => Err(Failure::errno("wait for /dev/kmsg", errno)),
        }
    }
}

/// The last `count` records, oldest first, and whether older ones than the buffer holds were lost while
/// reading.
pub fn last(count: usize) -> Result<(Vec<Record>, bool), Failure> {
    let mut reader = match Reader::open() {
        Ok(reader) => reader,
        Err(failure) => {
            let text = klog::read_all().map_err(|_| failure)?;
            let mut records = parse_syslog(&text);
            records.drain(..records.len().saturating_sub(count));
            return Ok((records, false));
        }
    };
    let mut records = std::collections::VecDeque::new();
    let mut lost = false;
    loop {
        match reader.read_next()? {
            Next::End => return Ok((records.into(), lost)),
            Next::Lost => lost = true,
            Next::Record(record) => {
                if records.len() >= count {
                    records.pop_front();
                }
                if count > 0 {
                    records.push_back(record);
                }
            }
        }
    }
}

/// The latest of the last 30 records that begins with `NAME: `, where a driver says why it refused.
pub fn last_word_of(name: &[u8]) -> Option<String> {
    let (records, _) = last(30).ok()?;
    let prefix = [name, b": "].concat();
    let found = records.iter().rev().find(|r| r.text.starts_with(&prefix))?;
    Some(String::from_utf8_lossy(&found.text).into_owned())
}

/// Reads `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,…];TEXT\n KEY=VALUE\n…`.
pub fn parse(bytes: &[u8]) -> Option<Record> {
    let semicolon = bytes.iter().position(|&b| b == b';')?;
    let head = str::from_utf8(&bytes[..semicolon]).ok()?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    let micros = fields.next()?.parse().ok()?;
    let text = bytes[semicolon + 1..].split(|&b| b == b'\n').next();
    Some(Record {
        level: (priority & 7) as u8,
        facility: u16::try_from(priority >> 3).ok()?,
        sequence,
        micros,
        text: unescape(text.unwrap_or_default()),
    })
}

/// The kernel writes bytes outside printable ASCII as `\xNN`. Those of UTF-8 are put back; control
/// bytes and what is no text stay escaped.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        match escaped(rest) {
            Some(value) if value >= 0x80 || value == b'\\' || value == b'\t' => {
                raw.push(value);
                rest = &rest[4..];
            }
            _ => {
                raw.push(byte);
                rest = after;
            }
        }
    }
    if str::from_utf8(&raw).is_ok() {
        raw
    } else {
        text.to_vec()
    }
}

fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Reads the lines of syslog(2): `<6>[    1.234567] text`, also without the time.
pub fn parse_syslog(text: &[u8]) -> Vec<Record> {
    let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.map(syslog_line).collect()
}

fn syslog_line(line: &[u8]) -> Record {
    let (priority, rest) = bracketed(line, b'<', b'>')
        .and_then(|(number, rest)| Some((number.parse::<u32>().ok()?, rest)))
        .unwrap_or((6, line));
    let (micros, text) = bracketed(rest, b'[', b']')
        .and_then(|(time, rest)| {
            Some((
                micros(time.trim())?,
                rest.strip_prefix(b" ").unwrap_or(rest),
            ))
        })
        .unwrap_or((0, rest));
    let shown = text.iter().flat_map(|&b| {
        let escape = b < b' ' && b != b'\t' || b == 0x7f;
        let text = if escape {
            format!("\\x{b:02x}").into_bytes()
        } else {
            vec![b]
        };
        text.into_iter()
    });
    Record {
        level: (priority & 7) as u8,
        facility: (priority >> 3).try_into().unwrap_or(u16::MAX),
        sequence: 0,
        micros,
        text: shown.collect(),
    }
}

fn bracketed(text: &[u8], open: u8, close: u8) -> Option<(&str, &[u8])> {
    if text.first() != Some(&open) {
        return None;
    }
    let end = text.iter().position(|&b| b == close)?;
    Some((str::from_utf8(&text[1..end]).ok()?, &text[end + 1..]))
}

fn micros(time: &str) -> Option<u64> {
    let (seconds, fraction) = time.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let fraction: u64 = fraction.parse().ok().filter(|&f| f < 1_000_000)?;
    seconds.checked_mul(1_000_000)?.checked_add(fraction)
}

/// Messages below this level (1–8) go to the console: the first number of `/proc/sys/kernel/printk`.
pub fn console_level() -> Result<u8, Failure> {
    let path = "/proc/sys/kernel/printk";
    let text = std::fs::read_to_string(path).doing(|| format!("read {path}"))?;
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    first
        .parse()
        .map_err(|_| Failure::new(format!("read {path}: '{first}' is not a level")))
}

/// Sets that level (1–8; 1: panics only). The prompt lowers it while a person types.
pub fn set_console_level(level: u8) -> Result<(), Failure> {
    klog::set_console_level(level).doing(|| format!("set the console log level to {level}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records() {
        let record =
            parse(b"6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n").unwrap();
        let text = "[    5.140900] NET: Registered protocol family 10";
        assert_eq!(String::from_utf8(record.line()).unwrap(), text);
        assert_eq!(
            (record.level_name(), record.facility, record.sequence),
            ("info", 0, 339)
        );
        let record = parse(b"30,340,5690716,-,caller=T1;udevd[80]: a;b").unwrap();
        assert_eq!((record.level, record.facility), (6, 3));
        assert_eq!(record.text, b"udevd[80]: a;b");
        let far = parse(b"3,1,123456789012,c;x").unwrap();
        assert_eq!(far.line(), b"[123456.789012] x");
    }

    #[test]
    fn escapes() {
        for (given, shown) in [
            ("caf\\xc3\\xa9", "caf\u{e9}"),
            ("a\\x1b[2J", "a\\x1b[2J"),
            ("bad \\xff", "bad \\xff"),
            ("back\\x5cslash", "back\\slash"),
            ("\\x", "\\x"),
            ("\\xzz", "\\xzz"),
        ] {
            assert_eq!(unescape(given.as_bytes()), shown.as_bytes());
        }
    }

    #[test]
    fn what_is_no_record() {
        for text in [
            "",
            ";",
            "a,b,c;d",
            "6,1;x",
            "6,1,2",
            "99999999999,1,2,-;x",
            "6,-1,2,-;x",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lines_of_syslog() {
        let records = parse_syslog(b"<6>[    0.000000] Linux\n<12>[   12.000042] a\x1bb\nplain\n<x>[y] z\n<4>[1.5000000] w");
        let shown: Vec<_> = records
            .iter()
            .map(|r| String::from_utf8(r.line()).unwrap())
            .collect();
        assert_eq!(
            shown,
            [
                "[    0.000000] Linux",
                "[   12.000042] a\\x1bb",
                "[    0.000000] plain",
                "[    0.000000] <x>[y] z",
                "[    0.000000] [1.5000000] w",
            ]
        );
        assert_eq!((records[1].level, records[1].facility), (4, 1));
    }

    proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&text);
            parse_syslog(&text);
        }
    }
}
