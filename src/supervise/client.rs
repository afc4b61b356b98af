//! The control socket as a client sees it: the only way in which other roles talk to PID 1. Invariant:
//! every wait has a limit and is ended by Ctrl-C.
//!
//! The boot role and what it forks hand PID 1 one end of a new socketpair through the end of a
//! socketpair that they inherit ("the doorbell"): it works before `/run` exists, and as nobody answers
//! on the doorbell itself, processes that share it cannot get each other's replies. Everybody else
//! connects to `$INITSH_RUN/control`.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::exits::Ended;
pub use super::protocol::ServiceInfo;
use super::protocol::{
    CRASHED, LogChunk, MAX_MESSAGE, Power, Reply, Request, Target, Until, Urgency, VERSION,
};
use super::spec::ServiceSpec;
use super::watchdog::WatchdogInfo;
use crate::failure::{Doing, Failure};
use crate::paths::run_dir;
use crate::sys::child::Exit;
use crate::sys::{process, seqpacket, signal};
use crate::time::Instant;

/// How long PID 1 may take over an answer that needs no waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long PID 1 waits for a program to be executed before it answers anyway.
const EXECUTED: Duration = Duration::from_secs(5);

/// How long PID 1 may take to check another program, and how long it may rest after a crash.
const UPGRADED: Duration = Duration::from_secs(10);

/// Longer than any service takes to stop: PID 1 says so when one that was killed does not go.
const STOPPED: Duration = Duration::from_secs(24 * 60 * 60);

static DOORBELL: AtomicI32 = AtomicI32::new(-1);

/// Tells this process, and those that it forks, the descriptor of the doorbell (`--control-fd`). It is
/// made close-on-exec: programs connect by path.
pub fn set_inherited(fd: RawFd) -> Result<(), Errno> {
    process::set_cloexec(fd, true)?;
    DOORBELL.store(fd, Ordering::Relaxed);
    Ok(())
}

/// A connection to PID 1.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

impl Client {
    /// Connects to the PID 1 that this process belongs to; `None` where there is none to ask (a desk,
    /// a container without initsh).
    ///
    /// Errors: there is one, but it refuses or does not answer.
    pub fn connect() -> Result<Option<Self>, Failure> {
        let doorbell = process::borrow_number(DOORBELL.load(Ordering::Relaxed));
        if let Some(client) = doorbell.and_then(Self::ring) {
            return Ok(Some(client));
        }
        Self::connect_to(&run_dir().join("control"))
    }

    /// Connects, or fails as a command does that makes no sense without PID 1.
    pub fn required() -> Result<Self, Failure> {
        Self::connect()?.ok_or_else(|| {
            let path = run_dir().join("control");
            Failure::new(format!(
                "no initsh is PID 1 here (no control socket at {})",
                path.display()
            ))
        })
    }

    /// Connects to the socket at `path`; `None` where nobody listens.
    ///
    /// Errors: not permitted, or its queue stays full.
    pub fn connect_to(path: &Path) -> Result<Option<Self>, Failure> {
        use Errno::{ECONNREFUSED, ENOENT, ENOTDIR, EPROTOTYPE};
        match seqpacket::connect(path, 10) {
            Ok(socket) => Ok(Some(Self { socket })),
            Err(ENOENT | ENOTDIR | ECONNREFUSED | EPROTOTYPE) => Ok(None),
            Err(errno) => Err(Failure::errno(
                format!("connect to PID 1 at {}", path.display()),
                errno,
            )),
        }
    }

    /// Hands PID 1 one end of a new socketpair; `None` when nobody hears the doorbell.
    pub fn ring(doorbell: BorrowedFd<'_>) -> Option<Self> {
        let (ours, theirs) = seqpacket::pair().ok()?;
        seqpacket::send_descriptor(doorbell, VERSION, theirs.as_fd()).ok()?;
        Some(Self { socket: ours })
    }

    /// Hands PID 1 a service and has it started; the service once its program is executed.
    ///
    /// Errors: the name is taken, the program cannot be executed (status 126 or 127).
    pub fn spawn(&mut self, spec: &ServiceSpec) -> Result<ServiceInfo, Failure> {
        let request = Request::Spawn(Box::new(spec.clone()));
        self.service(&request, EXECUTED, "start the service")
    }

    /// Why a service that was to be started is not executed yet, if so: `waits for db: Pending`.
    pub fn held_up(service: &ServiceInfo) -> Option<&str> {
        let waits = service.reason.starts_with("waits for ");
        waits.then_some(service.reason.as_str())
    }

    /// A service's description, as it counts from its next start on.
    pub fn describe(&mut self, name: &str) -> Result<ServiceSpec, Failure> {
        match self.ask(&Request::Describe(name.to_owned()), Duration::ZERO)? {
            Reply::Described(spec) => Ok(*spec),
            other => Err(refused(other, "ask for the description")),
        }
    }

    /// Waits until the service is ready, has failed, or the time is over; its state then.
    pub fn wait_ready(&mut self, name: &str, timeout: Duration) -> Result<ServiceInfo, Failure> {
        let target = Target::Name(name.to_owned());
        let request = Request::Wait(target, Until::Ready, timeout);
        self.service(&request, timeout, "wait for the service")
    }

    /// Stops a service and waits until its process is gone, `timeout` at most. It is asked to end
    /// (SIGTERM) and killed when three quarters of that time are over.
    pub fn stop(&mut self, name: &str, timeout: Duration) -> Result<(), Failure> {
        self.stop_within(name, Some(timeout * 3 / 4), timeout)
    }

    /// Stops a service, and before it those that need it: killed after `grace`, or what its description
    /// says; waited for until `limit`.
    pub fn stop_within(
        &mut self,
        name: &str,
        grace: Option<Duration>,
        limit: Duration,
    ) -> Result<(), Failure> {
        let request = Request::Stop(name.to_owned(), grace, limit);
        match self.ask(&request, limit)? {
            Reply::Service(_) | Reply::Done => Ok(()),
            Reply::TimedOut => Err(Failure::new(format!("stop {name}: still not gone"))),
            other => Err(refused(other, "stop the service")),
        }
    }

    /// Starts a service, and what it needs; the service once its program is executed, or waits for
    /// others. One that is at work already is no error.
    ///
    /// Errors: there is no such service; the program cannot be executed (status 126 or 127); a service
    /// that it needs has failed.
    pub fn start(&mut self, name: &str) -> Result<ServiceInfo, Failure> {
        let request = Request::Start(name.to_owned(), EXECUTED);
        self.service(&request, EXECUTED, "start the service")
    }

    /// Stops a service and starts it again; the service once its program is executed again. The same for
    /// those that need it, but they are not waited for.
    ///
    /// Errors: as for [`Self::start`]; it was killed and does not go.
    pub fn restart(&mut self, name: &str) -> Result<ServiceInfo, Failure> {
        let request = Request::Restart(name.to_owned(), STOPPED);
        self.service(&request, STOPPED, "restart the service")
    }

    /// Stops a service, and before it those that need it: each has `grace`, or what its description
    /// says, to end by itself.
    ///
    /// Errors: there is no such service; it was killed and does not go.
    pub fn stop_in_order(&mut self, name: &str, grace: Option<Duration>) -> Result<(), Failure> {
        self.stop_within(name, grace, STOPPED)
    }

    /// Waits until a service is ready.
    ///
    /// Errors: there is no such service; it has ended and is not started again; the time is over (status
    /// 124).
    pub fn until_ready(&mut self, name: &str, timeout: Duration) -> Result<(), Failure> {
        // PID 1 counts in milliseconds.
        let timeout = timeout.min(Duration::from_millis(u64::MAX));
        let service = self.wait_ready(name, timeout)?;
        if service.ready {
            return Ok(());
        }
        let (state, reason) = (&service.state, &service.reason);
        let text = format!("service '{name}' is not ready: {state}");
        let failure = Failure::new(match reason.as_str() {
            "" => text,
            reason => format!("{text} ({reason})"),
        });
        Err(match state.as_str() {
            "Failed" | "Stopped" => failure,
            _ => failure.with_status(124),
        })
    }

    /// Sends a service's process group a signal, by number.
    ///
    /// Errors: there is no such service, or it has no process; there is no such signal.
    pub fn signal(&mut self, name: &str, signal: u8) -> Result<(), Failure> {
        let request = Request::Signal(name.to_owned(), signal);
        match self.ask(&request, Duration::ZERO)? {
            Reply::Done => Ok(()),
            other => Err(refused(other, "send the signal")),
        }
    }

    /// Gives a service another description, from its next start on.
    ///
    /// Errors: there is no such service; it needs one that is not there; a circle.
    pub fn redefine(&mut self, spec: &ServiceSpec) -> Result<(), Failure> {
        let request = Request::Redefine(Box::new(spec.clone()));
        match self.ask(&request, Duration::ZERO)? {
            Reply::Done => Ok(()),
            other => Err(refused(other, "change the service")),
        }
    }

    /// Waits until a service or process has ended; how, or `None` when the time is over.
    ///
    /// Errors: no such service; not a child of PID 1; the service never had a process.
    pub fn wait_end(
        &mut self,
        target: Target,
        until: Until,
        timeout: Option<Duration>,
    ) -> Result<Option<Exit>, Failure> {
        let timeout = timeout.unwrap_or(Duration::from_millis(u64::MAX));
        let request = Request::Wait(target, until, timeout);
        match self.ask(&request, timeout)? {
            Reply::Ended(exit) => Ok(Some(exit)),
            Reply::TimedOut => Ok(None),
            other => Err(refused(other, "wait for the end")),
        }
    }

    /// How a service stands; `None` where there is no such service.
    pub fn find(&mut self, name: &str) -> Result<Option<ServiceInfo>, Failure> {
        Ok(self.stopping_with(name)?.0.into_iter().next())
    }

    /// A service, if it is there, and after it those at work that stop with it, last those that stop
    /// first; whether there are more of those.
    pub fn stopping_with(&mut self, name: &str) -> Result<(Vec<ServiceInfo>, bool), Failure> {
        match self.ask(&Request::Show(name.to_owned()), Duration::ZERO)? {
            Reply::Services(list, more) => Ok((list, more)),
            other => Err(refused(other, "look at the service")),
        }
    }

    /// Every service, sorted by name.
    pub fn services(&mut self) -> Result<Vec<ServiceInfo>, Failure> {
        let mut all: Vec<ServiceInfo> = Vec::new();
        loop {
            let after = all.last().map(|last| last.name.clone()).unwrap_or_default();
            match self.ask(&Request::List(after), Duration::ZERO)? {
                Reply::Services(list, more) => {
                    let more = more && !list.is_empty();
                    all.extend(list);
                    if !more {
                        return Ok(all);
                    }
                }
                other => return Err(refused(other, "list the services")),
            }
        }
    }

    /// The exits that nobody has asked for yet, oldest first, and how many were forgotten.
    pub fn exits(&mut self) -> Result<(Vec<Ended>, u64), Failure> {
        let (mut all, mut forgotten) = (Vec::new(), 0);
        loop {
            match self.ask(&Request::Exits, Duration::ZERO)? {
                Reply::Exits(list, lost, more) => {
                    let more = more && !list.is_empty();
                    forgotten += lost;
                    all.extend(list);
                    if !more {
                        return Ok((all, forgotten));
                    }
                }
                other => return Err(refused(other, "list the exits")),
            }
        }
    }

    /// A piece of a service's log from that position on; waits this long for one that is not empty.
    ///
    /// Errors: no such service; it has no log.
    pub fn log(&mut self, name: &str, from: u64, wait: Duration) -> Result<LogChunk, Failure> {
        let request = Request::Log(name.to_owned(), from, wait);
        match self.ask(&request, wait)? {
            Reply::Log(chunk) => Ok(chunk),
            other => Err(refused(other, "read the log")),
        }
    }

    /// Whether PID 1 has closed the connection.
    pub fn is_closed(&self) -> bool {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut socket, PollTimeout::ZERO);
        let closed = |flags: PollFlags| flags.contains(PollFlags::POLLHUP);
        socket[0].revents().is_some_and(closed)
    }

    /// Has PID 1 end the machine. Returns as soon as it has begun; the caller is going to be ended.
    pub fn power(&mut self, power: Power) -> Result<(), Failure> {
        self.end(power, Urgency::Orderly)
    }

    /// The same, with more or less haste.
    pub fn end(&mut self, power: Power, urgency: Urgency) -> Result<(), Failure> {
        match self.ask(&Request::Power(power, urgency), Duration::ZERO)? {
            Reply::Done => Ok(()),
            other => Err(refused(other, "end the machine")),
        }
    }

    /// Has PID 1 hand over, and waits until it has: that ends the caller, unless it is no child of PID 1
    /// or a kept service.
    ///
    /// Errors: PID 1's reasons, before anything has changed, or at the last moment; Ctrl-C.
    pub fn hand_over(&mut self, order: super::protocol::HandOver) -> Result<(), Failure> {
        match self.ask(&Request::HandOver(order), super::handover::CHECK)? {
            Reply::Done => {}
            other => return Err(refused(other, "hand over")),
        }
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        signal::poll_until(&mut socket, None)?;
        match seqpacket::receive_message(self.socket.as_fd(), MAX_MESSAGE) {
            Ok(Some(message)) => match Reply::decode(&message) {
                Ok(reply) => Err(refused(reply, "hand over")),
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Arms, disarms or looks at the watchdog; how it stands, unless it was disarmed.
    ///
    /// Errors: PID 1's reasons, with its advice.
    pub fn watchdog(
        &mut self,
        request: super::protocol::WatchdogRequest,
    ) -> Result<Option<WatchdogInfo>, Failure> {
        match self.ask(&Request::Watchdog(request), Duration::ZERO)? {
            Reply::Watchdog(info) => Ok(Some(info)),
            Reply::Done => Ok(None),
            other => Err(refused(other, "see to the watchdog")),
        }
    }

    /// Waits until PID 1 closes the connection, for ever if need be. Errors: Ctrl-C.
    pub fn until_closed(self) -> Result<(), Failure> {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        signal::poll_until(&mut socket, None).map(drop)
    }

    /// Puts the program at `path` in PID 1's place (empty: what is at its own path now). Returns when
    /// it is there.
    ///
    /// Errors: why it is not, in PID 1's words; nothing has changed then.
    pub fn upgrade(&mut self, path: &OsStr) -> Result<(), Failure> {
        match self.ask(&Request::Upgrade(path.to_owned()), UPGRADED)? {
            Reply::Done => Ok(()),
            other => Err(refused(other, "upgrade")),
        }
    }

    /// Crashes PID 1; what its next program says about it.
    ///
    /// Errors: it did not crash.
    pub fn crash(&mut self, how: &str) -> Result<String, Failure> {
        match self.ask(&Request::Crash(how.to_owned()), UPGRADED)? {
            Reply::Refused(CRASHED, _, words) => Ok(words),
            other => Err(refused(other, "crash")),
        }
    }

    fn service(
        &mut self,
        request: &Request,
        wait: Duration,
        doing: &str,
    ) -> Result<ServiceInfo, Failure> {
        match self.ask(request, wait)? {
            Reply::Service(status) => Ok(status),
            other => Err(refused(other, doing)),
        }
    }

    /// One request, one reply, for which PID 1 may take `wait` and our patience.
    fn ask(&mut self, request: &Request, wait: Duration) -> Result<Reply, Failure> {
        let message = request.encode();
        if message.len() > MAX_MESSAGE {
            return Err(Failure::new(format!(
                "arguments and environment are {} bytes long; PID 1 takes {MAX_MESSAGE}",
                message.len()
            )));
        }
        let socket = self.socket.as_fd();
        let deadline = Instant::now() + wait + PATIENCE;
        wait_for(socket, PollFlags::POLLOUT, deadline)?;
        let sent = match request {
            Request::Spawn(spec) if !spec.setup.keep_fds.is_empty() => {
                let numbers: Vec<_> = spec
                    .setup
                    .keep_fds
                    .iter()
                    .copied()
                    .map(RawFd::from)
                    .collect();
                seqpacket::send_with(socket, &message, &numbers)
            }
            _ => seqpacket::send_message(socket, &message),
        };
        sent.doing(|| "ask PID 1")?;
        wait_for(socket, PollFlags::POLLIN, deadline)?;
        let reply = seqpacket::receive_message(socket, MAX_MESSAGE).doing(|| "hear PID 1")?;
        let reply = reply.ok_or_else(|| Failure::new("PID 1 closed the connection"))?;
        Reply::decode(&reply)
            .map_err(|why| Failure::new(format!("PID 1 answered nonsense ({why:?})")))
    }
}

fn wait_for(socket: BorrowedFd<'_>, what: PollFlags, deadline: Instant) -> Result<(), Failure> {
    match signal::poll_until(&mut [PollFd::new(socket, what)], Some(deadline))? {
        true => Ok(()),
        false => Err(Failure::new("PID 1 does not answer")),
    }
}

fn refused(reply: Reply, doing: &str) -> Failure {
    match reply {
        Reply::Refused(status, 0, words) => match words.split_once('\n') {
            Some((words, hint)) => Failure::new(words).with_status(status).with_hint(hint),
            None => Failure::new(words).with_status(status),
        },
        Reply::Refused(status, errno, words) => {
            Failure::errno(words, Errno::from_raw(errno)).with_status(status)
        }
        Reply::TimedOut => Failure::new(format!("{doing}: the time is over")),
        _ => Failure::new(format!("{doing}: PID 1 answered something else")),
    }
}
