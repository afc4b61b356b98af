//! How PID 1 carries out the stages of the machine's end.

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::Init;
use crate::supervise::finish;
use crate::supervise::protocol::Power;
use crate::supervise::shutdown::{Action, Facts, Helper, SERVICE_GRACE};
use crate::sys::call::kill;
use crate::sys::process::{Fork, exit_now, fork};
use crate::time::Instant;

impl Init {
    pub(super) fn begin(&mut self, power: Power, now: Instant) {
        if self.container.is_some() {
            self.leave_on_request(power, now);
            return;
        }
        if let Some(action) = self.shutdown.begin(power, now) {
            let what = match power {
                Power::Off(0) => "power off".to_owned(),
                Power::Off(status) => format!("power off, status {status}"),
                Power::Reboot => "reboot".to_owned(),
                Power::Halt => "halt".to_owned(),
                Power::Soft => "soft restart".to_owned(),
            };
            self.supervisor.voice.say(format_args!("{what}"));
            self.act(action, now);
        }
    }

    /// Goes on with the end of the machine, if it has begun.
    pub(super) fn go_down(&mut self, now: Instant) {
        if self.shutdown.power().is_none() {
            return;
        }
        loop {
            let facts = Facts {
                services: !self.supervisor.table.is_quiet(),
                others: !self.childless,
                helper: self.helper_state,
            };
            match self.shutdown.step(facts, now) {
                Some(action) => self.act(action, now),
                None => return,
            }
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        let everyone = Pid::from_raw(-1);
        match action {
            Action::StopServices => self.supervisor.stop_services(SERVICE_GRACE, now),
            Action::TerminateAll => {
                // SIGTERM stays pending in what is stopped; SIGCONT lets it act.
                let _ = kill(everyone, Signal::SIGTERM);
                let _ = kill(everyone, Signal::SIGCONT);
                self.supervisor.stop_boot(SERVICE_GRACE, now);
            }
            Action::KillAll => {
                let text = format_args!("some processes did not end when asked: killed");
                self.supervisor.voice.say(text);
                let _ = kill(everyone, Signal::SIGKILL);
            }
            Action::Finish => self.fork_helper(true),
            Action::Force => self.fork_helper(false),
            Action::ForceHere => {
                if let (Some(power), Some(authority)) = (self.shutdown.power(), self.authority) {
                    finish::force(authority, power);
                }
            }
        }
    }

    /// Forks the child that ends the machine. In a namespace, powering off is to exit: the kernel then
    /// ends the namespace, and whoever made it sees the status.
    fn fork_helper(&mut self, orderly: bool) {
        let (Some(power), Some(authority)) = (self.shutdown.power(), self.authority) else {
            return;
        };
        if let (Power::Off(status), false) = (power, authority.over_machine()) {
            exit_now(status);
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
                let errno = match orderly {
                    true => finish::finish(authority, power, voice),
                    false => finish::force(authority, power),
                };
                voice.say(format_args!("reboot(2): {errno:?} ({})", errno.desc()));
                exit_now(1)
            }
        };
    }
}
