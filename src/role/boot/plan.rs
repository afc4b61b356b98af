//! What follows from the kernel command line (`initsh.*`, see [`Params`]) for a boot: where scripts are,
//! how long and for which key to wait, what comes after. Pure.

use std::path::PathBuf;
use std::time::Duration;

use crate::console::countdown::Key;
use crate::sys::tty::Size;
use crate::system::params::{After, Interrupt, Params};

/// Before `autoexec.run`.
const FIRST_DELAY: Duration = Duration::from_secs(5);

/// Before the power goes off.
const SECOND_DELAY: Duration = Duration::from_secs(10);

/// Where `autoexec.run` is looked for.
const AUTOEXEC: [&str; 2] = ["/autoexec.run", "/mnt/host/autoexec.run"];

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

/// Where `autoexec.run` may be, best first.
pub fn autoexec(params: &Params) -> Vec<PathBuf> {
    let wanted = params.autoexec.clone().into_iter();
    wanted.chain(AUTOEXEC.map(PathBuf::from)).collect()
}

/// How long the first countdown runs.
pub fn first_delay(params: &Params) -> Duration {
    params.delay.unwrap_or(FIRST_DELAY)
}

/// How long the second countdown runs.
pub fn second_delay(params: &Params) -> Duration {
    params.delay.unwrap_or(SECOND_DELAY)
}

/// The key that ends a countdown.
pub fn key(params: &Params) -> Key {
    match &params.interrupt {
        Interrupt::Any => Key::Any,
        Interrupt::Enter => Key::Enter,
        Interrupt::Esc => Key::Escape,
        Interrupt::None => Key::None,
        Interrupt::Text(text) => Key::Text(text.clone()),
    }
}

/// What the second stage is. `services`: one is running that the scripts started.
pub fn second(params: &Params, services: bool) -> Second {
    match params.after {
        None if services => Second::Shell,
        None | Some(After::Poweroff) => Second::Countdown(Power::Off),
        Some(After::Reboot) => Second::Countdown(Power::Again),
        Some(After::Shell) => Second::Shell,
        Some(After::Wait) => Second::Wait,
    }
}

/// What an idle prompt does: as the countdown would have done. `None`: a service keeps it up.
pub fn when_idle(params: &Params, services: bool) -> Option<Power> {
    match params.after {
        None if services => None,
        Some(After::Reboot) => Some(Power::Again),
        _ => Some(Power::Off),
    }
}

/// The terminal's size, if either side of it was given.
pub fn size(params: &Params) -> Option<Size> {
    (params.columns.is_some() || params.rows.is_some()).then(|| Size {
        rows: params.rows.unwrap_or(24),
        columns: params.columns.unwrap_or(80),
    })
}

/// Services that serve the network itself, or wait for it: the beginnings of their names.
const NETWORK: [&str; 6] = ["dhcp4.", "dhcp6.", "slaac.", "pd.", "ra.", "on."];

/// Whether a service is one for whose sake the machine stays up. The network clients of the boot script
/// are not: every machine has them.
pub fn keeps_machine_up(name: &str, state: &str) -> bool {
    let over = matches!(state, "Stopped" | "Failed");
    !over && !NETWORK.iter().any(|kind| name.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Params {
        let (params, complaints) = Params::from_cmdline(line.as_bytes());
        assert!(complaints.is_empty(), "{complaints:?}");
        params
    }

    #[test]
    fn a_command_line_without_parameters() {
        let params = read("quiet");
        assert_eq!(first_delay(&params), Duration::from_secs(5));
        assert_eq!(second_delay(&params), Duration::from_secs(10));
        assert_eq!((key(&params), size(&params)), (Key::Any, None));
        let paths = ["/autoexec.run", "/mnt/host/autoexec.run"].map(PathBuf::from);
        assert_eq!(autoexec(&params), paths);
    }

    #[test]
    fn parameters() {
        let params =
            read("initsh.delay=0 initsh.interrupt=stop initsh.columns=132 initsh.autoexec=/a");
        assert_eq!(first_delay(&params), Duration::ZERO);
        assert_eq!(second_delay(&params), Duration::ZERO);
        assert_eq!(key(&params), Key::Text(b"stop".to_vec()));
        let size = size(&params).unwrap();
        assert_eq!((size.columns, size.rows), (132, 24));
        assert_eq!(autoexec(&params)[0], PathBuf::from("/a"));
    }

    #[test]
    fn the_second_stage() {
        let off = Second::Countdown(Power::Off);
        let again = Second::Countdown(Power::Again);
        for (line, alone, with_services) in [
            ("", off, Second::Shell),
            ("initsh.after=shell", Second::Shell, Second::Shell),
            ("initsh.after=poweroff", off, off),
            ("initsh.after=reboot", again, again),
            ("initsh.after=wait", Second::Wait, Second::Wait),
        ] {
            let params = read(line);
            assert_eq!(second(&params, false), alone, "{line}");
            assert_eq!(second(&params, true), with_services, "{line}");
        }
    }

    #[test]
    fn an_idle_prompt_does_as_the_countdown() {
        assert_eq!(when_idle(&read(""), false), Some(Power::Off));
        assert_eq!(when_idle(&read(""), true), None);
        assert_eq!(
            when_idle(&read("initsh.after=reboot"), true),
            Some(Power::Again)
        );
    }

    #[test]
    fn network_clients_do_not_keep_a_machine_up() {
        assert!(keeps_machine_up("web", "Running"));
        assert!(keeps_machine_up("web", "Backoff"));
        assert!(!keeps_machine_up("web", "Failed"));
        assert!(!keeps_machine_up("web", "Stopped"));
        for name in [
            "dhcp4.eth0",
            "dhcp6.eth0",
            "slaac.eth0",
            "ra.lan",
            "on.eth0.bound",
        ] {
            assert!(!keeps_machine_up(name, "Running"), "{name}");
        }
        assert!(keeps_machine_up("online", "Running"));
    }
}
