//! What clients ask of services: start, stop, restart, signal, another description. Invariant: what
//! cannot be done is refused with the service's name, its state and the reason, and changes nothing.

use std::time::Duration;

use super::descriptors;
use super::machine::Event;
use super::order;
use super::protocol::{LIST_FULL, Reply, Target, Until};
use super::spec::{ServiceSpec, check_name};
use super::supervisor::{Answer, EXECUTED, Supervisor, cut, refuse, signal_group};
use super::table::{Service, ServiceId};
use super::waits::unknown;
use crate::failure::Failure;
use crate::sys::fault;
use crate::time::Instant;

impl Supervisor {
    /// A new service, which is started.
    pub(super) fn request_spawn(&mut self, spec: Box<ServiceSpec>, now: Instant) -> Answer {
        let name = spec.name.clone();
        let kept = descriptors::under(&spec.setup.keep_fds, std::mem::take(&mut self.handed));
        let added = check_name(&name)
            .and_then(|()| self.refuse_when_ending())
            .and(kept)
            .and_then(|kept| Ok((self.table.add(spec, now)?, kept)))
            .map(|(id, kept)| self.table.keep(id, kept));
        match added {
            Err(failure) => Answer::Now(refuse(&failure)),
            Ok(id) => {
                self.start_with_needs(id, now);
                self.later(Target::Name(name), Until::Executed, EXECUTED, now)
            }
        }
    }

    /// Starts a service and what it needs.
    pub(super) fn request_start(&mut self, name: String, limit: Duration, now: Instant) -> Answer {
        match self
            .found(&name)
            .and_then(|id| self.refuse_when_ending().map(|()| id))
        {
            Err(failure) => Answer::Now(refuse(&failure)),
            Ok(id) => {
                self.start_with_needs(id, now);
                self.later(Target::Name(name), Until::Executed, limit, now)
            }
        }
    }

    /// Stops a service, and first those that need it; starts it again, and with it those.
    pub(super) fn request_restart(
        &mut self,
        name: String,
        limit: Duration,
        now: Instant,
    ) -> Answer {
        match self
            .found(&name)
            .and_then(|id| self.refuse_when_ending().map(|()| id))
        {
            Err(failure) => Answer::Now(refuse(&failure)),
            Ok(id) => {
                let event = Event::Restart(self.stop_timeout(id));
                self.table.feed(id, event, now);
                self.start_with_needs(id, now);
                self.later(Target::Name(name), Until::Executed, limit, now)
            }
        }
    }

    /// Stops a service, and first those that need it. Without `grace`, each has the time that its
    /// description gives it.
    pub(super) fn request_stop(
        &mut self,
        name: String,
        grace: Option<Duration>,
        limit: Duration,
        now: Instant,
    ) -> Answer {
        match self.found(&name) {
            Err(_) => Answer::Now(unknown(&cut(name))),
            Ok(id) => {
                let grace = grace.unwrap_or_else(|| self.stop_timeout(id));
                self.event(id, Event::Stop(grace), now);
                self.later(Target::Name(name), Until::Stopped, limit, now)
            }
        }
    }

    /// Sends a service's process group a signal.
    pub(super) fn request_signal(&mut self, name: &str, signal: u8) -> Reply {
        let found = self.table.named(name);
        let sent = match found.map(|service| (service, service.machine.pid())) {
            None => return unknown(&cut(name.to_owned())),
            Some((service, None)) => Err(Failure::new(format!(
                "service '{name}' has no process: {}",
                self.standing(service)
            ))),
            Some((_, Some(_))) if !(1..=64).contains(&signal) => {
                Err(Failure::new(format!("there is no signal {signal}")))
            }
            Some((_, Some(pid))) => signal_group(pid, signal).map_err(|errno| {
                Failure::errno(format!("send signal {signal} to '{name}'"), errno)
            }),
        };
        match sent {
            Ok(()) => Reply::Done,
            Err(failure) => refuse(&failure),
        }
    }

    /// Another description for a service, from its next start on.
    pub(super) fn request_redefine(&mut self, spec: Box<ServiceSpec>) -> Reply {
        match self.table.redefine(spec) {
            Ok(_) => Reply::Done,
            Err(failure) => refuse(&failure),
        }
    }

    /// Has a child read service files again; one that is still at it begins anew.
    pub fn read_files_again(&mut self) {
        if let Some(pid) = self.reloading.filter(|pid| self.helpers.contains(pid)) {
            let _ = signal_group(pid, nix::libc::SIGKILL as u8);
        }
        self.reloading = None;
        match self.launcher.reload() {
            Ok(pid) => {
                self.helpers.push(pid);
                self.reloading = Some(pid);
            }
            Err(errno) => {
                let failure = Failure::errno("cannot read service files again", errno);
                self.voice.say(format_args!("{failure}"));
            }
        }
    }

    /// The description that a service has from its next start on.
    pub(super) fn request_describe(&self, name: String) -> Reply {
        let service = self.table.named(&name);
        let spec = service.and_then(|one| one.next.as_ref().or(one.spec.as_ref()));
        match spec {
            Some(spec) => Reply::Described(spec.clone()),
            None => unknown(&cut(name)),
        }
    }

    /// The services whose names come after this one, as many as fit a reply.
    pub(super) fn list(&self, after: &str) -> Reply {
        self.page(&mut self.table.after(after))
    }

    /// A service and those that stop with it, as many as fit a reply.
    pub(super) fn show(&self, name: &str) -> Reply {
        let found = self.table.named(name);
        let all = found.map(|service| order::stopping_with(&self.table, service));
        self.page(&mut all.unwrap_or_default().into_iter())
    }

    fn page(&self, services: &mut dyn Iterator<Item = &Service>) -> Reply {
        let mut list = Vec::new();
        let mut size = 0;
        while size <= LIST_FULL
            && let Some(service) = services.next()
        {
            let status = self.table.status(service);
            let names = status.needs.iter().chain(&status.after);
            size += names.map(|name| name.len() + 4).sum::<usize>();
            size += status.name.len() + status.reason.len() + 64;
            list.push(status);
        }
        let more = services.next().is_some();
        Reply::Services(list, more)
    }

    /// `Backoff (exit 1)`
    fn standing(&self, service: &Service) -> String {
        let status = self.table.status(service);
        match status.reason.as_str() {
            "" => status.state,
            reason => format!("{} ({reason})", status.state),
        }
    }

    fn found(&self, name: &str) -> Result<ServiceId, Failure> {
        let found = self.table.named(name).map(|service| service.id);
        found.ok_or_else(|| Failure::new(format!("there is no service '{name}'")))
    }

    fn stop_timeout(&self, id: ServiceId) -> Duration {
        let spec = self.table.get(id).and_then(|service| service.spec.as_ref());
        spec.map_or(Duration::ZERO, |spec| spec.stop_timeout)
    }
}

/// Fails as it is told to, in a debug build.
pub(super) fn crash(how: &str) -> Reply {
    match fault::answer(how) {
        Some(Ok(())) => return Reply::Done,
        Some(Err(text)) => return refuse(&Failure::new(text)),
        None => {}
    }
    #[cfg(debug_assertions)]
    crate::sys::crash_test::crash(how);
    let text = match cfg!(debug_assertions) {
        true => format!("'{how}' is no way to crash"),
        false => "only a debug build crashes when it is told to".to_owned(),
    };
    refuse(&Failure::new(text))
}
