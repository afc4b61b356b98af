//! What PID 1 waits for: every descriptor with what it is, and the one poll. Invariants: a wait is over
//! when its deadline is; where poll(2) itself fails, everything is looked at, slowly, rather than nothing.
//!
//! poll(2) costs by the number of descriptors (0.2 µs each on its way to sleep). Those that may be many
//! and whose news may lie for some milliseconds (logs, readiness) are left out of a busy loop's polls
//! for a while that is proportional to their number, so that thousands of them cost some percent at most.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use super::Init;
use super::container::Container;
use super::handover::HandingOver;
use super::upgrade::Upgrade;
use crate::supervise::server::{ClientId, Interest};
use crate::supervise::table::ServiceId;
use crate::sys::call::ppoll;
use crate::time::Instant;

/// The loop turns at least this often: a lost wake-up costs no more.
const SLOW_TICK: Duration = Duration::from_secs(5);

/// How soon it turns where signals cannot be heard.
const DEAF_TICK: Duration = Duration::from_millis(100);

/// How soon, where a new process could not be told to go on.
const HELD_TICK: Duration = Duration::from_millis(20);

/// How long each patient descriptor lets the others go first.
const PATIENCE: Duration = Duration::from_micros(5);

/// So few of them are always looked at.
const FEW: u32 = 64;

/// What a descriptor in the poll set is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Signals,
    Listener,
    Doorbell,
    Client(ClientId, Interest),
    Executed(ServiceId),
    Ready(ServiceId),
    Checked,
    Log(ServiceId),
    Notify(ServiceId),
}

impl Source {
    /// Whether there may be thousands of its kind, and what they say may lie for a few milliseconds.
    fn is_patient(self) -> bool {
        matches!(self, Self::Ready(_) | Self::Log(_) | Self::Notify(_))
    }
}

/// A poll set.
struct Watched<'a> {
    urgent_only: bool,
    patient: u32,
    sources: Vec<Source>,
    fds: Vec<PollFd<'a>>,
}

impl<'a> Watched<'a> {
    fn new(urgent_only: bool) -> Self {
        Self {
            urgent_only,
            patient: 0,
            sources: Vec::with_capacity(16),
            fds: Vec::with_capacity(16),
        }
    }

    fn push(&mut self, (source, fd, events): (Source, BorrowedFd<'a>, PollFlags)) {
        if source.is_patient() {
            if self.urgent_only {
                return;
            }
            self.patient += 1;
        }
        self.sources.push(source);
        self.fds.push(PollFd::new(fd, events));
    }

    /// Sleeps until something happens; what.
    fn wait(mut self, timeout: Duration) -> Vec<Source> {
        match ppoll(&mut self.fds, Some(timeout.into())) {
            Ok(0) => return Vec::new(),
            Ok(_) => {
                let mut index = self.fds.iter();
                let happened =
                    |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
                self.sources.retain(|_| index.next().is_some_and(happened));
            }
            // Out of memory or the like. Nothing that is read here waits, so all may be tried; that a
            // client has gone cannot be tried.
            Err(_) => {
                let hang_up =
                    |source: &Source| matches!(source, Source::Client(_, Interest::HangUp));
                self.sources.retain(|source| !hang_up(source));
            }
        }
        self.sources
    }
}

impl Init {
    /// Sleeps until something happens; what.
    pub(super) fn wait(&mut self, now: Instant) -> Vec<Source> {
        let deadline = self.deadline(now);
        let pause = self.patient_until.min(deadline).since(now);
        if !pause.is_zero() {
            let found = self.watched(true).wait(pause);
            if !found.is_empty() {
                return found;
            }
        }
        let all = self.watched(false);
        let pause = match all.patient {
            ..=FEW => Duration::ZERO,
            many => PATIENCE * many,
        };
        let found = all.wait(deadline.since(Instant::now()));
        self.patient_until = Instant::now() + pause;
        found
    }

    fn watched(&self, urgent_only: bool) -> Watched<'_> {
        let input = PollFlags::POLLIN;
        let mut all = Watched::new(urgent_only);
        let server = &self.server;
        if let Some(signals) = &self.signals {
            all.push((Source::Signals, signals.as_fd(), input));
        }
        if let Some(socket) = server.listener.socket() {
            all.push((Source::Listener, socket, input));
        }
        if let Some(doorbell) = server.doorbell() {
            all.push((Source::Doorbell, doorbell, input));
        }
        for (id, fd, interest) in server.interests() {
            let events = match interest {
                Interest::Read => input,
                Interest::Write => PollFlags::POLLOUT,
                Interest::HangUp => PollFlags::empty(),
            };
            all.push((Source::Client(id, interest), fd, events));
        }
        for service in self.supervisor.table.all() {
            if let Some(pipe) = &service.executed {
                all.push((Source::Executed(service.id), pipe.as_fd(), input));
            }
            if let Some(pipe) = &service.ready {
                all.push((Source::Ready(service.id), pipe.as_fd(), input));
            }
        }
        if let Some(pipe) = self.hand_over.as_ref().and_then(HandingOver::pipe) {
            all.push((Source::Checked, pipe, input));
        }
        for (id, socket) in self.supervisor.notifies() {
            all.push((Source::Notify(id), socket.as_fd(), input));
        }
        for (id, log) in self.supervisor.logs() {
            all.push((Source::Log(id), log.source(), input));
        }
        all
    }

    fn deadline(&self, now: Instant) -> Instant {
        if self.more_to_reap {
            return now;
        }
        let tick = match self.signals {
            _ if self.supervisor.is_holding() => HELD_TICK,
            Some(_) => SLOW_TICK,
            None => DEAF_TICK,
        };
        let deadlines = [
            Some(now + tick),
            Some(self.server.listener.deadline()),
            self.server.deadline(),
            self.supervisor.table.deadline(),
            self.supervisor.logs_deadline(),
            self.shutdown.deadline(),
            self.container.as_ref().and_then(Container::deadline),
            self.supervisor.watchdog.deadline(),
            self.hand_over.as_ref().map(HandingOver::deadline),
            self.upgrade.as_ref().map(Upgrade::deadline),
        ];
        deadlines.into_iter().flatten().min().unwrap_or(now)
    }
}
