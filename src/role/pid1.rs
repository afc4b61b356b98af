//! The pid1 role: one thread, one `poll` loop. Invariants: it never parses a script, never waits for
//! anything but `poll`, and ends only when the machine (or its PID namespace) does.

mod brake;
mod container;
mod crash;
mod ending;
mod handover;
mod kept;
mod reaping;
pub(super) mod resume;
mod serving;
mod signals;
mod sources;
mod storm;
mod upgrade;

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use nix::sys::signal::SigmaskHow;
use nix::sys::signalfd::SignalFd;

use self::brake::Brake;
use self::container::Container;
pub(super) use self::crash::RESCUE;
use self::handover::HandingOver;
use self::kept::{Head, Keeper, Rule};
use self::storm::Storm;
use self::upgrade::Upgrade;
use super::container::Terminal;
use crate::paths::run_dir;
use crate::supervise::server::{ClientId, Server};
use crate::supervise::shutdown::{Helper, Shutdown};
use crate::supervise::spawn::{Boot, Command};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::table::ServiceId;
use crate::sys::call::{self, getuid, sigprocmask};
use crate::sys::child::Exit;
use crate::sys::power::Authority;
use crate::sys::{crash as fatal, entry, fault, limits, priority, process};
use crate::time::{Instant, parse_duration};

/// The first argument of a PID 1, whatever it was called by.
const NAME: &CStr = c"initsh";

/// Runs as the first process of the machine. The kernel's leftover words are not for us.
pub fn machine() -> u8 {
    run(Boot::default(), None)
}

/// Runs as the first process of a PID namespace: `--pid1 [--shutdown=TIME] [--script FILE] [-- PROGRAM
/// [ARG…]]`. What else stands before `--` is handed to the boot role; a PROGRAM takes its place.
pub fn namespace(args: Vec<OsString>) -> u8 {
    let mut words = args
        .into_iter()
        .map(|word| CString::new(word.into_vec()).unwrap_or_default());
    let before = words.by_ref().take_while(|word| word.as_c_str() != c"--");
    let mut extra: Vec<CString> = before.collect();
    let time_to_end = extra.iter().rev().find_map(|word| time_to_end(word));
    extra.retain(|word| !word.to_bytes().starts_with(TIME_TO_END));
    let instead = words.collect();
    let boot = Boot {
        instead,
        extra,
        command: None,
    };
    run(boot, time_to_end)
}

/// The word that sets how long the end may take, where there is no kernel command line of our own.
const TIME_TO_END: &[u8] = b"--shutdown=";

/// The time in such a word; a wrong one is passed over, as on the kernel command line.
fn time_to_end(word: &CStr) -> Option<Duration> {
    let text = word.to_bytes().strip_prefix(TIME_TO_END)?;
    let time = parse_duration(str::from_utf8(text).ok()?).ok();
    time.filter(|time| !time.is_zero())
}

/// Runs `command` as container mode does ([`super::container`]), whatever our own PID. `group`: signals
/// go to its whole process group.
pub(super) fn container(command: Command, group: bool, terminal: Option<Terminal>) -> ! {
    let container = Container::new(group, command.argv.is_empty(), terminal);
    let boot = Boot {
        command: Some(command),
        ..Boot::default()
    };
    let _ = fatal::install(c"initsh");
    let mut init = Init::new(None, boot, c"initsh".to_owned());
    init.container = Some(container);
    init.server.listener.be_modest();
    init.run()
}

fn run(boot: Boot, time_to_end: Option<Duration>) -> u8 {
    // First of all: whoever says "power off" very early is heard.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&fatal::blocked()), None);
    entry::secure_standard_fds();
    let Some(authority) = Authority::take() else {
        let line = b"initsh: --pid1: this is not the first process of a PID namespace\n";
        let _ = call::write(std::io::stderr(), line);
        return 2;
    };
    match authority.over_machine() {
        true => drop(authority.catch_ctrl_alt_del()),
        false => fault::order_from_environment(),
    }
    let _ = fatal::install(NAME);
    let mut init = Init::new(Some(authority), boot, NAME.to_owned());
    init.time_to_end = time_to_end;
    init.run()
}

struct Init {
    /// To end the machine or the namespace; none in container mode.
    authority: Option<Authority>,
    container: Option<Container>,
    signals: Option<SignalFd>,
    supervisor: Supervisor,
    server: Server,
    shutdown: Shutdown,
    hand_over: Option<HandingOver>,
    /// How long the end may take, where PID 1 was told when it was started.
    time_to_end: Option<Duration>,
    /// The critical service whose failure was heeded.
    critical: Option<ServiceId>,
    helper: Option<i32>,
    helper_state: Helper,
    childless: bool,
    more_to_reap: bool,
    half_reaped: Option<i32>,
    patient_until: Instant,
    brake: Brake,
    storm: Storm,
    head: Head,
    keeper: Keeper,
    upgrade: Option<Upgrade>,
    /// How the check of an upgrade has ended.
    checked: Option<Exit>,
    /// Whom the next program answers.
    asking: Option<ClientId>,
    rescue: bool,
    sent_told: Instant,
}

impl Init {
    fn new(authority: Option<Authority>, boot: Boot, name: CString) -> Self {
        let now = Instant::now();
        let machine = authority.is_some_and(Authority::over_machine);
        Self {
            authority,
            container: None,
            signals: signals::open(),
            head: Head {
                rule: match authority {
                    Some(_) if machine => Rule::Machine,
                    Some(_) => Rule::Namespace,
                    None => Rule::Nothing,
                },
                name,
                path: process::own_path().to_owned(),
                boot: boot.clone(),
                open_files: None,
            },
            keeper: Keeper::default(),
            upgrade: None,
            checked: None,
            asking: None,
            rescue: false,
            sent_told: Instant::BOOT,
            supervisor: Supervisor::new(machine, boot, now),
            server: Server::new(run_dir(), getuid().as_raw(), now),
            shutdown: Shutdown::default(),
            hand_over: None,
            time_to_end: None,
            critical: None,
            helper: None,
            helper_state: Helper::Absent,
            childless: false,
            more_to_reap: false,
            half_reaped: None,
            patient_until: now,
            brake: Brake::default(),
            storm: Storm::new(now),
        }
    }

    fn run(&mut self) -> ! {
        limits::raise_open_files();
        if self.authority.is_some() {
            priority::raise();
        }
        self.supervisor.start_boot(Instant::now());
        self.record();
        self.supervisor.release();
        self.go_on()
    }

    fn go_on(&mut self) -> ! {
        loop {
            let begun = Instant::now();
            self.upkeep(begun);
            self.note_command();
            let ready = self.wait(begun);
            let now = Instant::now();
            self.server.begin_turn();
            self.hear_logs(&ready, now);
            for source in ready {
                self.serve(source, now);
            }
            self.reap(now);
            self.supervisor.tick(now);
            self.answer_waiting(now);
            self.heed_critical(now);
            self.mind_stop();
            match self.container {
                Some(_) => self.go_out(now),
                None => self.go_down(now),
            }
            self.go_over(now);
            self.pet(now);
            self.record();
            fatal::all_recorded();
            self.supervisor.release();
            self.upgrade(now);
            self.brake(now.since(begun));
            self.storm.turn(now);
        }
    }

    /// What is due without anybody asking.
    fn upkeep(&mut self, now: Instant) {
        if self.signals.is_none() {
            self.signals = signals::open();
        }
        if let Some(doorbell) = self.supervisor.take_doorbell() {
            self.server.set_doorbell(Some(doorbell));
        }
        if self.server.listener.deadline() <= now {
            self.look_after_socket(now);
        }
        self.server.close_slow(now);
        self.mind_upgrade(now);
        self.tell_sent(now);
    }

    fn look_after_socket(&mut self, now: Instant) {
        if let Some(errno) = self.server.listener.check(now) {
            let path = self.server.listener.path().display();
            let text = format_args!("control socket {path}: {errno:?} ({})", errno.desc());
            self.supervisor.voice.say(text);
        }
    }
}
