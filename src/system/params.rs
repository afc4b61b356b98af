//! The `initsh.*` words of the kernel command line (docs/parameters.md), read once into one value.
//! Invariant: a bad word never stops a boot; it is complained about and its default is used.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::cmdline;
use crate::time::parse_duration;

/// What the host asked for on the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// `initsh.script=PATH`: runs instead of the embedded boot script.
    pub script: Option<PathBuf>,
    /// `initsh.autoexec=PATH`: looked for before `/autoexec.run`.
    pub autoexec: Option<PathBuf>,
    /// `initsh.delay=TIME`: length of each countdown; zero skips the waiting. `None`: each countdown's
    /// own default.
    pub delay: Option<Duration>,
    /// `initsh.interrupt=any|enter|esc|none|TEXT`: what input stops a countdown.
    pub interrupt: Interrupt,
    /// `initsh.after=shell|poweroff|reboot|wait`: what follows the scripts. `None`: not given, so the
    /// second countdown decides between shell and power-off.
    pub after: Option<After>,
    /// `initsh.log=error|warn|info|debug`: how much is reported on the console.
    pub log: LogLevel,
    /// `initsh.console=TTY`: the terminal of the shell, with or without `/dev/`.
    pub console: Option<String>,
    /// `initsh.poweroff=auto|off|reset`: how PID 1 ends the machine.
    pub poweroff: PowerOff,
    /// `initsh.columns=N`: the console's width in characters, 1–65535, where the terminal cannot say.
    pub columns: Option<u16>,
    /// `initsh.rows=N`: its height.
    pub rows: Option<u16>,
    /// `initsh.idle=TIME`: a prompt without a key for so long does what the second countdown would
    /// have done. `None`: it waits for ever.
    pub idle: Option<Duration>,
    /// `initsh.shutdown=TIME`: how long the end of the machine may take, all together. `None`:
    /// [`crate::supervise::shutdown::DEADLINE`].
    pub shutdown: Option<Duration>,
    /// `initsh.critical=poweroff|reboot`: what a critical service's failure leads to.
    pub critical: Critical,
}

/// What the failure of a critical service leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Critical {
    /// The machine is powered off with the service's status.
    Poweroff,
    /// It is started again.
    Reboot,
}

/// What input stops a countdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interrupt {
    /// Any key.
    Any,
    /// Return (CR or LF).
    Enter,
    /// Escape.
    Esc,
    /// None: the countdown runs out.
    None,
    /// These bytes in a row; never empty.
    Text(Vec<u8>),
}

/// What follows the boot script and autoexec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The interactive shell, without a countdown.
    Shell,
    /// Power off.
    Poweroff,
    /// Start the machine again.
    Reboot,
    /// Neither shell nor power-off: stay up for the services.
    Wait,
}

/// How much the boot says about itself on the console; each level includes those before it. What a
/// script's commands print is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Failures; the summary of a script in which something failed.
    Error,
    /// And words of the kernel command line that are not understood.
    Warn,
    /// And what is being done.
    Info,
    /// And every command of the scripts before it runs (`set -x`).
    Debug,
}

/// How PID 1 ends the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerOff {
    /// By what the virtual machine monitor understands (a reset under Firecracker on x86).
    Auto,
    /// RB_POWER_OFF.
    Off,
    /// RB_AUTOBOOT.
    Reset,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            script: None,
            autoexec: None,
            delay: None,
            interrupt: Interrupt::Any,
            after: None,
            log: LogLevel::Info,
            console: None,
            poweroff: PowerOff::Auto,
            columns: None,
            rows: None,
            idle: None,
            shutdown: None,
            critical: Critical::Poweroff,
        }
    }
}

/// Every name behind `initsh.`, with how its value is taken.
const KNOWN: &[(&str, Setter)] = &[
    ("after", |p, v| choose(v, AFTER).map(|x| p.after = Some(x))),
    ("autoexec", |p, v| path(v).map(|x| p.autoexec = Some(x))),
    ("columns", |p, v| size(v).map(|x| p.columns = Some(x))),
    ("console", |p, v| terminal(v).map(|x| p.console = Some(x))),
    ("critical", |p, v| {
        choose(v, CRITICAL).map(|x| p.critical = x)
    }),
    ("delay", |p, v| duration(v).map(|x| p.delay = Some(x))),
    // Read by PID 1 when the machine ends.
    ("exit", |_, v| choose(v, EXIT)),
    ("idle", |p, v| duration(v).map(|x| p.idle = Some(x))),
    ("interrupt", |p, v| interrupt(v).map(|x| p.interrupt = x)),
    ("log", |p, v| choose(v, LOG).map(|x| p.log = x)),
    ("poweroff", |p, v| {
        choose(v, POWEROFF).map(|x| p.poweroff = x)
    }),
    ("rows", |p, v| size(v).map(|x| p.rows = Some(x))),
    ("script", |p, v| path(v).map(|x| p.script = Some(x))),
    ("shutdown", |p, v| limit(v).map(|x| p.shutdown = Some(x))),
    // Read by the boot script.
    ("watchdog", |_, v| duration(v).map(drop)),
];

type Setter = fn(&mut Params, &[u8]) -> Result<(), String>;

const AFTER: &[(&str, After)] = &[
    ("shell", After::Shell),
    ("poweroff", After::Poweroff),
    ("reboot", After::Reboot),
    ("wait", After::Wait),
];
const CRITICAL: &[(&str, Critical)] = &[
    ("poweroff", Critical::Poweroff),
    ("reboot", Critical::Reboot),
];
const EXIT: &[(&str, ())] = &[("isa-debug-exit", ())];
const LOG: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];
const POWEROFF: &[(&str, PowerOff)] = &[
    ("auto", PowerOff::Auto),
    ("off", PowerOff::Off),
    ("reset", PowerOff::Reset),
];

impl Params {
    /// Reads a kernel command line. Besides the parameters: what is wrong with it, one complaint a
    /// line, for the console.
    pub fn from_cmdline(line: &[u8]) -> (Self, Vec<String>) {
        let mut params = Self::default();
        let mut complaints = Vec::new();
        for argument in cmdline::parse(line) {
            let Some(name) = argument.name.strip_prefix(b"initsh.") else {
                continue;
            };
            let value = argument.value.unwrap_or_default();
            if let Err(why) = params.set(name, value) {
                complaints.push(why);
            }
        }
        (params, complaints)
    }

    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        let shown = String::from_utf8_lossy(name);
        let Some((_, setter)) = KNOWN.iter().find(|(known, _)| known.as_bytes() == name) else {
            let names: Vec<_> = KNOWN.iter().map(|(known, _)| *known).collect();
            return Err(format!(
                "initsh.{shown}: no such parameter; there are initsh.{{{}}}",
                names.join(",")
            ));
        };
        setter(self, value).map_err(|why| {
            let value = String::from_utf8_lossy(value);
            format!("initsh.{shown}={value}: {why}; it is ignored")
        })
    }
}

fn choose<T: Copy>(value: &[u8], table: &[(&str, T)]) -> Result<T, String> {
    let found = table.iter().find(|(word, _)| word.as_bytes() == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<_> = table.iter().map(|(word, _)| *word).collect();
        format!("expected one of {}", words.join(", "))
    })
}

fn path(value: &[u8]) -> Result<PathBuf, String> {
    if !value.starts_with(b"/") || value.contains(&0) {
        return Err("expected a path that begins with '/'".into());
    }
    Ok(PathBuf::from(OsStr::from_bytes(value)))
}

fn duration(value: &[u8]) -> Result<Duration, String> {
    let text = str::from_utf8(value).map_err(|_| "expected a time such as 5, 0.5 or 200ms")?;
    parse_duration(text)
}

fn limit(value: &[u8]) -> Result<Duration, String> {
    let time = duration(value)?;
    match time.is_zero() {
        true => Err("expected a time above 0; 'poweroff --force --force' takes none".into()),
        false => Ok(time),
    }
}

fn size(value: &[u8]) -> Result<u16, String> {
    let text = str::from_utf8(value).unwrap_or_default();
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "expected a number from 1 to 65535".into())
}

fn terminal(value: &[u8]) -> Result<String, String> {
    let name = value.strip_prefix(b"/dev/").unwrap_or(value);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
    if name.is_empty() || name.starts_with(b"/") || !name.iter().all(plain) {
        return Err("expected a terminal such as ttyS0 or hvc0".into());
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}

fn interrupt(value: &[u8]) -> Result<Interrupt, String> {
    match value {
        b"any" => Ok(Interrupt::Any),
        b"enter" => Ok(Interrupt::Enter),
        b"esc" => Ok(Interrupt::Esc),
        b"none" => Ok(Interrupt::None),
        b"" => Err("expected any, enter, esc, none or the text to be typed".into()),
        text => Ok(Interrupt::Text(text.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_of_them() {
        let line = b"quiet initsh.script=/a.run initsh.autoexec=/b initsh.delay=0.5 initsh.interrupt=\"stop it\" \
            initsh.after=wait initsh.log=debug initsh.console=/dev/hvc0 initsh.poweroff=reset \
            initsh.columns=132 initsh.rows=50 initsh.idle=2m initsh.shutdown=90 \
            initsh.critical=reboot initsh.watchdog=30 root=/dev/vda";
        let (params, complaints) = Params::from_cmdline(line);
        let none: &[String] = &[];
        assert_eq!(complaints, none);
        let expected = Params {
            script: Some("/a.run".into()),
            autoexec: Some("/b".into()),
            delay: Some(Duration::from_millis(500)),
            interrupt: Interrupt::Text(b"stop it".to_vec()),
            after: Some(After::Wait),
            log: LogLevel::Debug,
            console: Some("/dev/hvc0".into()),
            poweroff: PowerOff::Reset,
            columns: Some(132),
            rows: Some(50),
            idle: Some(Duration::from_secs(120)),
            shutdown: Some(Duration::from_secs(90)),
            critical: Critical::Reboot,
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn nothing_said_gives_the_defaults() {
        assert_eq!(
            Params::from_cmdline(b"quiet root=/dev/vda init=/x\n"),
            (Params::default(), vec![])
        );
    }

    #[test]
    fn bad_values_are_named_and_ignored() {
        for (line, complaint) in [
            (
                "initsh.delay=soon",
                "initsh.delay=soon: 'soon' is not a time: unknown unit 'soon' (ms, s, m, h, d); it is ignored",
            ),
            (
                "initsh.after=never",
                "initsh.after=never: expected one of shell, poweroff, reboot, wait; it is ignored",
            ),
            (
                "initsh.script=a.run",
                "initsh.script=a.run: expected a path that begins with '/'; it is ignored",
            ),
            (
                "initsh.script",
                "initsh.script=: expected a path that begins with '/'; it is ignored",
            ),
            (
                "initsh.rows=0",
                "initsh.rows=0: expected a number from 1 to 65535; it is ignored",
            ),
            (
                "initsh.shutdown=0",
                "initsh.shutdown=0: expected a time above 0; 'poweroff --force --force' takes none; it is ignored",
            ),
            (
                "initsh.console=../x",
                "initsh.console=../x: expected a terminal such as ttyS0 or hvc0; it is ignored",
            ),
            (
                "initsh.exit=7",
                "initsh.exit=7: expected one of isa-debug-exit; it is ignored",
            ),
            (
                "initsh.interrupt=",
                "initsh.interrupt=: expected any, enter, esc, none or the text to be typed; it is ignored",
            ),
        ] {
            let (params, complaints) = Params::from_cmdline(line.as_bytes());
            assert_eq!(params, Params::default(), "{line}");
            assert_eq!(complaints, [complaint]);
        }
    }

    #[test]
    fn unknown_names_are_complained_about() {
        let (_, complaints) = Params::from_cmdline(b"initsh.dealy=5");
        assert_eq!(
            complaints,
            ["initsh.dealy: no such parameter; there are \
              initsh.{after,autoexec,columns,console,critical,delay,exit,idle,interrupt,log,poweroff,\
              rows,script,shutdown,watchdog}"]
        );
    }

    #[test]
    fn a_good_value_survives_a_bad_one_after_it() {
        let (params, complaints) = Params::from_cmdline(b"initsh.delay=3 initsh.delay=x");
        assert_eq!(params.delay, Some(Duration::from_secs(3)));
        assert_eq!(complaints.len(), 1);
    }

    proptest! {
        #[test]
        fn any_value(value in proptest::collection::vec(any::<u8>(), 0..30)) {
            for (name, _) in KNOWN {
                let line = [b"initsh.", name.as_bytes(), b"=", &value[..]].concat();
                Params::from_cmdline(&line);
            }
        }
    }
}
