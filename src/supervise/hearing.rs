//! What PID 1 hears from services while they run: their logs. Invariant: in each turn a bounded number of
//! bytes from each service, and from all together, whatever they write.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;

use super::log::Log;
use super::machine::is_shortage;
use super::protocol::Reply;
use super::readiness::Probe;
use super::spawn::Given;
use super::spec::ServiceSpec;
use super::supervisor::{Answer, Supervisor, cut, refuse};
use super::table::{Service, ServiceId};
use super::waits::{Waiting, unknown};
use crate::failure::Failure;
use crate::time::Instant;

/// For how long logs are left alone after each look at them: a pipe holds what comes meanwhile, and a
/// service that writes line by line wakes PID 1 a hundred times a second at most.
pub const REST: Duration = Duration::from_millis(10);

/// The most that is taken from one service in a turn, in pieces of 4 KiB: what a pipe holds.
const PIECES: usize = 16;

/// The most from all of them, where there are many.
const ALL_PIECES: usize = 128;

impl Service {
    /// Makes what its next process is going to be given. Errors: EMFILE, ENOMEM: try again later.
    pub fn prepare(&mut self, now: Instant) -> Result<(), Errno> {
        self.prepare_watch(now)?;
        self.prepare_log()
    }

    fn prepare_log(&mut self) -> Result<(), Errno> {
        let Some(spec) = &self.spec else {
            return Ok(());
        };
        if spec.setup.logs() && self.log.is_none() {
            self.log = match Log::new() {
                // A kernel that has no memfds: it writes on the console.
                Err(errno) if !is_shortage(errno) => None,
                log => Some(log?),
            };
        }
        Ok(())
    }

    /// When a helper for its log file is to be started.
    fn filing_due(&self) -> Option<Instant> {
        self.spec.as_ref()?.setup.log_file.as_ref()?;
        self.log.as_ref()?.helper_due()
    }

    /// What its next process is given besides its description.
    /// `notify`: the address of its socket.
    pub fn given<'a>(&'a self, spec: &ServiceSpec, notify: Option<&'a OsStr>) -> Given<'a> {
        let setup = &spec.setup;
        let log = self.log.as_ref();
        let before = match &self.probe {
            Some(Probe::PidFile(before, _)) => before.write.as_ref().map(AsFd::as_fd),
            _ => None,
        };
        Given {
            log: log.map(|log| log.output(setup.user, setup.group)),
            notify,
            before,
            kept: &self.kept,
            last: self.machine.last_exit(),
        }
    }
}

impl Supervisor {
    /// The logs to wait for now; none while they rest.
    pub fn logs(&self) -> impl Iterator<Item = (ServiceId, &Log)> {
        let all = match self.logs_rest {
            None => self.table.all(),
            Some(_) => &[],
        };
        all.iter()
            .filter_map(|service| Some((service.id, service.log.as_ref()?)))
    }

    /// These services have written something.
    pub fn hear_logs(&mut self, ids: &[ServiceId], now: Instant) {
        let pieces = (ALL_PIECES / ids.len().max(1)).clamp(1, PIECES);
        for &id in ids {
            self.hear_log(id, now, |log| {
                log.take(pieces);
            });
        }
        self.logs_rest = Some(now + REST);
    }

    /// When they have rested, or one of them needs a helper for its file.
    pub fn logs_deadline(&self) -> Option<Instant> {
        let helpers = self.table.all().iter().filter_map(Service::filing_due);
        helpers.chain(self.logs_rest).min()
    }

    /// Wakes the logs when they have rested, and starts the helpers that are due.
    pub(super) fn tick_logs(&mut self, now: Instant) {
        self.logs_rest = self.logs_rest.filter(|until| *until > now);
        let due = |service: &&Service| service.filing_due().is_some_and(|at| at <= now);
        let due: Vec<_> = self.table.all().iter().filter(due).map(|s| s.id).collect();
        for id in due {
            let Some(service) = self.table.get_mut(id) else {
                continue;
            };
            let file = service
                .spec
                .as_ref()
                .and_then(|spec| spec.setup.log_file.as_ref());
            if let (Some(log), Some(file)) = (&mut service.log, file) {
                let helper = log.start_helper(file, &self.voice, now);
                self.helpers.extend(helper);
            }
        }
    }

    /// A service's process has ended: what it has left in its pipe.
    pub(super) fn hear_last(&mut self, id: ServiceId, now: Instant) {
        self.hear_log(id, now, Log::take_last);
    }

    fn hear_log(&mut self, id: ServiceId, now: Instant, take: impl FnOnce(&mut Log)) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        let (Some(log), Some(spec)) = (&mut service.log, &service.spec) else {
            return;
        };
        let before = log.end();
        take(log);
        if spec.setup.log_file.is_some() && log.end() != before {
            log.file(now);
        }
    }

    pub(super) fn request_log(
        &mut self,
        name: String,
        from: u64,
        limit: Duration,
        now: Instant,
    ) -> Answer {
        let id = self.table.named(&name).map(|service| service.id);
        let Some(service) = id.and_then(|id| self.table.get_mut(id)) else {
            return Answer::Now(unknown(&cut(name)));
        };
        // One that waits for others has written nothing yet, but is going to.
        let _ = service.prepare_log();
        let Some(log) = &service.log else {
            let failure = Failure::new(format!(
                "service '{name}' has no log: start it with --stdout log --stderr log"
            ));
            return Answer::Now(refuse(&failure));
        };
        if log.end() == from && limit > Duration::ZERO {
            return Answer::Later(Waiting::for_log(name, from, Some(now + limit)));
        }
        Answer::Now(Reply::Log(log.chunk(from)))
    }
}
