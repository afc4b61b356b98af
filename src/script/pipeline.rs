//! Processes of the language: pipelines, subshells, `$(…)`, the background. Invariant: a child leaves
//! only through [`process::exit_now`], after its own `trap … EXIT`.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, setpgid};

use super::ast::{Command, Item, List, Pipeline, Span};
use super::jobs::{Job, State, tell};
use super::options::Flag;
use super::redirect::pipe;
use super::shell::Shell;
use crate::cmd::Flow;
use crate::failure::{Doing, Failure};
use crate::sys::process::{self, Fork};
use crate::sys::signal;
use crate::system::oom;

/// What a child is to its shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Waited for; has the terminal.
    Foreground,
    /// Not waited for.
    Background,
    /// `$(…)`: in the shell's own process group.
    Substitution,
    /// `timeout`: in a group of its own, with the terminal where there is job control.
    Limited,
}

impl Shell {
    /// Forks a child that does `body` and leaves with its status; it becomes part of `job`.
    ///
    /// Errors: the kernel has no room for another process.
    pub(super) fn fork(
        &mut self,
        place: Place,
        job: &mut Job,
        body: &mut dyn FnMut(&mut Shell) -> Flow,
    ) -> Result<Pid, Failure> {
        match process::fork().doing(|| "start a process")? {
            Fork::Parent(pid) => {
                if place != Place::Substitution {
                    self.jobs.place(job, pid, place != Place::Background);
                    if place != Place::Background {
                        self.jobs.pass_interrupt_on(job);
                    }
                }
                job.add(pid);
                Ok(pid)
            }
            Fork::Child => {
                self.become_child(place, job);
                let flow = body(self);
                process::exit_now(self.finish(flow))
            }
        }
    }

    fn become_child(&mut self, place: Place, job: &Job) {
        oom::spare_no_longer();
        if place != Place::Substitution {
            self.jobs.join_group(job.group, place != Place::Background);
        }
        if place == Place::Limited {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        }
        let controlled = self.jobs.control();
        signal::reset_for_child();
        // Ctrl-C since the command was chosen: our parent's handler has taken it, and waits for us now.
        let interrupted = signal::interrupted();
        self.traps.enter_child();
        self.jobs.enter_child();
        self.leave_prompt();
        if place != Place::Background {
            if interrupted {
                let _ = signal::send(nix::unistd::getpid().as_raw(), Signal::SIGINT as i32);
            }
            return;
        }
        self.checked = false;
        if controlled {
            return;
        }
        // POSIX XCU 2.11: without job control Ctrl-C is not for the background.
        for signal in [Signal::SIGINT, Signal::SIGQUIT] {
            let _ = signal::ignore(signal);
        }
        if job.processes.is_empty()
            && let Ok(null) = open(
                "/dev/null",
                OFlag::O_RDONLY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )
        {
            let _ = process::dup_onto(null.as_raw_fd(), 0);
        }
    }

    /// Runs a pipeline of two or more commands, each in a child.
    pub(super) fn run_stages(&mut self, pipeline: &Pipeline, text: String) -> Flow {
        let mut job = Job::new(text);
        if let Err(failure) = self.start_stages(pipeline, Place::Foreground, &mut job) {
            self.report(self.span, None, &failure);
            if job.processes.is_empty() {
                return Flow::Status(failure.status());
            }
        }
        self.counts.run += job.processes.len() as u64;
        self.wait_for_job(job)
    }

    /// Waits for a job in the foreground; the flow after it.
    pub(super) fn wait_for_job(&mut self, job: Job) -> Flow {
        let (state, worst) = self.wait_foreground(job);
        let status = if self.options.has(Flag::PipeFail) {
            worst
        } else {
            state.status()
        };
        self.flow_after(state, status)
    }

    /// The flow after a child that ran in the foreground: Ctrl-C that ended it ends what it was part of.
    pub(super) fn flow_after(&mut self, state: State, status: u8) -> Flow {
        match state {
            State::Killed(Signal::SIGINT) if self.traps.get(Signal::SIGINT as i32).is_none() => {
                self.abandon(status)
            }
            State::Killed(signal) if !matches!(signal, Signal::SIGINT | Signal::SIGPIPE) => {
                let failure = Failure::new(format!("killed by {signal}"));
                self.report(self.span, None, &failure);
                Flow::Status(status)
            }
            _ => Flow::Status(status),
        }
    }

    fn start_stages(
        &mut self,
        pipeline: &Pipeline,
        place: Place,
        job: &mut Job,
    ) -> Result<(), Failure> {
        let mut input: Option<OwnedFd> = None;
        let last = pipeline.commands.len().saturating_sub(1);
        for (index, command) in pipeline.commands.iter().enumerate() {
            let (mut next, mut output) = if index < last {
                let (read, write) = pipe()?;
                (Some(read), Some(write))
            } else {
                (None, None)
            };
            let mut stage = |shell: &mut Shell| {
                drop(next.take());
                let moved = move_onto(input.take(), 0);
                match moved.and_then(|()| move_onto(output.take(), 1)) {
                    Ok(()) => shell.run_command(command, true),
                    Err(failure) => shell.fail(command.span, None, &failure),
                }
            };
            self.fork(place, job, &mut stage)?;
            input = next;
        }
        Ok(())
    }

    /// `( list )`: in a child, unless this process is one that does nothing else.
    pub(super) fn run_subshell(&mut self, list: &List, last: bool, command: &Command) -> Flow {
        if last && self.traps.is_empty() {
            return self.run_last(list);
        }
        let body = &mut |shell: &mut Shell| shell.run_last(list);
        self.run_child(self.text_at(command.span), None, command.span, body)
    }

    /// Does `body` in a child in the foreground and waits for it; `text`: what the job is called, `name`:
    /// whose failure it is if there can be no child.
    pub(super) fn run_child(
        &mut self,
        text: String,
        name: Option<&str>,
        span: Span,
        body: &mut dyn FnMut(&mut Shell) -> Flow,
    ) -> Flow {
        let mut job = Job::new(text);
        match self.fork(Place::Foreground, &mut job, body) {
            Ok(_) => {
                self.span = span;
                self.wait_for_job(job)
            }
            Err(failure) => {
                self.report(span, name, &failure);
                Flow::Status(failure.status())
            }
        }
    }

    /// `item &`
    pub(super) fn run_background(&mut self, item: &Item) -> Flow {
        self.jobs.poll();
        let mut job = Job::new(
            self.text_at(item.span)
                .trim_end_matches('&')
                .trim()
                .to_owned(),
        );
        let place = Place::Background;
        let started = if item.rest.is_empty() && !item.first.negated {
            self.start_stages(&item.first, place, &mut job)
        } else {
            let body = &mut |shell: &mut Shell| shell.run_and_or(item);
            self.fork(place, &mut job, body).map(drop)
        };
        self.counts.run += 1;
        let flow = match started {
            Ok(()) => Flow::OK,
            Err(failure) => {
                self.report(item.span, None, &failure);
                Flow::Status(failure.status())
            }
        };
        if let Some(pid) = job.last_pid() {
            let number = self.jobs.keep(job, true);
            if self.is_interactive() {
                tell(&format!("[{number}] {pid}\n"));
            }
        }
        self.set_status(flow.status());
        flow
    }

    /// What `$(list)` stands for: the output of a child, without NUL bytes and trailing newlines.
    ///
    /// Errors: no pipe or process; Ctrl-C.
    pub(super) fn capture(&mut self, list: &List) -> Result<Vec<u8>, Failure> {
        let (read, write) = pipe()?;
        let mut ends = Some((read, write));
        let mut job = Job::new(String::new());
        let pid = self.fork(Place::Substitution, &mut job, &mut |shell| {
            shell.checked = false;
            let moved = ends
                .take()
                .map_or(Ok(()), |(_, write)| move_onto(Some(write), 1));
            match moved {
                Ok(()) => shell.run_last(list),
                Err(failure) => shell.fail(shell.span, None, &failure),
            }
        });
        let Some((read, write)) = ends else {
            return Err(Failure::new("start a process"));
        };
        drop(write);
        let pid = pid?;
        let text = read_all(&read);
        // Whoever still writes is told that nobody reads.
        drop(read);
        let status = wait_plainly(pid);
        self.substituted = Some(status.status());
        signal::check_interrupt()?;
        let mut text = text?;
        text.retain(|&byte| byte != 0);
        while text.last() == Some(&b'\n') {
            text.pop();
        }
        Ok(text)
    }
}

fn move_onto(from: Option<OwnedFd>, onto: i32) -> Result<(), Failure> {
    let Some(from) = from else {
        return Ok(());
    };
    process::dup_onto(from.as_raw_fd(), onto).doing(|| format!("redirect descriptor {onto}"))
}

fn wait_plainly(pid: Pid) -> State {
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => return State::Exited((code & 0xff) as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return State::Killed(signal),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return State::Exited(127),
        }
    }
}

/// Everything up to the end of file; Ctrl-C ends it early.
fn read_all(from: &OwnedFd) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match nix::unistd::read(from, &mut buffer) {
            Ok(0) => return Ok(text),
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(Errno::EINTR) => signal::check_interrupt()?,
            Err(errno) => return Err(Failure::errno("read the output of a command", errno)),
        }
    }
}
