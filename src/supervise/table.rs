//! Every service and its process. Invariant: a process that PID 1 forked is in here from the turn that
//! forked it until it is reaped, so no exit is taken for an orphan's.

mod kept;

use std::os::fd::OwnedFd;

use self::kept::Mark;
pub(super) use self::kept::keep_good;
use super::exits::Exits;
use super::log::Log;
use super::machine::{Machine, Policy, Reason, State};
use super::protocol::ServiceInfo;
use super::readiness::{Beat, Probe};
use super::spec::{BOOT, ServiceSpec};
use crate::failure::Failure;
use crate::time::Instant;

/// How many services there may be; those that have ended make room for new ones.
pub const SERVICES: usize = 512;

/// A service's number; never used twice.
pub type ServiceId = u32;

/// One service, or the boot role.
#[derive(Debug)]
pub struct Service {
    /// Its number.
    pub id: ServiceId,
    /// What it is; `None` for the boot role.
    pub spec: Option<ServiceSpec>,
    /// How it stands.
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
    /// Descriptors that came with the request (`--keep-fds`), and the numbers that each of its
    /// processes gets them under.
    pub kept: Vec<(i32, OwnedFd)>,
    /// How much of it the journal has.
    pub mark: Mark,
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.as_ref().map_or(BOOT, |spec| &spec.name)
    }

    /// Why it is in its state, in words, with what it said itself while it is there.
    pub fn reason(&self) -> String {
        let words = self.machine_reason();
        match (self.machine.state(), &self.said, self.stranger) {
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
            (Reason::CannotSetUp(step, errno), Some(spec)) => {
                Failure::errno(step.words(spec), errno).to_string()
            }
            (reason, _) => reason.to_string(),
        }
    }

    /// How it stands, for a client.
    pub fn status(&self) -> ServiceInfo {
        let machine = &self.machine;
        ServiceInfo {
            name: self.name().to_owned(),
            state: machine.state().name().to_owned(),
            reason: self.reason(),
            pid: machine.pid(),
            exit: machine.last_exit(),
            starts: machine.counts().0,
            since: machine.since(),
            needs: self
                .spec
                .as_ref()
                .map(|spec| spec.needs.clone())
                .unwrap_or_default(),
            after: self
                .spec
                .as_ref()
                .map(|spec| spec.after.clone())
                .unwrap_or_default(),
            critical: self.spec.as_ref().is_some_and(|spec| spec.critical),
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
    /// Those that the journal still has.
    gone: Vec<ServiceId>,
}

/// The boot role's number.
pub const BOOT_ID: ServiceId = 0;

impl Table {
    /// Only the boot role.
    pub fn new(now: Instant) -> Self {
        Self {
            services: vec![Service {
                id: BOOT_ID,
                spec: None,
                machine: Machine::new(Policy::BOOT, 0, now),
                executed: None,
                ready: None,
                log: None,
                notify: None,
                probe: None,
                beat: None,
                said: None,
                stranger: None,
                kept: Vec::new(),
                mark: Mark::default(),
            }],
            exits: Exits::default(),
            next: BOOT_ID + 1,
            gone: Vec::new(),
        }
    }

    /// Makes the first child one that runs once (container mode).
    pub fn run_once(&mut self, now: Instant) {
        if let Some(main) = self.services.first_mut() {
            main.machine = Machine::new(Policy::COMMAND, 0, now);
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
        let service = self.services.iter_mut().find(|service| service.id == id)?;
        service.mark.touch();
        Some(service)
    }

    /// A service by name.
    pub fn named(&self, name: &str) -> Option<&Service> {
        self.services().find(|service| service.name() == name)
    }

    /// The service, or the boot role, whose process this is.
    pub fn of_pid(&self, pid: i32) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.machine.pid() == Some(pid))
    }

    /// Adds a service in the place of one of that name that has ended.
    ///
    /// Errors: that one is still alive; there are too many.
    pub fn add(&mut self, spec: ServiceSpec, now: Instant) -> Result<ServiceId, Failure> {
        let mut log = None;
        if let Some(before) = self.named(&spec.name) {
            if !before.machine.state().is_settled() {
                return Err(taken(before));
            }
            let id = before.id;
            // Whoever follows its log goes on with that of the new one.
            log = self.forget(id).and_then(|before| before.log);
        }
        self.make_room()?;
        let id = self.next;
        self.next = self.next.wrapping_add(1).max(BOOT_ID + 1);
        let policy = Policy::of(&spec);
        let logs = spec.setup.logs();
        self.services.push(Service {
            id,
            spec: Some(spec),
            machine: Machine::new(policy, u64::from(id), now),
            executed: None,
            ready: None,
            log: log.filter(|_| logs),
            notify: None,
            probe: None,
            beat: None,
            said: None,
            stranger: None,
            kept: Vec::new(),
            mark: Mark::default(),
        });
        Ok(id)
    }

    /// Forgets every service; the boot role stays.
    pub fn forget_services(&mut self) {
        self.services.retain(|service| service.spec.is_none());
    }

    fn make_room(&mut self) -> Result<(), Failure> {
        if self.services.len() <= SERVICES {
            return Ok(());
        }
        let ended = self.services().filter(|s| s.machine.state().is_settled());
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
        let machine = &mut table.get_mut(id).unwrap().machine;
        machine.step(Event::Start, Instant::BOOT);
        machine.step(Event::Go, Instant::BOOT);
        machine.step(Event::Forked(pid), Instant::BOOT);
    }

    #[test]
    fn a_live_name_is_taken_and_an_ended_one_replaced() {
        let mut table = Table::new(Instant::BOOT);
        let id = table.add(spec("web"), Instant::BOOT).unwrap();
        start(&mut table, id, 7);
        let error = table.add(spec("web"), Instant::BOOT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "service 'web' is already Starting (pid 7)"
        );
        assert_eq!(table.of_pid(7).unwrap().id, id);
        let machine = &mut table.get_mut(id).unwrap().machine;
        machine.step(Event::Exited(Exit::Code(0)), Instant::BOOT);
        let again = table.add(spec("web"), Instant::BOOT).unwrap();
        assert_ne!(id, again);
        assert_eq!(table.services().count(), 1);
    }

    #[test]
    fn the_number_of_services_is_bounded() {
        let mut table = Table::new(Instant::BOOT);
        for n in 0..SERVICES {
            let id = table.add(spec(&format!("s{n}")), Instant::BOOT).unwrap();
            start(&mut table, id, 100 + i32::try_from(n).unwrap());
        }
        assert!(table.add(spec("more"), Instant::BOOT).is_err());
        let machine = &mut table.get_mut(5).unwrap().machine;
        machine.step(Event::Exited(Exit::Code(0)), Instant::BOOT);
        assert!(table.add(spec("more"), Instant::BOOT).is_ok());
        assert!(table.named("s4").is_none());
        assert_eq!(table.services().count(), SERVICES);
    }
}
