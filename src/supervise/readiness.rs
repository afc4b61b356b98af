//! How PID 1 finds out that a service is ready, and that it still is: what it says ([`notify`]), its pid
//! file ([`pidfile`]), its port ([`tcp`]). Invariants: nothing here waits; nobody but a service's own
//! processes is believed.

pub mod notify;
pub mod pidfile;
pub mod tcp;

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use self::notify::{Word, every, words};
use self::pidfile::Before;
use self::tcp::Attempts;
use super::hearing::REST;
use super::machine::{Event, State};
use super::spec::{Ready, ServiceSpec, WATCHDOG_USEC};
use super::supervisor::{Supervisor, signal_group};
use super::table::{Service, ServiceId};
use crate::sys::call::getsid;
use crate::sys::child;
use crate::sys::notify::receive;
use crate::time::Instant;

/// How many datagrams are read from a service in a turn.
const DATAGRAMS: usize = 16;

/// The pause before a helper that could not be started, or has ended, is started again.
const HELPER_AGAIN: Duration = Duration::from_secs(1);

/// What PID 1 does by itself to find out whether a service is ready.
#[derive(Debug)]
pub enum Probe {
    /// It tries a port.
    Tcp(Attempts),
    /// It starts the helper that looks at the pid file, at this time.
    PidFile(Before, Instant),
}

/// The sign of life that a service owes (`WATCHDOG=1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    every: Duration,
    due: Instant,
    /// It did not come, and the service was asked to dump core.
    late: bool,
}

impl Beat {
    /// The first one is due after the time that the service's environment says, if it says one.
    pub fn of(spec: &ServiceSpec, now: Instant) -> Option<Self> {
        let mut env = spec.env.iter();
        let (_, value) = env.find(|(name, _)| name == WATCHDOG_USEC)?;
        let every = every(value.as_encoded_bytes())?;
        (spec.ready == Ready::Notify).then_some(Self {
            every,
            due: now + every,
            late: false,
        })
    }
}

impl Service {
    /// When there is something to do besides what its machine waits for.
    pub fn watch_deadline(&self) -> Option<Instant> {
        let again = (!self.watched).then_some(Instant::BOOT);
        let probe = self.probe.as_ref().map(|probe| match probe {
            Probe::Tcp(attempts) => attempts.deadline(),
            Probe::PidFile(_, at) => *at,
        });
        let beat = self.beat.map(|beat| beat.due);
        again.into_iter().chain(probe).chain(beat).min()
    }

    /// What its next process needs for its readiness. Errors: EMFILE, ENOMEM.
    pub(super) fn prepare_watch(&mut self, now: Instant) -> Result<(), Errno> {
        let Some(spec) = &self.spec else {
            return Ok(());
        };
        (self.said, self.stranger) = (None, None);
        (self.beat, self.notify, self.probe) = (None, None, None);
        match &spec.ready {
            Ready::Notify => self.notify = Some(crate::sys::notify::open()?),
            Ready::PidFile(_) => self.probe = Some(Probe::PidFile(Before::new()?, now)),
            Ready::Tcp(port) => self.probe = Some(Probe::Tcp(Attempts::new(*port, now))),
            Ready::Exec | Ready::Descriptor | Ready::After(_) => {}
        }
        Ok(())
    }

    /// Makes anew what a new program of PID 1 did not inherit: everything here but descriptors.
    fn watch_again(&mut self, now: Instant) {
        self.watched = true;
        let Some(spec) = &self.spec else {
            return;
        };
        match (self.machine.state(), &spec.ready) {
            (State::Starting { .. }, Ready::Tcp(port)) => {
                self.probe = Some(Probe::Tcp(Attempts::new(*port, now)));
            }
            (State::Starting { .. }, Ready::PidFile(_)) if self.ready.is_none() => {
                let before = Before::new().ok();
                self.probe = before.map(|before| Probe::PidFile(before, now));
            }
            (State::Running, Ready::Notify) => self.beat = Beat::of(spec, now),
            _ => {}
        }
    }

    /// Whether that process is one of its own: in the session that its process is in. Each service
    /// begins with a session of its own.
    fn is_own(&self, pid: i32) -> bool {
        let Some(own) = self.machine.pid().filter(|_| pid > 1) else {
            return false;
        };
        let session = |pid| getsid(Some(Pid::from_raw(pid))).ok();
        pid == own || session(own).is_some_and(|ours| session(pid) == Some(ours))
    }
}

impl Supervisor {
    /// The sockets on which services say how they are; none while there was much to hear.
    pub fn notifies(&self) -> impl Iterator<Item = (ServiceId, &OwnedFd)> {
        let all = match self.logs_rest {
            None => self.table.all(),
            Some(_) => &[],
        };
        all.iter()
            .filter_map(|service| Some((service.id, service.notify.as_ref()?)))
    }

    /// A service has said something.
    pub fn hear_notify(&mut self, id: ServiceId, now: Instant) {
        self.logs_rest = Some(now + REST);
        for _ in 0..DATAGRAMS {
            let mut buffer = [0; notify::LONGEST];
            let Some(service) = self.table.get_mut(id) else {
                return;
            };
            let Some(socket) = &service.notify else {
                return;
            };
            let Ok(heard) = receive(socket.as_fd(), &mut buffer) else {
                return;
            };
            let mut said = words(&buffer[..heard.length]);
            if service.is_own(heard.from) {
                said.for_each(|word| self.take_word(id, word, now));
            } else if said.any(|word| word == Word::Ready) {
                service.stranger = Some(heard.from);
            }
        }
    }

    fn take_word(&mut self, id: ServiceId, word: Word, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        match word {
            Word::Ready => {
                let spec = service.spec.as_ref();
                service.beat = spec.and_then(|spec| Beat::of(spec, now));
                self.event(id, Event::Ready, now);
            }
            Word::Status(text) => service.said = Some(text.into()),
            Word::Stopping => service.said = Some("is stopping".into()),
            Word::Alive => {
                if let Some(beat) = &mut service.beat {
                    beat.due = now + beat.every;
                }
            }
            Word::Unwell => {
                if let Some(beat) = &mut service.beat {
                    beat.due = now;
                }
            }
            Word::Every(every) => {
                let due = now + every;
                let late = false;
                service.beat = Some(Beat { every, due, late });
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick_readiness(&mut self, now: Instant) {
        let due = |service: &&Service| service.watch_deadline().is_some_and(|at| at <= now);
        let due: Vec<_> = self.table.all().iter().filter(due).map(|s| s.id).collect();
        for id in due {
            if let Some(service) = self.table.get_mut(id).filter(|service| !service.watched) {
                service.watch_again(now);
            }
            self.probe(id, now);
            self.miss(id, now);
        }
    }

    fn probe(&mut self, id: ServiceId, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        let Some(probe) = &mut service.probe else {
            return;
        };
        if !matches!(service.machine.state(), State::Starting { .. }) {
            service.probe = None;
            return;
        }
        match probe {
            Probe::Tcp(attempts) => {
                if attempts.attempt(now) {
                    service.probe = None;
                    self.event(id, Event::Ready, now);
                }
            }
            Probe::PidFile(before, at) if *at <= now => {
                *at = now + HELPER_AGAIN;
                let Some(spec) = &service.spec else {
                    return;
                };
                // Where there is no process to be had: in a second.
                if let Ok((helper, pipe)) = pidfile::start(spec, before) {
                    service.ready = Some(pipe);
                    service.probe = None;
                    self.helpers.push(helper);
                }
            }
            Probe::PidFile(..) => {}
        }
    }

    /// The helper has found a pid.
    pub(super) fn hear_pidfile(&mut self, id: ServiceId, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        let Some(pipe) = &service.ready else {
            return;
        };
        match pidfile::found(pipe.as_fd()) {
            Ok(None) => {}
            Ok(Some(pid)) => {
                let somebody = self.table.of_pid(pid).map(|other| other.id);
                let free = somebody.is_none_or(|other| other == id);
                if free && !self.helpers.contains(&pid) && child::is_child(Pid::from_raw(pid)) {
                    self.event(id, Event::Adopted(pid), now);
                }
            }
            // It has ended before it was told to.
            Err(_) => {
                service.ready = None;
                let before = Before::new().ok();
                service.probe = before.map(|before| Probe::PidFile(before, now + HELPER_AGAIN));
            }
        }
        self.forget_pidfile(id);
    }

    /// Lets the helper go when nobody waits for the file any more.
    pub(super) fn forget_pidfile(&mut self, id: ServiceId) {
        if let Some(service) = self.table.get_mut(id)
            && !matches!(service.machine.state(), State::Starting { .. })
        {
            service.ready = None;
            service.probe = None;
        }
    }

    /// A sign of life did not come: the service is ended (SIGABRT, and SIGKILL when that is no use).
    fn miss(&mut self, id: ServiceId, now: Instant) {
        let Some(service) = self.table.get_mut(id) else {
            return;
        };
        let (Some(beat), Some(spec)) = (&mut service.beat, &service.spec) else {
            return;
        };
        let (State::Running, Some(pid)) = (service.machine.state(), service.machine.pid()) else {
            service.beat = None;
            return;
        };
        if beat.due > now {
            return;
        }
        let signal = match beat.late {
            false => Signal::SIGABRT,
            true => Signal::SIGKILL,
        };
        let (name, every) = (&spec.name, beat.every);
        beat.due = now + spec.stop_timeout.max(Duration::from_millis(100));
        beat.late = true;
        let text = format_args!("{name}: no WATCHDOG=1 within {every:?}: {signal}");
        self.voice.say(text);
        let _ = signal_group(pid, signal as u8);
    }
}
