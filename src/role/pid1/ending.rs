//! How PID 1 carries out the stages of the machine's end.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::Init;
use crate::supervise::machine::{self, State};
use crate::supervise::protocol::{Power, Urgency};
use crate::supervise::shutdown::{Action, DEADLINE, Facts, Heard, Helper, Stage};
use crate::supervise::table::Service;
use crate::supervise::{finish, order, progress};
use crate::sys::call::{kill, read_file};
use crate::sys::child::Exit;
use crate::sys::power::Authority;
use crate::sys::process::{Fork, exit_now, fork};
use crate::system::params::{Critical, Params};
use crate::time::Instant;

/// The kernel's own limit is below that.
const LONGEST_LINE: usize = 64 << 10;

impl Init {
    fn over_machine(&self) -> bool {
        self.authority.is_some_and(Authority::over_machine)
    }

    /// Takes a request for the end, however it came.
    pub(super) fn begin(&mut self, power: Power, urgency: Urgency, now: Instant) {
        if self.container.is_some() {
            self.leave_on_request(power, now);
            return;
        }
        let total = self.time_to_end();
        match self.shutdown.ask(power, urgency, total, now) {
            Heard::Nothing => {}
            Heard::Begins(action) => {
                self.supervisor
                    .voice
                    .say(format_args!("{}", name_of(power)));
                self.act(action, now);
            }
            Heard::Escalates(action) => {
                let what = match action {
                    Action::KillAll => "every process is killed",
                    Action::Finish => "no process is waited for any longer",
                    Action::Force => "file systems are not waited for",
                    _ => "the machine is reset",
                };
                let name = name_of(self.shutdown.power().unwrap_or(power));
                let text = format_args!("{name}: asked again, so {what}");
                self.supervisor.voice.say(text);
                self.act(action, now);
            }
        }
    }

    /// One deadline for the whole end: what PID 1 was started with, or `initsh.shutdown=`.
    fn time_to_end(&self) -> Duration {
        self.time_to_end
            .or_else(|| self.kernel_word(|params| params.shutdown)?)
            .unwrap_or(DEADLINE)
    }

    /// What the kernel's command line says, on a machine of our own.
    fn kernel_word<T>(&self, what: impl FnOnce(Params) -> T) -> Option<T> {
        self.over_machine().then(|| {
            let line = read_file("/proc/cmdline", LONGEST_LINE).unwrap_or_default();
            what(Params::from_cmdline(&line).0)
        })
    }

    /// Goes on with the end of the machine, if it has begun.
    pub(super) fn go_down(&mut self, now: Instant) {
        while self.shutdown.power().is_some() {
            let facts = Facts {
                services: self.supervisor.table.services().any(is_awaited),
                children: !self.childless,
                strangers: self.has_strangers(),
                helper: self.helper_state,
            };
            match self.shutdown.step(facts, now) {
                Some(action) => self.act(action, now),
                None => return,
            }
        }
    }

    /// The first critical service that has failed.
    fn failed_critical(&self) -> Option<&Service> {
        let critical = |service: &&Service| service.spec.as_ref().is_some_and(|s| s.critical);
        let failed = |service: &&Service| service.machine.state() == State::Failed;
        let services = self.supervisor.table.services();
        services.filter(critical).find(failed)
    }

    /// A full turn is over: the watchdog is told, unless the machine is better off with a reset.
    pub(super) fn pet(&mut self, now: Instant) {
        if self.supervisor.watchdog.deadline().is_none() {
            return;
        }
        let failed = |service: &Service| format!("critical service {} has failed", service.name());
        let stuck = self.shutdown.stuck().map(str::to_owned);
        let wrong = stuck.or_else(|| self.failed_critical().map(failed));
        if let Some(text) = self.supervisor.watchdog.turned(wrong.as_deref(), now) {
            self.supervisor.voice.say(format_args!("{text}"));
        }
    }

    /// A critical service has failed: the machine ends with its status.
    pub(super) fn heed_critical(&mut self, now: Instant) {
        let Some(service) = self.failed_critical() else {
            return;
        };
        if self.critical == Some(service.id) || self.shutdown.power().is_some() {
            return;
        }
        let id = service.id;
        let status = order::status(&self.supervisor.table, service);
        // More does not fit the way out of a virtual machine.
        let status = if self.over_machine() {
            status.min(127)
        } else {
            status
        };
        let power = match self.kernel_word(|params| params.critical) {
            Some(Critical::Reboot) => Power::Reboot,
            _ => Power::Off(status),
        };
        let text = format!("critical service {} has failed", service.name());
        self.critical = Some(id);
        self.supervisor.voice.say(format_args!("{text}"));
        self.begin(power, Urgency::Orderly, now);
    }

    /// Whether a PID namespace has processes that are not below PID 1: entered from outside. On a
    /// machine kill(2) would count the kernel's threads; there is no outside.
    fn has_strangers(&self) -> bool {
        let everyone = Pid::from_raw(-1);
        self.childless && !self.over_machine() && kill(everyone, None) != Err(Errno::ESRCH)
    }

    fn act(&mut self, action: Action, now: Instant) {
        let everyone = Pid::from_raw(-1);
        // What is left of this stage: nobody needs to be killed later than at its end.
        let grace = self.shutdown.until().since(now);
        match action {
            Action::StopServices => self.supervisor.stop_services(grace, now),
            Action::TerminateAll => {
                // SIGTERM stays pending in what is stopped; SIGCONT lets it act.
                let _ = kill(everyone, Signal::SIGTERM);
                let _ = kill(everyone, Signal::SIGCONT);
                self.supervisor.stop_boot(grace, now);
            }
            Action::KillAll => {
                self.supervisor.kill_all(now);
                let _ = kill(everyone, Signal::SIGKILL);
            }
            Action::KillAgain => {
                let _ = kill(everyone, Signal::SIGKILL);
            }
            Action::StartAgain => {
                self.server.close_all();
                self.supervisor.start_over(now);
            }
            Action::Finish => self.fork_helper(End::Orderly),
            Action::Force => self.fork_helper(End::Forced),
            Action::Emergency => self.fork_helper(End::Emergency),
            Action::ForceHere => {
                if let (Some(power), Some(authority)) = (self.shutdown.power(), self.authority) {
                    finish::emergency(authority, power, true);
                    finish::force(authority, power, &mut self.supervisor.voice);
                }
            }
            Action::Tell => self.tell(now),
        }
    }

    /// Says who is waited for.
    fn tell(&mut self, now: Instant) {
        let who = match self.shutdown.stage() {
            Stage::Services => progress::services(&self.supervisor.table, now),
            Stage::Everyone | Stage::Killed => progress::processes(),
            // The child says itself what it waits for.
            Stage::Finishing => return,
            _ => "the kernel".to_owned(),
        };
        let left = self.shutdown.until().since(now).as_millis().div_ceil(1000);
        let text = format_args!("waiting for {who} ({left} s at most)");
        self.supervisor.voice.say(text);
    }

    /// Forks the child that ends the machine. In a namespace, powering off is to exit: the kernel then
    /// ends the namespace, and whoever made it sees the status. Where reboot(2) is refused there,
    /// everything else is an exit, too.
    fn fork_helper(&mut self, how: End) {
        let (Some(power), Some(authority)) = (self.shutdown.power(), self.authority) else {
            return;
        };
        match (power, how) {
            _ if authority.over_machine() => {}
            (Power::Off(status), _) => exit_now(status),
            (_, End::Emergency) => exit_now(finish::status_instead(power)),
            _ => {}
        }
        if let Some(stuck) = self.helper.take() {
            let _ = kill(Pid::from_raw(stuck), Signal::SIGKILL);
        }
        self.helper_state = match fork() {
            Err(_) => Helper::Absent,
            Ok(Fork::Parent(pid)) => {
                self.helper = Some(pid.as_raw());
                Helper::Busy
            }
            Ok(Fork::Child) => {
                let voice = &mut self.supervisor.voice;
                let errno = match how {
                    End::Orderly => finish::finish(authority, power, self.shutdown.until(), voice),
                    End::Forced => finish::force(authority, power, voice),
                    End::Emergency => finish::emergency(authority, power, false),
                };
                voice.say(format_args!(
                    "{}: {errno:?} ({})",
                    name_of(power),
                    errno.desc()
                ));
                exit_now(1)
            }
        };
    }

    /// The child that ends the machine has ended itself. One that was killed (out of memory) is made
    /// again; one that says that it cannot is not.
    pub(super) fn helper_ended(&mut self, exit: Exit) {
        self.helper = None;
        self.helper_state = match exit {
            Exit::Signal(_) => Helper::Absent,
            Exit::Code(_) => Helper::Ended,
        };
    }
}

/// Whether a service's end is waited for: not that of one that not even SIGKILL has ended.
fn is_awaited(service: &Service) -> bool {
    let stuck = machine::Stage::Stuck;
    match service.machine.state() {
        State::Stopping { stage, .. } => stage != stuck,
        state => !state.is_settled(),
    }
}

/// How the machine is to be ended by the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Orderly,
    Forced,
    Emergency,
}

fn name_of(power: Power) -> String {
    match power {
        Power::Off(0) => "power off".to_owned(),
        Power::Off(status) => format!("power off, status {status}"),
        Power::Reboot => "reboot".to_owned(),
        Power::Halt => "halt".to_owned(),
        Power::Soft => "soft restart".to_owned(),
    }
}
