//! Jobs: the processes of a pipeline, waited for in the foreground or remembered in the background, and
//! who owns the terminal. Invariant: only this shell's own children are waited for, each by its pid, so
//! nothing that others started is ever reaped here.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, setpgid, tcgetpgrp, tcsetpgrp};

use super::pipeline::Place;
use super::shell::Shell;
use crate::cmd::Flow;
use crate::cmd::call::write_all;
use crate::failure::{Doing, Failure};
use crate::sort;
use crate::sys::{process, signal};
use crate::time::Instant;

/// Finished jobs that nobody has waited for; beyond this the oldest is forgotten.
const REMEMBERED: usize = 1024;

/// How a process ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Still there.
    Running,
    /// Stopped by this signal.
    Stopped(Signal),
    /// Ended with this status.
    Exited(u8),
    /// Ended by this signal.
    Killed(Signal),
}

impl State {
    /// What `$?` shows for it.
    pub fn status(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Exited(status) => status,
            Self::Stopped(signal) | Self::Killed(signal) => 128 + signal as u8,
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Killed(_))
    }

    fn read(status: WaitStatus) -> Self {
        match status {
            WaitStatus::Exited(_, code) => Self::Exited((code & 0xff) as u8),
            WaitStatus::Signaled(_, signal, _) => Self::Killed(signal),
            WaitStatus::Stopped(_, signal) => Self::Stopped(signal),
            _ => Self::Running,
        }
    }
}

/// A pipeline that was started.
#[derive(Debug, Clone)]
pub struct Job {
    /// `%1`; 0 as long as it is in the foreground.
    pub number: u32,
    /// Its processes, in the order of the pipeline; at least one.
    pub processes: Vec<(Pid, State)>,
    /// Its process group, with job control.
    pub group: Option<Pid>,
    /// The script's text of it.
    pub text: String,
    told: bool,
}

impl Job {
    /// A job with no process yet.
    pub fn new(text: String) -> Self {
        Self {
            number: 0,
            processes: Vec::new(),
            group: None,
            text,
            told: false,
        }
    }

    /// Adds a process that has just been started.
    pub fn add(&mut self, pid: Pid) {
        self.processes.push((pid, State::Running));
    }

    /// The last process's pid, which is `$!`.
    pub fn last_pid(&self) -> Option<Pid> {
        self.processes.last().map(|&(pid, _)| pid)
    }

    /// Running while any process is; stopped where one is and none runs; else as the last one ended.
    pub fn state(&self) -> State {
        let states = || self.processes.iter().map(|&(_, state)| state);
        if states().any(|state| state == State::Running) {
            return State::Running;
        }
        let stopped = states().find(|state| matches!(state, State::Stopped(_)));
        stopped
            .or_else(|| states().next_back())
            .unwrap_or(State::Exited(0))
    }

    /// The first status but zero from the right (`set -o pipefail`).
    pub fn worst_status(&self) -> u8 {
        let statuses = self.processes.iter().rev();
        statuses
            .map(|(_, state)| state.status())
            .find(|&status| status != 0)
            .unwrap_or(0)
    }

    fn note(&mut self, pid: Pid, state: State) {
        for process in self.processes.iter_mut().filter(|(p, _)| *p == pid) {
            process.1 = state;
        }
    }

    /// Looks at each process without waiting.
    fn poll(&mut self) {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED;
        for (pid, state) in self.processes.iter_mut().filter(|(_, s)| !s.is_over()) {
            match waitpid(*pid, Some(flags)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
                Ok(status) => *state = State::read(status),
                // Somebody else has reaped it: nothing more will be known.
                Err(_) => *state = State::Exited(127),
            }
        }
    }

    /// `[1] Running   sleep 5`
    pub fn line(&self) -> String {
        let state = match self.state() {
            State::Running => "Running".to_owned(),
            State::Stopped(_) => "Stopped".to_owned(),
            State::Exited(0) => "Done".to_owned(),
            State::Exited(status) => format!("Done({status})"),
            State::Killed(signal) => format!("Killed by {signal}"),
        };
        format!("[{}] {state:<10} {}", self.number, self.text)
    }
}

/// The terminal, where this shell does job control on it.
#[derive(Debug)]
struct Terminal {
    file: OwnedFd,
    own: Pid,
}

/// All jobs of a shell.
#[derive(Debug, Default)]
pub struct Jobs {
    list: Vec<Job>,
    last_background: Option<Pid>,
    terminal: Option<Terminal>,
}

impl Jobs {
    /// `$!`
    pub fn last_background(&self) -> Option<Pid> {
        self.last_background
    }

    /// Every job that is remembered, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.list.iter()
    }

    /// Whether jobs get process groups of their own.
    pub fn control(&self) -> bool {
        self.terminal.is_some()
    }

    /// Remembers a job that goes on in the background or is stopped; its number.
    pub fn keep(&mut self, mut job: Job, background: bool) -> u32 {
        if background {
            self.last_background = job.last_pid();
        }
        if job.number == 0 {
            job.number = self.list.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        }
        let number = job.number;
        self.list.push(job);
        sort::sort_by_key(&mut self.list, |job| job.number);
        let over = self.list.iter().filter(|job| job.state().is_over()).count();
        if over > REMEMBERED
            && let Some(oldest) = self.list.iter().position(|job| job.state().is_over())
        {
            self.list.remove(oldest);
        }
        number
    }

    /// Looks after every job without waiting.
    pub fn poll(&mut self) {
        self.list.iter_mut().for_each(Job::poll);
    }

    /// The job that `%N`, `%%`, `%+`, `%-`, `%text` or a pid names; an empty name: the last.
    pub fn find(&self, name: &str) -> Option<&Job> {
        let Some(name) = name.strip_prefix('%').or(name.is_empty().then_some("")) else {
            let pid = Pid::from_raw(name.parse().ok()?);
            return self
                .list
                .iter()
                .find(|job| job.processes.iter().any(|(p, _)| *p == pid));
        };
        match name {
            "" | "%" | "+" => self.list.last(),
            "-" => self.list.iter().rev().nth(1),
            _ => match name.parse() {
                Ok(number) => self.list.iter().find(|job: &&Job| job.number == number),
                Err(_) => self
                    .list
                    .iter()
                    .rev()
                    .find(|job| job.text.starts_with(name)),
            },
        }
    }

    /// Takes a job out of the list.
    pub fn take(&mut self, number: u32) -> Option<Job> {
        let at = self.list.iter().position(|job| job.number == number)?;
        Some(self.list.remove(at))
    }

    /// In a forked child: the parent's jobs and its terminal are none of ours.
    pub fn enter_child(&mut self) {
        self.list.clear();
        self.terminal = None;
    }

    /// Begins job control on the terminal of descriptor 0. `false`: there is none.
    ///
    /// Errors: the terminal belongs to another session, or the group cannot be changed.
    pub fn begin_control(&mut self) -> Result<bool, Failure> {
        let Ok(file) = process::dup_above(0, 10) else {
            return Ok(false);
        };
        if tcgetpgrp(&file).is_err() {
            return Ok(false);
        }
        for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
            signal::ignore(signal).doing(|| format!("ignore {signal}"))?;
        }
        // EPERM: a session's leader has its own group already.
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        let own = getpgrp();
        tcsetpgrp(&file, own).doing(|| "take the terminal")?;
        self.terminal = Some(Terminal { file, own });
        Ok(true)
    }

    /// In a new child, before its signals are reset: into its group, which gets the terminal if it
    /// runs in the foreground.
    pub fn join_group(&self, group: Option<Pid>, foreground: bool) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let _ = setpgid(Pid::from_raw(0), group.unwrap_or(Pid::from_raw(0)));
        if foreground {
            let _ = tcsetpgrp(&terminal.file, getpgrp());
        }
    }

    /// In the parent: the same, since nobody knows which of both runs first.
    pub fn place(&self, job: &mut Job, pid: Pid, foreground: bool) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let group = *job.group.get_or_insert(pid);
        let _ = setpgid(pid, group);
        if foreground {
            let _ = tcsetpgrp(&terminal.file, group);
        }
    }

    /// Ctrl-C that came before the job had the terminal has reached the shell alone.
    pub fn pass_interrupt_on(&self, job: &Job) {
        if let (true, true, Some(group)) = (self.control(), signal::interrupted(), job.group) {
            let _ = killpg(group, Signal::SIGINT);
        }
    }

    /// Gives the terminal to a job, or back to the shell.
    pub fn hand_terminal(&self, group: Option<Pid>) {
        if let Some(terminal) = &self.terminal {
            let _ = tcsetpgrp(&terminal.file, group.unwrap_or(terminal.own));
        }
    }
}

impl Shell {
    /// Waits until a job in the foreground has ended or stopped; what stopped is remembered.
    pub(super) fn wait_foreground(&mut self, mut job: Job) -> (State, u8) {
        let flags = self.jobs.control().then_some(WaitPidFlag::WUNTRACED);
        for index in 0..job.processes.len() {
            let (pid, state) = job.processes[index];
            if state.is_over() {
                continue;
            }
            let state = loop {
                match waitpid(pid, flags) {
                    Ok(status) => break State::read(status),
                    Err(Errno::EINTR) => {}
                    Err(_) => break State::Exited(127),
                }
            };
            job.note(pid, state);
        }
        self.jobs.hand_terminal(None);
        let state = job.state();
        let status = job.worst_status();
        if let State::Stopped(_) = state {
            job.told = true;
            let number = self.jobs.keep(job, false);
            if let Some(job) = self.jobs.find(&format!("%{number}")) {
                tell(&format!("\n{}\n", job.line()));
            }
        }
        (state, status)
    }

    /// Brings a job to the foreground, or lets it go on in the background.
    ///
    /// Errors: there is no such job, or it is over.
    pub(crate) fn resume(&mut self, name: &str, foreground: bool) -> Result<Flow, Failure> {
        self.jobs.poll();
        let missing = || match name {
            "" => Failure::new("no job has been stopped or put in the background"),
            _ => Failure::new(format!("no job '{name}'")),
        };
        let number = self.jobs.find(name).ok_or_else(missing)?.number;
        let mut job = self.jobs.take(number).ok_or_else(missing)?;
        for process in job.processes.iter_mut().filter(|(_, s)| !s.is_over()) {
            process.1 = State::Running;
        }
        tell(&format!("{}\n", job.text));
        if foreground {
            self.jobs.hand_terminal(job.group);
        }
        if let Some(group) = job.group {
            let _ = killpg(group, Signal::SIGCONT);
        }
        if foreground {
            return Ok(self.wait_for_job(job));
        }
        self.jobs.keep(job, true);
        Ok(Flow::OK)
    }

    /// Runs a command in a process group of its own for `limit` at most: SIGTERM then, SIGKILL 2 s
    /// later; what follows from its end, status 124 where the time was over.
    ///
    /// Errors: no process; Ctrl-C, which the group gets too.
    pub(crate) fn run_limited(
        &mut self,
        words: Vec<OsString>,
        limit: Duration,
    ) -> Result<Flow, Failure> {
        let deadline = Instant::now() + limit;
        let mut words = Some(words);
        let mut job = Job::new(String::new());
        let pid = self.fork(Place::Limited, &mut job, &mut |shell| {
            let words = words.take().unwrap_or_default();
            let fields = words.into_iter().map(OsString::into_vec).collect();
            shell.run_fields(fields, true, true)
        })?;
        // The child does the same; nobody knows which of both runs first.
        let _ = setpgid(pid, pid);
        let waited = process::wait_until(pid, WaitPidFlag::empty(), Some(deadline));
        if let Ok(Some(status)) = waited {
            self.jobs.hand_terminal(None);
            let state = State::read(status);
            return Ok(self.flow_after(state, state.status()));
        }
        let (first, failure) = match waited {
            Err(failure) => (Signal::SIGINT, Some(failure)),
            Ok(_) => (Signal::SIGTERM, None),
        };
        end_group(pid, first);
        self.jobs.hand_terminal(None);
        failure.map_or(Ok(Flow::Status(124)), Err)
    }

    /// Waits for a job or a process in the background; its status. `None`: not a child of ours.
    ///
    /// Errors: Ctrl-C.
    pub(crate) fn wait_background(&mut self, name: &str) -> Result<Option<u8>, Failure> {
        self.jobs.poll();
        let Some(job) = self.jobs.find(name) else {
            return Ok(None);
        };
        let (number, mut job) = (job.number, job.clone());
        let wanted = name.parse().map(Pid::from_raw).ok();
        for (pid, state) in job.processes.clone() {
            if state.is_over() || wanted.is_some_and(|wanted| wanted != pid) {
                continue;
            }
            let flags = WaitPidFlag::empty();
            match process::wait_until(pid, flags, None) {
                Ok(Some(status)) => job.note(pid, State::read(status)),
                Ok(None) => {}
                Err(failure) if failure.is_silent() => return Err(failure),
                Err(_) => job.note(pid, State::Exited(127)),
            }
        }
        self.jobs.take(number);
        let found = job.processes.iter().find(|(pid, _)| Some(*pid) == wanted);
        let state = found.map_or_else(|| job.state(), |&(_, state)| state);
        if !job.state().is_over() {
            self.jobs.keep(job, false);
        }
        Ok(Some(state.status()))
    }
}

/// Ends a process group and reaps its first process.
fn end_group(leader: Pid, first: Signal) {
    const GRACE: Duration = Duration::from_secs(2);
    let begin = Instant::now();
    let _ = killpg(leader, first);
    let _ = killpg(leader, Signal::SIGCONT);
    let mut killed = false;
    loop {
        let alive = matches!(
            waitpid(leader, Some(WaitPidFlag::WNOHANG)),
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
        );
        // What is left of its group keeps the group's number from being used again.
        if !alive && (killed || killpg(leader, None).is_err()) {
            return;
        }
        if !killed && Instant::now().since(begin) >= GRACE {
            let _ = killpg(leader, Signal::SIGKILL);
            killed = true;
        }
        // Any descriptor-less poll is a sleep that a signal ends early.
        let _ = poll(&mut [], PollTimeout::from(10_u8));
    }
}

/// Tells at the prompt which jobs in the background have ended or stopped since the last time.
pub fn notify(shell: &mut Shell) {
    shell.jobs.poll();
    let mut lines = String::new();
    for job in &mut shell.jobs.list {
        let state = job.state();
        if state == State::Running {
            job.told = false;
        } else if !job.told {
            job.told = true;
            let _ = writeln!(lines, "{}", job.line());
        }
    }
    shell.jobs.list.retain(|job| !job.state().is_over());
    tell(&lines);
}

/// A remark for the person at the terminal.
pub(super) fn tell(text: &str) {
    // Nobody to tell when standard error is gone.
    let _ = write_all(&std::io::stderr(), text.as_bytes());
}
