//! What a boot says about itself: the first line, and a summary after each script. A serial line is
//! slow, so each is one line.

use std::time::Duration;

use nix::sys::utsname::uname;

use crate::cmd::Flow;
use crate::console::say;
use crate::script::Shell;
use crate::script::options::Flag;
use crate::sys::signal;
use crate::time::Instant;

/// How a script went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The script's name.
    pub name: String,
    /// Its exit status.
    pub status: u8,
    /// Commands that ran.
    pub commands: u64,
    /// Commands that failed.
    pub failed: u64,
    /// How long it took.
    pub took: Duration,
    /// Ctrl-C ended it.
    pub interrupted: bool,
}

impl Run {
    /// `boot.run: 23 commands, 1 failed, 0.42 s`
    pub fn summary(&self) -> String {
        let commands = match self.commands {
            1 => "1 command".to_owned(),
            number => format!("{number} commands"),
        };
        let mut text = format!(
            "{}: {commands}, {} failed, {} s",
            self.name,
            self.failed,
            seconds(self.took)
        );
        if self.interrupted {
            text.push_str(", stopped by Ctrl-C");
        } else if self.status != 0 {
            text.push_str(&format!(", status {}", self.status));
        }
        text
    }
}

/// Runs a script to its end, `trap … EXIT` included, and watches it. What it `set` ends with it: `set -e`
/// is about a script, not about the prompt that follows.
pub fn watch(
    shell: &mut Shell,
    name: &str,
    trace: bool,
    script: impl FnOnce(&mut Shell) -> Flow,
) -> Run {
    let before = shell.counts();
    let options = shell.options;
    shell.set_option(Flag::XTrace, trace || options.has(Flag::XTrace));
    let begin = Instant::now();
    signal::clear_interrupt();
    let flow = script(shell);
    // The shell forgets the signal when it has stopped the script.
    let interrupted = signal::interrupted() || flow == Flow::Exit(130);
    if interrupted {
        // The terminal shows ^C and no newline.
        say("");
    }
    let status = shell.finish(flow);
    let counts = shell.counts();
    shell.options = options;
    signal::clear_interrupt();
    Run {
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        status,
        commands: counts.run.saturating_sub(before.run),
        failed: counts.failed.saturating_sub(before.failed),
        took: Instant::now().since(begin),
        interrupted,
    }
}

/// `initsh 0.1.0, Linux 6.1.0-41-amd64 x86_64, up 1.93 s`
pub fn banner() -> String {
    let system = uname().ok();
    let part = |text: Option<&std::ffi::OsStr>| {
        text.map_or_else(|| "?".to_owned(), |t| t.to_string_lossy().into_owned())
    };
    format!(
        "initsh {}, {} {} {}, up {} s",
        env!("CARGO_PKG_VERSION"),
        part(system.as_ref().map(|s| s.sysname())),
        part(system.as_ref().map(|s| s.release())),
        part(system.as_ref().map(|s| s.machine())),
        seconds(Instant::now().since_boot())
    )
}

/// Hundredths are enough, and floating-point formatting is large.
fn seconds(time: Duration) -> String {
    format!("{}.{:02}", time.as_secs(), time.subsec_millis() / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_ends_with_its_trap_and_its_options() {
        let mut shell = Shell::default();
        let run = watch(&mut shell, "x.run", false, |shell| {
            shell.run_text("x.run", b"trap 'ended=yes' EXIT\nset -e\nfalse\nended=no")
        });
        assert_eq!(run.status, 1);
        assert_eq!(shell.variable("ended"), Some(std::ffi::OsStr::new("yes")));
        let next = shell.run_text("console", b"false\nafter=yes");
        assert_eq!(next, Flow::OK);
    }

    #[test]
    fn summaries_are_one_line() {
        let mut run = Run {
            name: "boot.run".into(),
            status: 0,
            commands: 23,
            failed: 1,
            took: Duration::from_millis(425),
            interrupted: false,
        };
        assert_eq!(run.summary(), "boot.run: 23 commands, 1 failed, 0.42 s");
        (run.commands, run.status) = (1, 2);
        assert_eq!(
            run.summary(),
            "boot.run: 1 command, 1 failed, 0.42 s, status 2"
        );
        run.interrupted = true;
        assert_eq!(
            run.summary(),
            "boot.run: 1 command, 1 failed, 0.42 s, stopped by Ctrl-C"
        );
    }
}
