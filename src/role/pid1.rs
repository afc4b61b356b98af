//! The pid1 role: one thread, one `poll` loop. Invariants: it never parses a script, never waits for
//! anything but `poll`, and ends only when the machine (or its PID namespace) does.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getuid};

use crate::paths::run_dir;
use crate::supervise::finish;
use crate::supervise::protocol::{Power, Reply};
use crate::supervise::server::{ClientId, Interest, Server};
use crate::supervise::shutdown::{Action, Facts, Helper, SERVICE_GRACE, Shutdown};
use crate::supervise::spawn::Boot;
use crate::supervise::supervisor::{Answer, Supervisor};
use crate::supervise::table::ServiceId;
use crate::sys::child::{self, Peek};
use crate::sys::entry;
use crate::sys::power::Authority;
use crate::sys::process::{Fork, exit_now, fork};
use crate::time::Instant;

/// The loop turns at least this often: a lost wake-up costs no more.
const SLOW_TICK: Duration = Duration::from_secs(5);

/// How many children are reaped in one turn; clients are served in between.
const REAPED: usize = 512;

/// Of how many orphans the names are looked up in one turn.
const NAMED: usize = 8;

/// Runs as the first process of the machine. The kernel's leftover words are not for us.
pub fn machine() -> u8 {
    run(Boot::default())
}

/// Runs as the first process of a PID namespace: `--pid1 [--script FILE] [-- PROGRAM [ARG…]]`. What
/// stands before `--` is handed to the boot role; a PROGRAM takes the boot role's place.
pub fn namespace(args: Vec<OsString>) -> u8 {
    let mut words = args
        .into_iter()
        .map(|word| CString::new(word.into_vec()).unwrap_or_default());
    let extra = words.by_ref().take_while(|word| word.as_c_str() != c"--");
    let extra = extra.collect();
    let instead = words.collect();
    run(Boot { instead, extra })
}

fn run(boot: Boot) -> u8 {
    // First of all: whoever says "power off" very early is heard.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None);
    entry::secure_standard_fds();
    let Some(authority) = Authority::take() else {
        let line = b"initsh: --pid1: this is not the first process of a PID namespace\n";
        let _ = nix::unistd::write(std::io::stderr(), line);
        return 2;
    };
    if authority.over_machine() {
        let _ = authority.catch_ctrl_alt_del();
    }
    Init::new(authority, boot).run()
}

/// What a descriptor in the poll set is.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Doorbell,
    Client(ClientId, Interest),
    Executed(ServiceId),
    Ready(ServiceId),
}

struct Init {
    authority: Authority,
    signals: Option<SignalFd>,
    supervisor: Supervisor,
    server: Server,
    shutdown: Shutdown,
    helper: Option<i32>,
    helper_state: Helper,
    childless: bool,
    more_to_reap: bool,
}

impl Init {
    fn new(authority: Authority, boot: Boot) -> Self {
        let now = Instant::now();
        Self {
            authority,
            signals: signalfd(),
            supervisor: Supervisor::new(authority.over_machine(), boot, now),
            server: Server::new(run_dir(), getuid().as_raw(), now),
            shutdown: Shutdown::default(),
            helper: None,
            helper_state: Helper::Absent,
            childless: false,
            more_to_reap: false,
        }
    }

    fn run(mut self) -> ! {
        self.supervisor.start_boot(Instant::now());
        loop {
            let now = Instant::now();
            self.upkeep(now);
            let ready = self.wait(now);
            let now = Instant::now();
            for source in ready {
                self.serve(source, now);
            }
            self.reap(now);
            self.supervisor.tick(now);
            self.answer_waiting(now);
            self.go_down(now);
        }
    }

    /// What is due without anybody asking.
    fn upkeep(&mut self, now: Instant) {
        if self.signals.is_none() {
            self.signals = signalfd();
        }
        if let Some(doorbell) = self.supervisor.take_doorbell() {
            self.server.set_doorbell(Some(doorbell));
        }
        if self.server.listener.deadline() <= now {
            self.look_after_socket(now);
        }
        self.server.close_slow(now);
    }

    fn look_after_socket(&mut self, now: Instant) {
        if let Some(errno) = self.server.listener.check(now) {
            let path = self.server.listener.path().display();
            let text = format_args!("control socket {path}: {errno:?} ({})", errno.desc());
            self.supervisor.voice.say(text);
        }
    }

    /// Sleeps until something happens; what.
    fn wait(&self, now: Instant) -> Vec<Source> {
        let mut sources = Vec::new();
        let mut fds = Vec::new();
        for (source, fd, events) in self.descriptors() {
            sources.push(source);
            fds.push(PollFd::new(fd, events));
        }
        let timeout = self.deadline(now).since(now);
        match ppoll(&mut fds, Some(timeout.into()), None) {
            Ok(0) => return Vec::new(),
            Ok(_) => {}
            Err(Errno::EINTR) => return Vec::new(),
            // Out of memory or the like: turn slowly rather than spin.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(100));
                return Vec::new();
            }
        }
        let happened = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let mut index = fds.iter();
        sources.retain(|_| index.next().is_some_and(happened));
        sources
    }

    fn descriptors(&self) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let input = PollFlags::POLLIN;
        let mut all = Vec::with_capacity(16);
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
        all
    }

    fn deadline(&self, now: Instant) -> Instant {
        if self.more_to_reap {
            return now;
        }
        let deadlines = [
            Some(now + SLOW_TICK),
            Some(self.server.listener.deadline()),
            self.server.deadline(),
            self.supervisor.table.deadline(),
            self.shutdown.deadline(),
        ];
        deadlines.into_iter().flatten().min().unwrap_or(now)
    }

    fn serve(&mut self, source: Source, now: Instant) {
        match source {
            Source::Signals => self.take_signals(now),
            Source::Listener => self.server.accept(now),
            Source::Doorbell => {
                self.server.answer_the_door(now);
                // The boot script may just have mounted something over the socket.
                self.look_after_socket(now);
            }
            Source::Client(id, Interest::HangUp) => self.server.close(id),
            Source::Client(id, Interest::Write) => self.server.flush(id),
            Source::Client(id, Interest::Read) => {
                if let Some(request) = self.server.read(id, now) {
                    match self.supervisor.request(request, now) {
                        Answer::Now(reply) => self.server.reply(id, &reply, now),
                        Answer::Later(waiting) => self.server.wait(id, waiting),
                        Answer::Power(power) => {
                            self.server.reply(id, &Reply::Done, now);
                            self.begin(power, now);
                        }
                    }
                }
            }
            Source::Executed(id) => self.supervisor.hear_executed(id, now),
            Source::Ready(id) => self.supervisor.hear_ready(id, now),
        }
    }

    fn take_signals(&mut self, now: Instant) {
        // As many as there are signals; a flood of them must not keep the loop here.
        for _ in 0..64 {
            let Some(Ok(Some(info))) = self.signals.as_ref().map(SignalFd::read_signal) else {
                return;
            };
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGTERM | Signal::SIGPWR) => self.begin(Power::Off(0), now),
                Ok(Signal::SIGINT) => self.begin(Power::Reboot, now),
                Ok(signal @ (Signal::SIGUSR1 | Signal::SIGUSR2)) => {
                    let text = format_args!("{signal} means nothing yet");
                    self.supervisor.voice.say(text);
                }
                // SIGCHLD: every turn reaps. Others mean nothing to PID 1.
                _ => {}
            }
        }
    }

    /// Reaps what has ended: looked up while the zombie still holds its number, then released.
    fn reap(&mut self, now: Instant) {
        self.more_to_reap = true;
        for turn in 0..REAPED {
            match child::peek() {
                Peek::Ended(pid, exit) => {
                    let number = pid.as_raw();
                    if self.helper == Some(number) {
                        self.helper = None;
                        self.helper_state = Helper::Ended;
                    } else {
                        self.supervisor.ended(number, exit, turn < NAMED, now);
                        self.server.note_exit(number, exit);
                    }
                    let _ = child::reap(pid);
                }
                none => {
                    self.childless = none == Peek::Childless;
                    self.more_to_reap = false;
                    return;
                }
            }
        }
    }

    fn answer_waiting(&mut self, now: Instant) {
        let table = &self.supervisor.table;
        let answers: Vec<_> = self
            .server
            .waiting()
            .filter_map(|(id, waiting)| Some((id, waiting.answer(table, now)?)))
            .collect();
        for (id, reply) in answers {
            self.server.reply(id, &reply, now);
        }
    }

    fn begin(&mut self, power: Power, now: Instant) {
        if let Some(action) = self.shutdown.begin(power, now) {
            let what = match power {
                Power::Off(0) => "power off".to_owned(),
                Power::Off(status) => format!("power off, status {status}"),
                Power::Reboot => "reboot".to_owned(),
                Power::Halt => "halt".to_owned(),
            };
            self.supervisor.voice.say(format_args!("{what}"));
            self.act(action, now);
        }
    }

    /// Goes on with the end of the machine, if it has begun.
    fn go_down(&mut self, now: Instant) {
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
                if let Some(power) = self.shutdown.power() {
                    finish::force(self.authority, power);
                }
            }
        }
    }

    /// Forks the child that ends the machine. In a namespace, powering off is to exit: the kernel then
    /// ends the namespace, and whoever made it sees the status.
    fn fork_helper(&mut self, orderly: bool) {
        let Some(power) = self.shutdown.power() else {
            return;
        };
        if let (Power::Off(status), false) = (power, self.authority.over_machine()) {
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
                    true => finish::finish(self.authority, power, voice),
                    false => finish::force(self.authority, power),
                };
                voice.say(format_args!("reboot(2): {errno:?} ({})", errno.desc()));
                exit_now(1)
            }
        };
    }
}

fn signalfd() -> Option<SignalFd> {
    SignalFd::with_flags(
        &SigSet::all(),
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )
    .ok()
}
