//! The driver of a console that is a module: Debian's kernels have hvc0 so. Loaded before the console is
//! opened, or the whole boot would be told to nobody. Invariant: a console that never comes costs two
//! seconds.

use std::path::Path;
use std::time::Duration;

use crate::script::Shell;
use crate::sys::signal;
use crate::system::cmdline;
use crate::time::Instant;

/// What a virtio console hangs on: its bus, whichever of the two, and itself.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_mmio", "virtio_console"];

/// How long the device may take to appear after its driver was loaded.
const PATIENCE: Duration = Duration::from_secs(2);

/// Loads the driver of the console that the user (`initsh.console=`) or else the kernel's command line
/// names, where it is a virtio console that is not there.
pub fn load(wanted: Option<&str>, line: &[u8]) {
    let Some(name) = virtio_console(wanted, line) else {
        return;
    };
    let device = Path::new("/sys/class/tty").join(name);
    if device.exists() {
        return;
    }
    let mut shell = Shell::default();
    for module in MODULES {
        // What fails here is told by the boot script's coldplug.
        shell.run_words(vec!["modprobe".into(), "-q".into(), module.into()]);
    }
    let limit = Instant::now() + PATIENCE;
    while !device.exists() && Instant::now() < limit {
        let _ = signal::sleep_until(Some(Instant::now() + Duration::from_millis(10)));
    }
}

/// The name of the console if it is a virtio console.
fn virtio_console(wanted: Option<&str>, line: &[u8]) -> Option<String> {
    let name = match wanted {
        Some(name) => name.strip_prefix("/dev/").unwrap_or(name).to_owned(),
        None => {
            let last = cmdline::last(&cmdline::parse(line), b"console")?.to_owned();
            let name = last.split(|&byte| byte == b',').next()?;
            String::from_utf8(name.to_owned()).ok()?
        }
    };
    let number = name.strip_prefix("hvc")?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_console_counts_and_the_users_more() {
        let name = |wanted, line: &str| virtio_console(wanted, line.as_bytes());
        assert_eq!(
            name(None, "console=ttyS0 console=hvc0"),
            Some("hvc0".into())
        );
        assert_eq!(name(None, "console=hvc0,115200"), Some("hvc0".into()));
        assert_eq!(name(None, "console=hvc0 console=ttyS0"), None);
        assert_eq!(
            name(Some("/dev/hvc1"), "console=ttyS0"),
            Some("hvc1".into())
        );
        assert_eq!(name(Some("ttyS0"), "console=hvc0"), None);
        assert_eq!(name(None, "console=hvc/../../x"), None);
        assert_eq!(name(None, "quiet"), None);
    }
}
