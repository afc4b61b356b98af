//! What the loop does differently in container mode: signals are passed on to the command, its end is
//! ours, job control goes through us. Invariants: no mount, no reboot(2), no kill(-1); once the command
//! has ended, so does this process, within [`LIMIT`].

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::Init;
use crate::role::container::Terminal;
use crate::supervise::machine::Event;
use crate::supervise::protocol::Power;
use crate::supervise::shutdown::SERVICE_GRACE;
use crate::supervise::table::BOOT_ID;
use crate::supervise::wire::wire_struct;
use crate::sys::call::{getpgrp, getpid, tcgetpgrp, tcsetpgrp};
use crate::sys::child::{self, Exit};
use crate::sys::process::{borrow_number, exit_now};
use crate::sys::signal;
use crate::time::Instant;

/// How long services may take to stop once the command has ended: less than the ten seconds that
/// container engines give.
const LIMIT: Duration = Duration::from_secs(7);

/// The status with which a container asks to be started again (as systemd in a container does).
const AGAIN: u8 = 133;

/// The status where there was never a process.
const CANNOT_EXECUTE: u8 = 126;

/// Container mode's own state.
#[derive(Debug)]
pub(super) struct Container {
    /// Whether signals go to the command's process group.
    group: bool,
    /// Whether the command is our own shell, which ignores SIGTERM.
    shell: bool,
    terminal: Option<Terminal>,
    /// Whether a stop that the command is in was asked for by a signal to us.
    asked: bool,
    /// The last process of the command, for its group's number.
    command: Option<Pid>,
    leaving: Option<Leaving>,
}

#[derive(Debug, Clone, Copy)]
struct Leaving {
    status: u8,
    until: Instant,
}

wire_struct!(Container {
    group,
    shell,
    terminal,
    asked,
    command,
    leaving
});
wire_struct!(Leaving { status, until });

impl Container {
    pub(super) fn new(group: bool, shell: bool, terminal: Option<Terminal>) -> Self {
        Self {
            group,
            shell,
            terminal,
            asked: false,
            command: None,
            leaving: None,
        }
    }

    /// Whether the command has ended.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.leaving.map(|leaving| leaving.until)
    }

    /// Puts the command in the foreground if we are there; whether it is there now.
    fn lend_terminal(&self, command: Pid) -> bool {
        let Some(file) = self
            .terminal
            .and_then(|terminal| borrow_number(terminal.fd))
        else {
            return false;
        };
        match tcgetpgrp(file) {
            Ok(group) if group == command => true,
            Ok(group) if group == getpgrp() => tcsetpgrp(file, command).is_ok(),
            _ => false,
        }
    }

    /// Whoever waits for us in this session finds the terminal as it was.
    fn return_terminal(&self, command: Pid) {
        let file = self
            .terminal
            .and_then(|terminal| borrow_number(terminal.fd));
        if let Some(file) = file
            && getpgrp().as_raw() > 0
            && tcgetpgrp(file) == Ok(command)
        {
            let _ = tcsetpgrp(file, getpgrp());
        }
    }
}

impl Init {
    fn command_pid(&self) -> Option<Pid> {
        let main = self.supervisor.table.all().first();
        main.and_then(|main| main.machine.pid()).map(Pid::from_raw)
    }

    /// Keeps the number of the command's group, for when it has ended.
    pub(super) fn note_command(&mut self) {
        let command = self.command_pid();
        if let Some(container) = &mut self.container {
            container.command = command.or(container.command);
        }
    }

    /// A signal to us is one to the command.
    pub(super) fn forward(&mut self, number: i32, now: Instant) {
        let Some(container) = &mut self.container else {
            return;
        };
        let signal = Signal::try_from(number);
        if signal == Ok(Signal::SIGCHLD) {
            return;
        }
        let ends = matches!(
            signal,
            Ok(Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP)
        );
        if container.leaving.is_some() {
            if ends {
                self.hurry(now);
            }
            return;
        }
        let stops = matches!(
            signal,
            Ok(Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU)
        );
        let (shell, group) = (container.shell, container.group);
        container.asked = stops || (container.asked && signal != Ok(Signal::SIGCONT));
        let Some(command) = self.command_pid() else {
            // It could not be forked yet, and now it need not be.
            if ends {
                let number = u8::try_from(number).unwrap_or(0);
                self.leave(Exit::Signal(number).status(), now);
                self.hurry(now);
            }
            return;
        };
        match signal {
            Ok(Signal::SIGCONT) => self.resume(command),
            Ok(Signal::SIGTERM) if shell => pass_on(command, group, Signal::SIGHUP as i32),
            _ => pass_on(command, group, number),
        }
    }

    /// What the terminal has stopped, it stops with us, so that the shell that started us has its turn.
    /// PID 1, and a process group that nobody could continue, cannot stop: then the command goes on.
    pub(super) fn mind_stop(&mut self) {
        let Some(container) = &self.container else {
            return;
        };
        if container.terminal.is_none() {
            return;
        }
        let Some(command) = self.command_pid() else {
            return;
        };
        let Some(Ok(how)) = child::take_stop(command).map(Signal::try_from) else {
            return;
        };
        if !matches!(how, Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU) {
            return;
        }
        let asked = container.asked;
        let continued = getpid().as_raw() != 1 && signal::stop_own_group(how);
        // Without the terminal it would only be stopped again by what has stopped it.
        if continued || !asked && (how == Signal::SIGTSTP || self.lend(command)) {
            self.resume(command);
        }
    }

    fn lend(&self, command: Pid) -> bool {
        let container = self.container.as_ref();
        container.is_some_and(|container| container.lend_terminal(command))
    }

    fn resume(&self, command: Pid) {
        let group = self.container.as_ref();
        let group = group.is_some_and(|container| container.group || container.terminal.is_some());
        self.lend(command);
        pass_on(command, group, Signal::SIGCONT as i32);
    }

    /// Begins the end, with this status.
    pub(super) fn leave(&mut self, status: u8, now: Instant) {
        let Some(container) = &mut self.container else {
            return;
        };
        // Asked again, it ends no later.
        let until = container.deadline().unwrap_or(now + LIMIT);
        container.leaving = Some(Leaving { status, until });
        self.supervisor.stop_services(SERVICE_GRACE, now);
    }

    /// `poweroff`, `halt` and `reboot` in a container: the command ends, too.
    pub(super) fn leave_on_request(&mut self, power: Power, now: Instant) {
        let status = match power {
            Power::Off(status) => status,
            Power::Halt => 0,
            Power::Reboot | Power::Soft => AGAIN,
        };
        self.leave(status, now);
        match self
            .container
            .as_ref()
            .is_some_and(|container| container.shell)
        {
            true => self.supervisor.stop_boot(SERVICE_GRACE, now),
            false => self
                .supervisor
                .event(BOOT_ID, Event::Stop(SERVICE_GRACE), now),
        }
    }

    /// Asked to end while services are being stopped: they have had their chance.
    fn hurry(&mut self, now: Instant) {
        self.supervisor.stop_services(Duration::ZERO, now);
        self.supervisor
            .event(BOOT_ID, Event::Stop(Duration::ZERO), now);
    }

    /// Ends when the command and the services have.
    pub(super) fn go_out(&mut self, now: Instant) {
        let main = self.supervisor.table.all().first();
        let Some(machine) = main.map(|main| &main.machine) else {
            return;
        };
        let settled = machine.state().is_settled();
        let exit = machine.last_exit();
        let Some(container) = &mut self.container else {
            return;
        };
        if container.leaving.is_none() {
            if !settled {
                return;
            }
            self.leave(exit.map_or(CANNOT_EXECUTE, Exit::status), now);
        }
        let over = self.container.as_ref().and_then(Container::deadline);
        if settled && self.supervisor.table.is_quiet() {
            self.end();
        }
        if over.is_some_and(|until| until <= now) {
            let text = format_args!("not everything has ended when asked");
            self.supervisor.voice.say(text);
            self.end();
        }
    }

    fn end(&mut self) -> ! {
        self.server.listener.remove();
        let mut status = 0;
        if let Some(container) = &self.container {
            status = container.leaving.map_or(0, |leaving| leaving.status);
            if let Some(command) = container.command {
                container.return_terminal(command);
            }
        }
        exit_now(status)
    }
}

/// kill(2) of the command or of its group, which it may not have made yet.
fn pass_on(command: Pid, group: bool, number: i32) {
    let pid = command.as_raw();
    if !group || signal::send(-pid, number).is_err() {
        let _ = signal::send(pid, number);
    }
}
