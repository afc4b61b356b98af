//! What the kernel command line says about a boot (`initsh.*`), and what follows from it. Pure. A value
//! that is not understood is reported, and the boot goes on as if it were not there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::console::countdown::Key;
use crate::sys::tty::Size;
use crate::time::parse_duration;

/// Before `autoexec.run`.
const FIRST_DELAY: Duration = Duration::from_secs(5);

/// Before the power goes off.
const SECOND_DELAY: Duration = Duration::from_secs(10);

/// Where `autoexec.run` is looked for.
pub const AUTOEXEC: [&str; 2] = ["/autoexec.run", "/mnt/host/autoexec.run"];

/// What happens after the scripts: `initsh.after=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Power off, unless a service is running.
    Unsaid,
    /// The shell at once.
    Shell,
    /// Power off, services or not.
    Poweroff,
    /// Reboot, services or not.
    Reboot,
    /// The machine stays up; a key opens the shell.
    Wait,
}

/// How the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// `poweroff`
    Off,
    /// `reboot`
    Again,
}

/// The second stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// The shell at once.
    Shell,
    /// A countdown; the key opens the shell.
    Countdown(Power),
    /// No countdown; the key opens the shell.
    Wait,
}

/// A boot, as the kernel command line wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `initsh.script=`: instead of the embedded boot script.
    pub script: Option<PathBuf>,
    /// `initsh.autoexec=`: instead of [`AUTOEXEC`].
    pub autoexec: Option<PathBuf>,
    /// `initsh.delay=`: the length of both countdowns.
    pub delay: Option<Duration>,
    /// `initsh.interrupt=`: the key that ends a countdown.
    pub key: Key,
    /// `initsh.after=`
    pub after: After,
    /// `initsh.console=`: a device's name.
    pub console: Option<String>,
    /// `initsh.columns=`, `initsh.rows=`: the terminal's size.
    pub size: Option<Size>,
    /// `initsh.idle=`: how long the shell waits for a key; not at all limited by default.
    pub idle: Option<Duration>,
}

impl Plan {
    /// Reads the parameters; `get` has the value of `initsh.NAME`. Also what was not understood.
    pub fn read(get: impl Fn(&str) -> Option<Vec<u8>>) -> (Self, Vec<String>) {
        let mut odd = Vec::new();
        let path = |name| get(name).map(|value| PathBuf::from(OsString::from_vec(value)));
        let duration = |name: &str, odd: &mut Vec<String>| {
            let text = text(get(name)?);
            parse_duration(&text)
                .map_err(|why| odd.push(format!("initsh.{name}: {why}")))
                .ok()
        };
        let plan = Self {
            script: path("script"),
            autoexec: path("autoexec"),
            delay: duration("delay", &mut odd),
            key: get("interrupt").map_or(Key::Any, |value| Key::parse(&value)),
            after: get("after").map_or(After::Unsaid, |value| after(&text(value), &mut odd)),
            console: get("console").map(text),
            size: size(get("columns"), get("rows"), &mut odd),
            idle: duration("idle", &mut odd).filter(|idle| !idle.is_zero()),
        };
        (plan, odd)
    }

    /// How long the first countdown runs.
    pub fn first_delay(&self) -> Duration {
        self.delay.unwrap_or(FIRST_DELAY)
    }

    /// How long the second countdown runs.
    pub fn second_delay(&self) -> Duration {
        self.delay.unwrap_or(SECOND_DELAY)
    }

    /// What the second stage is. `services`: one is running that the scripts started.
    pub fn second(&self, services: bool) -> Second {
        match self.after {
            After::Unsaid if services => Second::Shell,
            After::Unsaid | After::Poweroff => Second::Countdown(Power::Off),
            After::Reboot => Second::Countdown(Power::Again),
            After::Shell => Second::Shell,
            After::Wait => Second::Wait,
        }
    }

    /// What an idle prompt does: as the countdown would have done. `None`: a service keeps it up.
    pub fn when_idle(&self, services: bool) -> Option<Power> {
        match self.after {
            After::Unsaid if services => None,
            After::Reboot => Some(Power::Again),
            _ => Some(Power::Off),
        }
    }
}

/// Whether a service is one for whose sake the machine stays up. The network clients of the boot script
/// are not: every machine has them.
pub fn keeps_machine_up(name: &str, state: &str) -> bool {
    let over = matches!(state, "Stopped" | "Failed" | "Done" | "Exited");
    !over && !name.starts_with("dhcp4.")
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8_lossy(&value).into_owned()
}

fn after(value: &str, odd: &mut Vec<String>) -> After {
    match value {
        "shell" => After::Shell,
        "poweroff" => After::Poweroff,
        "reboot" => After::Reboot,
        "wait" => After::Wait,
        other => {
            odd.push(format!(
                "initsh.after: '{other}' is not shell, poweroff, reboot or wait"
            ));
            After::Unsaid
        }
    }
}

fn size(columns: Option<Vec<u8>>, rows: Option<Vec<u8>>, odd: &mut Vec<String>) -> Option<Size> {
    let mut number = |name: &str, value: Option<Vec<u8>>, default: u16| {
        let value = text(value?);
        let number = value
            .parse()
            .ok()
            .filter(|number| (2..=1000).contains(number));
        if number.is_none() {
            odd.push(format!(
                "initsh.{name}: '{value}' is not a number from 2 to 1000"
            ));
        }
        Some(number.unwrap_or(default))
    };
    let (columns, rows) = (number("columns", columns, 80), number("rows", rows, 24));
    if columns.is_none() && rows.is_none() {
        return None;
    }
    Some(Size {
        rows: rows.unwrap_or(24),
        columns: columns.unwrap_or(80),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(parameters: &[(&str, &str)]) -> (Plan, Vec<String>) {
        Plan::read(|name| {
            let found = parameters.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.as_bytes().to_vec())
        })
    }

    #[test]
    fn a_command_line_without_parameters() {
        let (plan, odd) = plan(&[]);
        assert!(odd.is_empty());
        assert_eq!(plan.first_delay(), Duration::from_secs(5));
        assert_eq!(plan.second_delay(), Duration::from_secs(10));
        assert_eq!((plan.key.clone(), plan.after), (Key::Any, After::Unsaid));
        assert_eq!((plan.size, plan.idle, plan.console), (None, None, None));
    }

    #[test]
    fn every_parameter() {
        let (plan, odd) = plan(&[
            ("script", "/s"),
            ("autoexec", "/a"),
            ("delay", "0"),
            ("interrupt", "stop"),
            ("after", "wait"),
            ("console", "hvc0"),
            ("columns", "132"),
            ("idle", "2m"),
        ]);
        assert!(odd.is_empty());
        assert_eq!(plan.first_delay(), Duration::ZERO);
        assert_eq!(plan.second_delay(), Duration::ZERO);
        assert_eq!(plan.key, Key::Text(b"stop".to_vec()));
        assert_eq!(plan.second(true), Second::Wait);
        let size = plan.size.unwrap();
        assert_eq!((size.columns, size.rows), (132, 24));
        assert_eq!(plan.idle, Some(Duration::from_secs(120)));
    }

    #[test]
    fn what_is_not_understood_is_named_and_left_out() {
        let (plan, odd) = plan(&[
            ("delay", "soon"),
            ("after", "x"),
            ("rows", "0"),
            ("idle", "0"),
        ]);
        assert_eq!(odd.len(), 3, "{odd:?}");
        assert!(odd[0].starts_with("initsh.delay: 'soon'"), "{odd:?}");
        assert_eq!(
            (plan.delay, plan.after, plan.idle),
            (None, After::Unsaid, None)
        );
    }

    #[test]
    fn the_second_stage() {
        let off = Second::Countdown(Power::Off);
        let again = Second::Countdown(Power::Again);
        for (value, idle_machine, with_services) in [
            ("", off, Second::Shell),
            ("shell", Second::Shell, Second::Shell),
            ("poweroff", off, off),
            ("reboot", again, again),
            ("wait", Second::Wait, Second::Wait),
        ] {
            let given = [("after", value)];
            let (plan, _) = plan(if value.is_empty() { &[] } else { &given });
            assert_eq!(plan.second(false), idle_machine, "{value}");
            assert_eq!(plan.second(true), with_services, "{value}");
        }
    }

    #[test]
    fn network_clients_do_not_keep_a_machine_up() {
        assert!(keeps_machine_up("web", "Running"));
        assert!(keeps_machine_up("web", "Backoff"));
        assert!(!keeps_machine_up("web", "Failed"));
        assert!(!keeps_machine_up("web", "Stopped"));
        assert!(!keeps_machine_up("dhcp4.eth0", "Running"));
    }
}
