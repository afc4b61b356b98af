//! Carries out what the machines ask for and answers what clients ask for. Invariants: every action of a
//! machine is carried out before anything else happens; what a pipe of a child says is taken in before
//! that child's end.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::exits::Ended;
use super::flow::Todo;
use super::groups::{self, Groups};
use super::machine::{Action, Event};
use super::order;
use super::protocol::{HandOver, Power, Reply, Request, Target, Until, Urgency};
use super::requests::crash;
use super::spawn::{Boot, Executed, Launcher, read_executed, read_ready, release};
use super::spec::{Ready, ServiceSpec};
use super::table::{BOOT_ID, ServiceId, Table};
use super::voice::Voice;
use super::waits::{Waiting, unknown};
use super::watchdog::Watchdog;
use crate::failure::Failure;
use crate::sys::call::{kill_number, read_file};
use crate::sys::child::{self, Exit};
use crate::sys::{notify, random};
use crate::time::Instant;

/// How long the answer to `spawn` waits for the exec.
pub(super) const EXECUTED: Duration = Duration::from_secs(5);

/// The most exits in one reply; their names are short, so they fit.
const EXITS: usize = 128;

/// The longest text of a refusal, in bytes.
const WORDS: usize = 512;

/// PID 1's processes.
#[derive(Debug)]
pub struct Supervisor {
    /// What there is.
    pub table: Table,
    /// Where PID 1 speaks.
    pub voice: Voice,
    /// What resets a machine whose PID 1 hangs.
    pub watchdog: Watchdog,
    /// The descriptors that came with the request that is answered next.
    pub handed: Vec<OwnedFd>,
    /// How children are made.
    pub launcher: Launcher,
    pub(super) boot: Boot,
    /// See [`Self::take_doorbell`].
    pub doorbell: Option<OwnedFd>,
    /// Whether the boot role's program was ever executed.
    pub boot_has_run: bool,
    /// Whether nothing is started any more.
    pub ending: bool,
    /// When logs are looked at again.
    pub(super) logs_rest: Option<Instant>,
    /// Control groups that are to be removed.
    pub groups: Groups,
    /// The one of the helpers that reads service files.
    pub reloading: Option<i32>,
    /// Processes that only work for PID 1.
    pub helpers: Vec<i32>,
    /// Services whose new process waits until it is in the journal.
    held: Vec<ServiceId>,
}

/// What a request leads to.
#[derive(Debug)]
pub enum Answer {
    /// This, now.
    Now(Reply),
    /// Something, later.
    Later(Waiting),
    /// The end of the machine.
    Power(Power, Urgency),
    /// Another PID 1.
    HandOver(HandOver),
    /// Another program in PID 1's place.
    Upgrade(OsString),
}

impl Supervisor {
    /// Without any process yet.
    pub fn new(machine: bool, boot: Boot, now: Instant) -> Self {
        let mut table = Table::new(random::bits(), now);
        if boot.command.is_some() {
            table.run_once(now);
        }
        Self {
            table,
            voice: Voice::new(machine),
            watchdog: Watchdog::default(),
            handed: Vec::new(),
            launcher: Launcher::new(machine),
            boot,
            doorbell: None,
            boot_has_run: false,
            ending: false,
            logs_rest: None,
            groups: Groups::default(),
            helpers: Vec::new(),
            reloading: None,
            held: Vec::new(),
        }
    }

    /// The end of the doorbell of a boot role that was started since the last call.
    pub fn take_doorbell(&mut self) -> Option<OwnedFd> {
        self.doorbell.take()
    }

    /// Lets every new process go on: they are in the journal.
    pub fn release(&mut self) {
        let table = &self.table;
        self.held.retain(|&id| {
            let service = table.get(id);
            let pipe = service.and_then(|service| service.executed.as_ref());
            pipe.is_some_and(|pipe| !release(pipe.as_fd()))
        });
    }

    /// Whether one of them could not be told yet.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Lets those go on of which an earlier program may not have done so any more.
    pub fn release_all(&mut self) {
        self.held = self.table.all().iter().map(|service| service.id).collect();
        self.release();
    }

    /// From its next start on, the boot role says that this is rescue mode.
    pub fn boot_in_rescue(&mut self) {
        self.boot.extra.push(c"--rescue".to_owned());
    }

    /// Starts the boot role.
    pub fn start_boot(&mut self, now: Instant) {
        self.event(BOOT_ID, Event::Start, now);
    }

    /// Tells a machine what happened and carries out what it, and whoever depends on it, answers.
    pub fn event(&mut self, id: ServiceId, event: Event, now: Instant) {
        self.table.feed(id, event, now);
        self.carry_out(now);
    }

    /// Carries out what the machines ask for, until they ask for nothing.
    fn carry_out(&mut self, now: Instant) {
        while let Some(todo) = self.table.poll(now) {
            match todo {
                Todo::Changed(id, before) => self.report(id, before, now),
                Todo::Act(id, Action::Fork) => {
                    let event = self.fork(id, now);
                    self.table.feed(id, event, now);
                }
                Todo::Act(id, Action::Terminate(pid)) => {
                    let spec = self
                        .table
                        .get(id)
                        .and_then(|service| service.spec.as_deref());
                    let signal = spec.map_or(Signal::SIGTERM as u8, |spec| spec.stop_signal);
                    let _ = signal_group(pid, signal);
                    let _ = signal_group(pid, Signal::SIGCONT as u8);
                }
                Todo::Act(id, Action::Kill(pid)) => {
                    let _ = signal_group(pid, Signal::SIGKILL as u8);
                    let spec = self
                        .table
                        .get(id)
                        .and_then(|service| service.spec.as_deref());
                    spec.into_iter().for_each(groups::kill);
                }
            }
        }
    }

    /// Starts a service, and what it needs.
    pub(super) fn start_with_needs(&mut self, id: ServiceId, now: Instant) {
        for id in order::to_start(&self.table, id) {
            self.table.feed(id, Event::Start, now);
        }
        self.carry_out(now);
    }

    fn fork(&mut self, id: ServiceId, now: Instant) -> Event {
        let Some(service) = self.table.get_mut(id) else {
            return Event::ForkFailed(Errno::ESRCH);
        };
        if let Err(errno) = service.prepare(now) {
            return Event::ForkFailed(errno);
        }
        service.spec.iter().for_each(|spec| self.groups.enter(spec));
        let started = match (&service.spec, &self.boot.command) {
            (Some(spec), _) => {
                let address = service
                    .notify
                    .as_ref()
                    .map(|file| notify::address(file.as_fd()));
                self.launcher
                    .service(spec, service.given(spec, address.as_deref()))
            }
            (None, Some(command)) => self.launcher.command(command),
            (None, None) => {
                let started = self.launcher.boot(&self.boot, self.boot_has_run);
                started.map(|(started, doorbell)| {
                    self.doorbell = Some(doorbell);
                    started
                })
            }
        };
        match started {
            Err(errno) => Event::ForkFailed(errno),
            Ok(started) => {
                self.held.push(id);
                service.executed = Some(started.executed);
                service.ready = started.ready;
                Event::Forked(started.pid)
            }
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        self.tick_logs(now);
        self.groups.sweep(now);
        self.tick_readiness(now);
        for id in self.table.due(now) {
            self.table.feed(id, Event::Tick, now);
        }
        self.carry_out(now);
    }

    /// The pipe of the exec has something to say.
    pub fn hear_executed(&mut self, id: ServiceId, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        let Some(pipe) = &service.executed else {
            return;
        };
        let event = match read_executed(pipe.as_fd()) {
            Executed::NotYet => return,
            Executed::Yes => Event::Executed,
            Executed::No(errno) => Event::ExecFailed(errno),
            Executed::Not(step, errno) => Event::SetupFailed(step, errno),
        };
        service.executed = None;
        self.boot_has_run |= id == BOOT_ID && event == Event::Executed;
        self.event(id, event, now);
    }

    /// The pipe of the readiness has something to say.
    pub fn hear_ready(&mut self, id: ServiceId, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        if let Some(Ready::PidFile(_)) = service.spec.as_ref().map(|spec| &spec.ready) {
            return self.hear_pidfile(id, now);
        }
        let Some(ready) = service
            .ready
            .as_ref()
            .and_then(|pipe| read_ready(pipe.as_fd()))
        else {
            return;
        };
        service.ready = None;
        if ready {
            self.event(id, Event::Ready, now);
        }
    }

    /// A child has ended and is about to be reaped. `named` is asked whether there is time to look up the
    /// name of an orphan. True: it was one.
    pub fn ended(
        &mut self,
        pid: i32,
        exit: Exit,
        named: impl FnOnce() -> bool,
        now: Instant,
    ) -> bool {
        if let Some(at) = self.helpers.iter().position(|helper| *helper == pid) {
            self.helpers.swap_remove(at);
            return false;
        }
        let service = self.table.of_pid(pid);
        let name = match service {
            Some(service) => service.name().to_owned(),
            None if named() => orphan(pid),
            None => String::new(),
        };
        let (at, orphan) = (now, service.is_none());
        if let Some(id) = service.map(|service| service.id) {
            self.hear_executed(id, now);
            self.hear_ready(id, now);
            self.hear_notify(id, now);
            self.hear_last(id, now);
            if let Some(service) = self.table.get_mut(id) {
                service.executed = None;
                // Whoever takes over from a daemon's first process is still looked for.
                let forks = service.spec.as_deref().is_some_and(ServiceSpec::forks);
                service.ready = service.ready.take().filter(|_| forks);
                // Before it may be started again. A daemon that forked lives on in the group.
                let alone = service.spec.as_deref().filter(|spec| !spec.forks());
                alone.into_iter().for_each(groups::kill);
            }
            self.event(id, Event::Exited(exit), now);
            self.forget_pidfile(id);
            if let Some(service) = self.table.get_mut(id)
                && service.machine.pid().is_none()
                && let Some(spec) = &service.spec
            {
                self.groups.leave(spec, now);
            }
        }
        self.table.exits.push(Ended {
            pid,
            name,
            exit,
            at,
        });
        orphan
    }

    /// Tells every service to stop, within this time at most, and starts none any more.
    pub fn stop_services(&mut self, grace: Duration, now: Instant) {
        self.ending = true;
        let own = |spec: &ServiceSpec| spec.stop_timeout.min(grace);
        let services = self.table.services();
        let all: Vec<_> = services
            .map(|service| (service.id, service.spec.as_deref().map_or(grace, own)))
            .collect();
        for (id, grace) in all {
            self.table.feed(id, Event::Stop(grace), now);
        }
        self.carry_out(now);
    }

    /// Kills every service's processes, whatever state it is in.
    pub fn kill_all(&mut self, now: Instant) {
        self.ending = true;
        let all: Vec<_> = self.table.all().iter().map(|service| service.id).collect();
        for id in all {
            // Whoever depends on whom: nobody waits for anybody any more.
            for event in [Event::Stop(Duration::ZERO), Event::Go, Event::Tick] {
                self.table.feed(id, event, now);
            }
        }
        self.carry_out(now);
    }

    /// Whether the boot role has a process.
    pub fn boot_is_there(&self) -> bool {
        let boot = self.table.all().first();
        boot.is_some_and(|boot| boot.machine.pid().is_some())
    }

    /// Goes on after all, with a shell; services that were stopped stay so.
    pub fn go_on(&mut self, now: Instant) {
        self.ending = false;
        self.start_boot(now);
    }

    /// Begins anew after everything has stopped: no service, and the boot role with its script.
    pub fn start_over(&mut self, now: Instant) {
        self.table.forget_services();
        self.ending = false;
        self.boot_has_run = false;
        self.start_boot(now);
    }

    /// Tells the boot role to end: SIGHUP, because a shell ignores SIGTERM.
    pub fn stop_boot(&mut self, grace: Duration, now: Instant) {
        self.ending = true;
        let pid = self.table.all().first().and_then(|boot| boot.machine.pid());
        if let Some(pid) = pid {
            let _ = signal_group(pid, Signal::SIGHUP as u8);
        }
        self.event(BOOT_ID, Event::Stop(grace), now);
    }

    /// Answers a request, or begins what it asks for.
    pub fn request(&mut self, request: Request, now: Instant) -> Answer {
        match request {
            Request::Power(Power::Off(status @ 128..), _) => {
                let text = format!("status {status} is too high for a machine: 0 to 127");
                Answer::Now(refuse(&Failure::usage(text)))
            }
            Request::Power(power, urgency) => Answer::Power(power, urgency),
            Request::Upgrade(path) => Answer::Upgrade(path),
            Request::HandOver(order) => Answer::HandOver(order),
            Request::Crash(how) => Answer::Now(crash(&how)),
            Request::Log(name, from, limit) => self.request_log(name, from, limit, now),
            Request::Watchdog(request) => Answer::Now(self.watchdog.answer(request, now)),
            Request::List(after) => Answer::Now(self.list(&after)),
            Request::Show(name) => Answer::Now(self.show(&name)),
            Request::Exits => {
                let (list, lost) = self.table.exits.take(EXITS);
                let more = self.table.exits.has_unread();
                Answer::Now(Reply::Exits(list, lost, more))
            }
            Request::Spawn(spec) => self.request_spawn(spec, now),
            Request::Start(name, limit) => self.request_start(name, limit, now),
            Request::Restart(name, limit) => self.request_restart(name, limit, now),
            Request::Stop(name, grace, limit) => self.request_stop(name, grace, limit, now),
            Request::Signal(name, signal) => Answer::Now(self.request_signal(&name, signal)),
            Request::Redefine(spec) => Answer::Now(self.request_redefine(spec)),
            Request::Describe(name) => Answer::Now(self.request_describe(name)),
            Request::Wait(Target::Pid(pid), until, limit) => self.wait_pid(pid, until, limit, now),
            Request::Wait(Target::Name(name), until, limit) => match self.table.named(&name) {
                None => Answer::Now(unknown(&cut(name))),
                Some(_) => self.later(Target::Name(name), until, limit, now),
            },
        }
    }

    pub(super) fn later(
        &self,
        target: Target,
        until: Until,
        limit: Duration,
        now: Instant,
    ) -> Answer {
        Answer::Later(Waiting::new(target, until, Some(now + limit), &self.table))
    }

    fn wait_pid(&self, pid: i32, until: Until, limit: Duration, now: Instant) -> Answer {
        if pid > 1 && child::is_child(Pid::from_raw(pid)) {
            return self.later(Target::Pid(pid), until, limit, now);
        }
        Answer::Now(match self.table.exits.find(pid) {
            Some(ended) => Reply::Ended(ended.exit),
            None => {
                let why = "is not a child of PID 1, nor among the last that were";
                Reply::Refused(1, 0, format!("process {pid} {why}"))
            }
        })
    }

    pub(super) fn refuse_when_ending(&self) -> Result<(), Failure> {
        match self.ending {
            true => Err(Failure::new("the machine is being shut down")),
            false => Ok(()),
        }
    }
}

/// A refusal for a failure; its advice, if any, follows in a line of its own.
pub fn refuse(failure: &Failure) -> Reply {
    let mut words = failure.to_string();
    if let Some(hint) = failure.hint() {
        words.push('\n');
        words.push_str(hint);
    }
    Reply::Refused(failure.status(), 0, cut(words))
}

pub(super) fn cut(mut text: String) -> String {
    let mut end = text.len().min(WORDS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The program's name of a process that is not ours but has become our child.
fn orphan(pid: i32) -> String {
    let comm = read_file(format!("/proc/{pid}/comm").as_str(), 64).unwrap_or_default();
    match String::from_utf8_lossy(&comm).trim_end() {
        "" => String::new(),
        name => format!("({name})"),
    }
}

/// Signals a process group; the process alone where it has not made itself a group's leader yet.
pub(super) fn signal_group(pid: i32, number: u8) -> Result<(), Errno> {
    match kill_number(-pid, number) {
        // Only ever a child that is not reaped yet: the number is still its own.
        Err(Errno::ESRCH) => kill_number(pid, number),
        other => other,
    }
}
