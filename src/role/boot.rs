//! The boot role: a child of PID 1 with the console as its terminal. Boot script, `autoexec.run` after a
//! countdown, then power-off after another, or the shell.
//!
//! Invariant: no step that fails ends it; it returns only when the shell is left (PID 1 then starts it
//! again) or the machine is about to go down.

mod driver;
mod plan;
mod report;
mod terminal;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use self::plan::{Power, Second, keeps_machine_up};
use self::report::Run;
use crate::cmd::Flow;
use crate::console::countdown::{Countdown, Key, Outcome};
use crate::console::tty::Kind;
use crate::console::{Ended, Session, Settings, message, quiet, say, wait};
use crate::role::pid1::RESCUE;
use crate::script::Shell;
use crate::supervise::client::{self, Client};
use crate::sys::signal;
use crate::system::cmdline;
use crate::system::oom;
use crate::system::params::{LogLevel, Params};
use crate::time::Instant;

/// The embedded boot script.
pub const SCRIPT: &[u8] = include_bytes!("../boot.run");

/// How errors call it.
const SCRIPT_NAME: &str = "boot.run";

/// Runs as `--boot ARGS`: `--again` (no boot script, straight to the shell: it was started again),
/// `--control-fd=N` (for [`crate::supervise::client::set_inherited`]), `--script FILE`.
#[inline(never)] // see `role::start`
pub fn run(args: Vec<OsString>) -> u8 {
    let mut given = Arguments::read(args);
    if !given.by_pid1 {
        // By hand it would mount over a machine that is up, and configure its network.
        message("--boot: only PID 1 starts this role; 'initsh FILE' runs a script");
        return 2;
    }
    prepare_signals();
    terminal::mount_what_it_needs();
    oom::spare();
    let line = cmdline::read().unwrap_or_default();
    let (mut params, complaints) = Params::from_cmdline(&line);
    params.script = given.script.take().or(params.script);
    driver::load(params.console.as_deref(), &line);
    let console = terminal::attach(&params);
    if params.log >= LogLevel::Warn {
        complaints.iter().for_each(|text| message(text));
    }
    let mut boot = Boot {
        shell: Shell::default(),
        params,
        console,
        status: 0,
    };
    let next = if given.again {
        // PID 1 has told why.
        quiet::forget_earlier_shell();
        Next::Shell { attended: false }
    } else {
        boot.scripts()
    };
    boot.last(next)
}

/// The role's own command line.
#[derive(Default)]
struct Arguments {
    /// PID 1 has given it a descriptor.
    by_pid1: bool,
    again: bool,
    script: Option<PathBuf>,
}

impl Arguments {
    fn read(args: Vec<OsString>) -> Self {
        let mut given = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--again") => given.again = true,
                Some("--rescue") => message(RESCUE),
                Some("--script") => given.script = args.next().map(PathBuf::from),
                Some(text) => {
                    let number = text.strip_prefix("--control-fd=");
                    if let Some(fd) = number.and_then(|number| number.parse().ok()) {
                        given.by_pid1 = true;
                        // Without it the socket below /run still serves.
                        let _ = client::set_inherited(fd);
                    }
                }
                None => {}
            }
        }
        given
    }
}

/// Ctrl-C is a flag; nothing else that a terminal can send ends or stops this process.
fn prepare_signals() {
    let _ = signal::catch_interrupt();
    for signal in [
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ] {
        let _ = signal::ignore(signal);
    }
}

/// Where the scripts lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The shell; a key was pressed for it.
    Shell { attended: bool },
    /// The machine ends.
    End(Power),
}

struct Boot {
    shell: Shell,
    params: Params,
    console: Kind,
    /// The status that the machine ends with: that of `autoexec.run`.
    status: u8,
}

impl Boot {
    /// The boot script and both stages.
    fn scripts(&mut self) -> Next {
        self.info(&report::banner());
        let run = self.boot_script();
        self.summarise(&run);
        if run.interrupted {
            return Next::Shell { attended: true };
        }
        match self.first_stage() {
            Some(next) => next,
            None => self.second_stage(),
        }
    }

    /// What a person who watches the boot wants to know.
    fn info(&self, text: &str) {
        if self.params.log >= LogLevel::Info {
            say(text);
        }
    }

    fn summarise(&self, run: &Run) {
        if self.params.log >= LogLevel::Info || run.failed > 0 || run.status != 0 {
            say(&run.summary());
        }
    }

    fn boot_script(&mut self) -> Run {
        let trace = self.params.log == LogLevel::Debug;
        match self.params.script.clone() {
            None => report::watch(&mut self.shell, SCRIPT_NAME, trace, |shell| {
                shell.run_text(SCRIPT_NAME, SCRIPT)
            }),
            Some(path) => self.file(&path),
        }
    }

    /// A script file; one that cannot be read is reported like a command that failed.
    fn file(&mut self, path: &Path) -> Run {
        let name = path.display().to_string();
        let trace = self.params.log == LogLevel::Debug;
        report::watch(&mut self.shell, &name, trace, |shell| {
            shell.run_file(path, Vec::new()).unwrap_or_else(|failure| {
                message(&failure.to_string());
                Flow::Status(failure.status())
            })
        })
    }

    /// `autoexec.run`. `None`: goes on to the second stage.
    fn first_stage(&mut self) -> Option<Next> {
        if let Some(path) = &self.params.autoexec
            && !path.exists()
        {
            let path = path.display();
            message(&format!("initsh.autoexec={path}: there is no such file"));
        }
        let paths = plan::autoexec(&self.params);
        let Some(path) = paths.into_iter().find(|path| path.exists()) else {
            self.info("no autoexec.run");
            return None;
        };
        let text = format!(
            "{} starts in {{}} s, {} opens the shell",
            path.display(),
            self.key()
        );
        if self.countdown(&text, Some(plan::first_delay(&self.params))) == Outcome::Pressed {
            return Some(Next::Shell { attended: true });
        }
        let run = self.file(&path);
        self.status = run.status;
        self.summarise(&run);
        run.interrupted.then_some(Next::Shell { attended: true })
    }

    fn second_stage(&mut self) -> Next {
        let (text, length, power) = match plan::second(&self.params, services_running()) {
            Second::Shell => return Next::Shell { attended: false },
            Second::Countdown(power) => {
                let what = match power {
                    Power::Off => "power off",
                    Power::Again => "reboot",
                };
                let text = format!("{what} in {{}} s, {} opens the shell", self.key());
                (text, Some(plan::second_delay(&self.params)), power)
            }
            Second::Wait if self.console == Kind::Absent => return Next::Shell { attended: false },
            Second::Wait => {
                let text = format!("ready; {} opens the shell", self.key());
                (text, None, Power::Off)
            }
        };
        match self.countdown(&text, length) {
            Outcome::Pressed => Next::Shell { attended: true },
            // Without a limit that is a console that is gone.
            Outcome::TimeOver if length.is_none() => Next::Shell { attended: false },
            Outcome::TimeOver => Next::End(power),
        }
    }

    fn key(&self) -> String {
        plan::key(&self.params).describe()
    }

    fn countdown(&self, text: &str, length: Option<Duration>) -> Outcome {
        let key = plan::key(&self.params);
        let text = match (&key, text.split_once(", no key")) {
            (Key::None, Some((before, _))) => before,
            _ => text,
        };
        let _quiet = quiet::Quiet::new();
        let countdown = Countdown::new(key, length, Instant::now());
        wait::run(countdown, text, false).unwrap_or(Outcome::Pressed)
    }

    /// The shell or the end. Returns when the shell is left.
    fn last(&mut self, next: Next) -> u8 {
        let mut attended = match next {
            Next::End(power) => {
                self.end(power);
                false
            }
            Next::Shell { attended } => attended,
        };
        if self.console != Kind::Absent {
            say("'help' lists the commands; 'poweroff' ends the machine.");
        }
        loop {
            if self.console == Kind::Absent {
                message("there is no console; the machine stays up");
                stay();
            }
            let mut session = Session::new(Settings {
                idle: self.params.idle.filter(|idle| !idle.is_zero()),
                own_machine: true,
                attended,
            });
            match session.run(&mut self.shell) {
                Ended::Input(_) if terminal::is_gone() => {
                    self.console = terminal::wait_for_another(&self.params);
                }
                Ended::Exit(status) | Ended::Input(status) => {
                    return self.shell.finish(Flow::Exit(status));
                }
                Ended::Idle => {
                    if let Some(power) = plan::when_idle(&self.params, services_running()) {
                        say("nobody typed anything");
                        self.end(power);
                    }
                }
            }
            attended = false;
        }
    }

    /// Ends the machine. Comes back only if that was refused.
    fn end(&mut self, power: Power) {
        let mut words: Vec<OsString> = match power {
            Power::Off => vec!["poweroff".into()],
            Power::Again => vec!["reboot".into()],
        };
        if power == Power::Off && self.status != 0 {
            words.push("--status".into());
            // The way out has seven bits.
            words.push(self.status.min(127).to_string().into());
        }
        if self.shell.run_words(words).status() == 0 {
            stay();
        }
    }
}

/// Sleeps until PID 1 ends this process.
fn stay() -> ! {
    loop {
        let _ = signal::sleep_until(None);
        signal::clear_interrupt();
    }
}

fn services_running() -> bool {
    let client = Client::connect().ok().flatten();
    let services = client.and_then(|mut client| client.services().ok());
    let mut services = services.into_iter().flatten();
    services.any(|service| keeps_machine_up(&service.name, &service.state))
}
