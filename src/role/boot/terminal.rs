//! The boot role's terminal: found, and found again when it has hung up. Invariant: descriptors 0 to 2
//! are open afterwards, if only on `/dev/null`.

use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::console::tty::{self, Kind};
use crate::sys::{environment, signal};
use crate::system::cmdline;
use crate::system::mounts::{attach, short};
use crate::system::params::Params;
use crate::time::Instant;

use super::plan;

/// What a program's `PATH` is unless the kernel command line says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The console is found through /proc and /sys and opened in /dev, so these are there before the boot
/// script, which mounts them too (and finds that done).
pub fn mount_what_it_needs() {
    for (name, present) in [
        ("proc", "/proc/self"),
        ("sys", "/sys/class"),
        ("dev", "/dev/null"),
    ] {
        let missing = std::fs::symlink_metadata(present).is_err();
        if let Some(form) = short::find(name.as_bytes()).filter(|_| missing) {
            // What cannot be mounted here fails again in the script, and is reported there.
            let _ = attach::short(form, None, b"");
        }
    }
}

/// Attaches this process to the console and says in the environment what it is.
pub fn attach(params: &Params) -> Kind {
    let last = last_console(&cmdline::read().unwrap_or_default());
    let (name, kind) = tty::attach(params.console.as_deref(), last.as_deref())
        .unwrap_or_else(|_| ("none".to_owned(), Kind::Absent));
    if let Some(size) = plan::size(params) {
        // Refused where there is no terminal.
        let _ = crate::sys::tty::resize(&std::io::stdout(), size);
    }
    // The kernel gives every init TERM=linux, which is wrong for a serial line.
    let term = std::env::var_os("TERM").filter(|term| !term.is_empty() && term != "linux");
    if term.is_none() {
        environment::set("TERM", kind.term());
    }
    environment::set("INITSH_CONSOLE", name);
    if std::env::var_os("PATH").is_none() {
        environment::set("PATH", PATH);
    }
    kind
}

/// The device of the last `console=` on the kernel command line: `ttyS0` of `ttyS0,115200n8`.
fn last_console(line: &[u8]) -> Option<String> {
    let words = cmdline::parse(line);
    let value = cmdline::last(&words, b"console")?;
    let name = value.split(|&b| b == b',').next().unwrap_or_default();
    Some(String::from_utf8_lossy(name).into_owned())
}

/// After a hang-up: waits until there is a console again.
pub fn wait_for_another(params: &Params) -> Kind {
    let mut delay = Duration::from_secs(1);
    loop {
        let _ = signal::sleep_until(Some(Instant::now() + delay));
        signal::clear_interrupt();
        let kind = attach(params);
        if kind != Kind::Absent {
            return kind;
        }
        delay = (delay * 2).min(Duration::from_secs(30));
    }
}

/// Whether standard input is a terminal that has hung up (or none any more).
pub fn is_gone() -> bool {
    use std::os::fd::AsFd;
    let input = std::io::stdin();
    let mut fds = [PollFd::new(input.as_fd(), PollFlags::empty())];
    let hung_up = poll(&mut fds, PollTimeout::ZERO).is_ok()
        && fds[0]
            .revents()
            .is_some_and(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR));
    hung_up || nix::sys::termios::tcgetattr(&input).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_console_of_the_command_line() {
        for (line, name) in [
            ("quiet console=tty0 console=ttyS0,115200n8", Some("ttyS0")),
            ("console=hvc0", Some("hvc0")),
            ("console=null", Some("null")),
            ("console=", Some("")),
            ("quiet", None),
        ] {
            assert_eq!(last_console(line.as_bytes()).as_deref(), name, "{line}");
        }
    }
}
