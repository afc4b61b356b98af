//! Every service and its process. Invariants: a process that PID 1 forked is in here from the turn that
//! forked it until it is reaped, so no exit is taken for an orphan's; a machine is only stepped by
//! [`Table::feed`], so that the indices agree with it.

mod index;
mod kept;

use std::cell::Cell;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use self::index::Index;
use self::kept::Mark;
pub(super) use self::kept::keep_good;
use super::exits::Exits;
use super::flow::Flow;
use super::log::Log;
use super::machine::{Machine, Policy, Reason, State};
use super::order;
use super::protocol::ServiceInfo;
use super::readiness::{Beat, Probe};
use super::report::Lines;
use super::spec::{BOOT, Program, Ready, ServiceSpec};
use crate::failure::Failure;
use crate::time::Instant;

/// How many services there may be; those that have ended make room for new ones.
pub const SERVICES: usize = 4096;

/// A service's number; never used twice.
pub type ServiceId = u32;

/// One service, or the boot role.
#[derive(Debug)]
pub struct Service {
    /// Its number.
    pub id: ServiceId,
    /// What it is; `None` for the boot role.
    pub spec: Option<Box<ServiceSpec>>,
    /// What it is from its next start on, where that was changed.
    pub next: Option<Box<ServiceSpec>>,
    /// How it stands; stepped by [`Table::feed`] only.
    pub machine: Machine,
    /// Tells whether its program was executed.
    pub executed: Option<OwnedFd>,
    /// Tells when it is ready.
    pub ready: Option<OwnedFd>,
    /// What it has written, where it writes into a log.
    pub log: Option<Log>,
    /// The socket on which its processes say how they are.
    pub notify: Option<OwnedFd>,
    /// What PID 1 does to find out whether it is ready.
    pub probe: Option<Probe>,
    /// The sign of life that it owes.
    pub beat: Option<Beat>,
    /// What they said last (`STATUS=`).
    pub said: Option<Box<str>>,
    /// A process that is none of its own and said that it is ready.
    pub stranger: Option<i32>,
    /// Whether `probe` and `beat` are as its state wants them: not so in a new program of PID 1.
    pub watched: bool,
    /// Descriptors that came with the request (`--keep-fds`), and the numbers that each of its
    /// processes gets them under.
    pub kept: Vec<(i32, OwnedFd)>,
    /// What was said of it on the console of late.
    pub lines: Lines,
    /// How much of it the journal has.
    pub mark: Mark,
    /// The service that was found last to keep this one from its end: where to look first. 0: none yet.
    pub(super) successor: Cell<ServiceId>,
}

impl Service {
    fn new(id: ServiceId, spec: Option<Box<ServiceSpec>>, machine: Machine) -> Self {
        Self {
            id,
            spec,
            next: None,
            machine,
            executed: None,
            ready: None,
            log: None,
            notify: None,
            said: None,
            probe: None,
            beat: None,
            stranger: None,
            watched: true,
            kept: Vec::new(),
            lines: Lines::default(),
            mark: Mark::default(),
            successor: Cell::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.as_ref().map_or(BOOT, |spec| &spec.name)
    }

    /// Why it is in its state, in words, with what it said itself while it is there.
    pub fn reason(&self) -> String {
        let words = self.machine_reason();
        let promise = self.spec.as_ref().map(|spec| &spec.ready);
        match (self.machine.state(), &self.said, self.stranger) {
            (
                State::Starting {
                    executed: false, ..
                },
                ..,
            ) if self.machine.pid().is_some() => "waits for its files or its program".to_owned(),
            (State::Starting { .. }, ..)
                if promise == Some(&Ready::Descriptor) && self.ready.is_none() =>
            {
                format!("{words}: it has closed its descriptor without a newline")
            }
            (State::Starting { .. }, None, Some(pid)) => {
                format!("{words}: READY=1 came from process {pid}, which is none of its own")
            }
            (State::Running, Some(said), _) => said.to_string(),
            (State::Starting { .. } | State::Stopping { .. }, Some(said), _) => {
                format!("{words}: {said}")
            }
            _ => words,
        }
    }

    fn machine_reason(&self) -> String {
        match (self.machine.reason(), &self.spec) {
            (Reason::Need(place, loss), Some(spec)) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                let name = spec.needs.get(place).map_or("a service", String::as_str);
                format!("it needs {name}, which {loss}")
            }
            (Reason::CannotExecute(errno), Some(spec)) => cannot_execute(spec, errno),
            (Reason::CannotSetUp(step, errno), Some(spec)) => {
                Failure::errno(step.words(spec), errno).to_string()
            }
            (reason, _) => reason.to_string(),
        }
    }

    /// How it stands, for a client; `waits`: for whom it waits, in words.
    fn status(&self, waits: Option<String>) -> ServiceInfo {
        let machine = &self.machine;
        let spec = self.spec.as_ref();
        ServiceInfo {
            name: self.name().to_owned(),
            state: machine.state().name().to_owned(),
            ready: machine.is_ready(),
            reason: waits.unwrap_or_else(|| self.reason()),
            pid: machine.pid(),
            exit: machine.last_exit(),
            starts: machine.counts().0,
            since: machine.since(),
            needs: spec.map(|spec| spec.needs.clone()).unwrap_or_default(),
            after: spec.map(|spec| spec.after.clone()).unwrap_or_default(),
            critical: spec.is_some_and(|spec| spec.critical),
        }
    }
}

/// Every service, the boot role first, and the record of exits.
#[derive(Debug)]
pub struct Table {
    services: Vec<Service>,
    /// The processes that have ended.
    pub exits: Exits,
    /// The number of the next service.
    pub next: ServiceId,
    /// Those that may have changed since the journal was written.
    touched: Vec<ServiceId>,
    /// Those that the journal still has.
    gone: Vec<ServiceId>,
    /// Mixed into what each service's jitter is taken from.
    seed: u64,
    index: Index,
    pub(super) flow: Flow,
}

/// The boot role's number.
pub const BOOT_ID: ServiceId = 0;

impl Table {
    /// Only the boot role. `seed`: bits that differ from one machine to the next.
    pub fn new(seed: u64, now: Instant) -> Self {
        let boot = Machine::new(Policy::BOOT, seed, now);
        Self {
            services: vec![Service::new(BOOT_ID, None, boot)],
            exits: Exits::default(),
            next: BOOT_ID + 1,
            touched: vec![BOOT_ID],
            gone: Vec::new(),
            seed,
            index: Index::default(),
            flow: Flow::default(),
        }
    }

    /// Makes the first child one that runs once (container mode).
    pub fn run_once(&mut self, now: Instant) {
        if let Some(main) = self.services.first_mut() {
            main.machine = Machine::new(Policy::COMMAND, self.seed, now);
        }
    }

    /// Everything in it, the boot role first.
    pub fn all(&self) -> &[Service] {
        &self.services
    }

    /// The services proper.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(|service| service.spec.is_some())
    }

    /// A service by number.
    pub fn get_mut(&mut self, id: ServiceId) -> Option<&mut Service> {
        let place = self.place(id)?;
        let service = self.services.get_mut(place)?;
        if service.mark.touch() {
            self.touched.push(id);
        }
        Some(service)
    }

    /// How a service stands, for a client.
    pub fn status(&self, service: &Service) -> ServiceInfo {
        service.status(order::waits(self, service))
    }

    /// Adds a service in the place of one of that name that has ended.
    ///
    /// Errors: that one is still alive; it needs a service that is not there; services would wait for
    /// each other; there are too many.
    pub fn add(
        &mut self,
        spec: impl Into<Box<ServiceSpec>>,
        now: Instant,
    ) -> Result<ServiceId, Failure> {
        let spec = spec.into();
        let before = self.named(&spec.name);
        if let Some(live) = before.filter(|one| !one.machine.state().is_settled()) {
            return Err(taken(live));
        }
        let before = before.map(|service| service.id);
        order::check(self, &spec)?;
        if before.is_none() {
            self.make_room(&spec)?;
        }
        // Whoever follows its log goes on with that of the new one.
        let log = before.and_then(|id| self.forget(id)?.log);
        let id = self.next;
        self.next = self.next.saturating_add(1);
        let machine = Machine::new(Policy::of(&spec), self.seed ^ u64::from(id), now);
        let log = log.filter(|_| spec.setup.logs());
        self.services.push(Service {
            log,
            ..Service::new(id, Some(spec), machine)
        });
        self.touched.push(id);
        self.index(id);
        Ok(id)
    }

    /// Has a service follow another description from its next start on.
    ///
    /// Errors: there is no service of that name; it needs one that is not there; services would wait for
    /// each other.
    pub fn redefine(&mut self, spec: Box<ServiceSpec>) -> Result<ServiceId, Failure> {
        let Some(service) = self.named(&spec.name) else {
            let name = &spec.name;
            return Err(Failure::new(format!("there is no service '{name}'")));
        };
        let id = service.id;
        order::check(self, &spec)?;
        if let Some(service) = self.get_mut(id) {
            service.next = Some(spec);
        }
        self.take_next(id);
        Ok(id)
    }

    /// Puts a changed description into force, if the service is between two starts.
    pub(super) fn take_next(&mut self, id: ServiceId) {
        let between = |service: &&Service| {
            let machine = &service.machine;
            let state = machine.state();
            // A oneshot has done what it was started as.
            let rests = state.is_settled() && !machine.is_ready();
            service.next.is_some() && (rests || matches!(state, State::Pending { .. }))
        };
        if self.get(id).filter(between).is_none() {
            return;
        }
        self.unindex(id);
        if let Some(service) = self.get_mut(id)
            && let Some(next) = service.next.take()
        {
            service.machine.set_policy(Policy::of(&next));
            service.spec = Some(next);
            service.mark.touch_spec();
        }
        self.index(id);
    }

    /// Has a service keep these descriptors for its processes.
    pub fn keep(&mut self, id: ServiceId, kept: Vec<(i32, OwnedFd)>) -> ServiceId {
        if let Some(service) = self.get_mut(id) {
            service.kept = kept;
        }
        id
    }

    /// Forgets every service; the boot role stays.
    pub fn forget_services(&mut self) {
        let all: Vec<_> = self.services().map(|service| service.id).collect();
        for id in all {
            self.forget(id);
        }
    }

    /// Forgets the service that has been at rest for longest and that nobody else names.
    fn make_room(&mut self, spec: &ServiceSpec) -> Result<(), Failure> {
        if self.services.len() <= SERVICES {
            return Ok(());
        }
        let is_free = |service: &&Service| {
            let name = &service.spec.as_ref().map_or(BOOT, |spec| &spec.name);
            service.machine.state().is_settled()
                && !self.index.is_named(name)
                && !spec.needs.iter().any(|need| need == name)
        };
        let ended = self.services().filter(is_free);
        let oldest = ended.min_by_key(|service| service.machine.since());
        let Some(id) = oldest.map(|service| service.id) else {
            return Err(Failure::new(format!(
                "there are {SERVICES} services already"
            )));
        };
        self.forget(id);
        Ok(())
    }

    /// Whether no service has a process or is going to have one.
    pub fn is_quiet(&self) -> bool {
        self.services().all(|s| s.machine.state().is_settled())
    }

    /// When the next service is due for a tick.
    pub fn deadline(&self) -> Option<Instant> {
        let machines = self.services.iter().filter_map(|s| s.machine.deadline());
        let watches = self.services.iter().filter_map(Service::watch_deadline);
        machines.chain(watches).min()
    }

    /// Whose tick is due.
    pub fn due(&self, now: Instant) -> Vec<ServiceId> {
        let due = |service: &&Service| service.machine.deadline().is_some_and(|at| at <= now);
        self.services.iter().filter(due).map(|s| s.id).collect()
    }
}

fn taken(service: &Service) -> Failure {
    let state = service.machine.state();
    let pid = match service.machine.pid() {
        Some(pid) => format!(" (pid {pid})"),
        None => String::new(),
    };
    let what = match state {
        State::Stopping { .. } => "is still",
        _ => "is already",
    };
    Failure::new(format!(
        "service '{}' {what} {}{pid}",
        service.name(),
        state.name()
    ))
}

/// `cannot execute PATH: ENOENT (…)`, and what that means where it is not the path that is wrong.
fn cannot_execute(spec: &ServiceSpec, errno: Errno) -> String {
    let Program::Path(path) = &spec.program else {
        return Reason::CannotExecute(errno).to_string();
    };
    let doing = format!("cannot execute {}", path.to_string_lossy());
    let advice = match errno {
        Errno::ENOENT => "; it, its loader or the program after '#!' is missing",
        Errno::ENOEXEC => "; a script without '#!', or for another processor",
        _ => "",
    };
    format!("{}{advice}", Failure::errno(doing, errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::machine::Event;
    use crate::supervise::spec::Program;
    use crate::sys::child::Exit;

    fn spec(name: &str) -> ServiceSpec {
        ServiceSpec::new(name, Program::Own, vec![name.into()])
    }

    fn start(table: &mut Table, id: ServiceId, pid: i32) {
        for event in [Event::Start, Event::Go, Event::Forked(pid)] {
            table.feed(id, event, Instant::BOOT);
        }
    }

    #[test]
    fn a_live_name_is_taken_and_an_ended_one_replaced() {
        let mut table = Table::new(0, Instant::BOOT);
        let id = table.add(spec("web"), Instant::BOOT).unwrap();
        start(&mut table, id, 7);
        let error = table.add(spec("web"), Instant::BOOT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "service 'web' is already Starting (pid 7)"
        );
        assert_eq!(table.of_pid(7).unwrap().id, id);
        table.feed(id, Event::Exited(Exit::Code(0)), Instant::BOOT);
        assert!(table.of_pid(7).is_none());
        let again = table.add(spec("web"), Instant::BOOT).unwrap();
        assert_ne!(id, again);
        assert_eq!(table.services().count(), 1);
    }

    #[test]
    fn the_number_of_services_is_bounded() {
        let mut table = Table::new(0, Instant::BOOT);
        for n in 0..SERVICES {
            let id = table.add(spec(&format!("s{n}")), Instant::BOOT).unwrap();
            start(&mut table, id, 100 + i32::try_from(n).unwrap());
        }
        assert!(table.add(spec("more"), Instant::BOOT).is_err());
        table.feed(5, Event::Exited(Exit::Code(0)), Instant::BOOT);
        assert!(table.add(spec("more"), Instant::BOOT).is_ok());
        assert!(table.named("s4").is_none());
        assert_eq!(table.services().count(), SERVICES);
    }
}
