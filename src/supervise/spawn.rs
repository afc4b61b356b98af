//! From a service's description to a process: fork, descriptors, exec. Invariants: the parent does not
//! wait for the child; a child holds none of PID 1's descriptors, signals or dispositions; what kept it
//! from being executed comes back through a pipe.

mod apply;
mod command;
mod group;
mod handed;
mod reload;
mod terminal;

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};

pub use self::command::Command;
use super::program::SHELL;
use super::readiness::pidfile;
use super::setup::Step;
use super::spec::{NOTIFY_SOCKET, Program, READY_FD, Ready, ServiceSpec};
use super::voice;
use super::wire::{Malformed, Reader, Wire, Writer, wire_struct};
use crate::sys::call::{execve, fcntl, pipe2, read, setsid, write};
use crate::sys::child::Exit;
use crate::sys::process::{self, Fork, exit_now, fork};
use crate::sys::{limits, seqpacket, signal};

/// How children are made here.
#[derive(Debug)]
pub struct Launcher {
    machine: bool,
    /// Our own executable.
    pub own: Option<OwnedFd>,
}

/// What PID 1 has for a service besides its description.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The pipe for standard output and error where they are [`Stdio::Log`].
    pub log: Option<BorrowedFd<'a>>,
    /// The address in `NOTIFY_SOCKET`.
    pub notify: Option<&'a OsStr>,
    /// Descriptors, and the numbers under which it gets them.
    pub kept: &'a [(i32, OwnedFd)],
    /// How its last process ended, if it had one.
    pub last: Option<Exit>,
    /// Where its pid file is told as it was before; see [`pidfile`].
    pub before: Option<BorrowedFd<'a>>,
}

/// How the boot role is started.
#[derive(Debug, Default, Clone)]
pub struct Boot {
    /// A program with its arguments in the place of the boot role, for tests.
    pub instead: Vec<CString>,
    /// Further arguments for the boot role.
    pub extra: Vec<CString>,
    /// The command of container mode instead.
    pub command: Option<Command>,
}

/// What is left in PID 1 of a child that it made.
#[derive(Debug)]
pub struct Started {
    /// Its pid.
    pub pid: i32,
    /// See [`read_executed`].
    pub executed: OwnedFd,
    /// See [`read_ready`].
    pub ready: Option<OwnedFd>,
}

/// What the pipe says about the exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executed {
    /// The program was executed.
    Yes,
    /// It was not.
    No(Errno),
    /// This step before that failed.
    Not(Step, Errno),
    /// Nothing is known yet.
    NotYet,
}

/// The number of the descriptor that a program is given: one digit, because some shells know no others.
const GIVEN: i32 = 3;

wire_struct!(Boot {
    instead,
    extra,
    command
});

impl Launcher {
    /// Our own executable.
    pub fn own(&self) -> Option<BorrowedFd<'_>> {
        self.own.as_ref().map(AsFd::as_fd)
    }

    /// Keeps a descriptor of our own executable, so that built-ins and the boot role can be executed
    /// whatever becomes of its path.
    pub fn new(machine: bool) -> Self {
        Self {
            machine,
            own: process::own_executable().ok().map(high),
        }
    }

    /// Starts a service. Errors: EAGAIN, ENOMEM, EMFILE: try again later.
    pub fn service(&self, spec: &ServiceSpec, given: Given<'_>) -> Result<Started, Errno> {
        let pipes = Pipes::new(spec.ready == Ready::Descriptor)?;
        match fork()? {
            Fork::Parent(pid) => Ok(pipes.keep(pid.as_raw())),
            Fork::Child => {
                let one_each = [self.own(), given.log, given.before].into_iter().flatten();
                let kept = given.kept.iter().map(|(_, file)| file.as_fd());
                let theirs = one_each.chain(kept).map(|file| file.as_raw_fd());
                let pipes = pipes.told().alone(theirs.collect()).begin();
                let env = environment(spec, &given);
                let argv = words(&spec.argv);
                let mut ours = Ours {
                    executed: pipes.executed,
                    own: self.own.as_ref().and_then(|own| own.try_clone().ok()),
                };
                let ready = pipes.ready.as_ref().map(AsFd::as_fd);
                apply::open_all(spec, &given, self.machine)
                    .map(|()| pidfile::tell_before(spec, given.before))
                    .and_then(|()| handed::hand_over(given.kept, ready, &mut ours))
                    .and_then(|()| apply::restrict(spec))
                    .unwrap_or_else(|(step, errno)| give_up(&ours.executed, Some(step), errno));
                let errno = match &spec.program {
                    Program::Own => exec_own(ours.own.as_ref(), prefixed(argv), &env),
                    Program::Path(path) => {
                        let path = CString::new(path.as_bytes()).unwrap_or_default();
                        exec_path(&path, &argv, &env)
                    }
                };
                give_up(&ours.executed, None, errno)
            }
        }
    }

    /// Starts the boot role; also the end of the doorbell that is for PID 1. `again`: it ran before.
    pub fn boot(&self, boot: &Boot, again: bool) -> Result<(Started, OwnedFd), Errno> {
        let pipes = Pipes::new(false)?;
        let (ours, theirs) = seqpacket::pair()?;
        match fork()? {
            Fork::Parent(pid) => Ok((pipes.keep(pid.as_raw()), ours)),
            Fork::Child => {
                let files = self.own().into_iter().chain([theirs.as_fd()]);
                let kept = files.map(|file| file.as_raw_fd()).collect();
                let pipes = pipes.told().alone(kept).begin();
                self.boot_stdio();
                let env: Vec<_> = std::env::vars_os().map(variable).collect();
                enter(Some(theirs.as_fd()));
                let errno = match boot.instead.as_slice() {
                    [] => self.exec_own(boot.argv(again), &env),
                    [program, ..] => exec_path(program, &boot.instead, &env),
                };
                pipes.give_up(None, errno)
            }
        }
    }

    fn exec_own(&self, argv: Vec<CString>, env: &[CString]) -> Errno {
        exec_own(self.own.as_ref(), argv, env)
    }

    /// The boot role reads and writes on the console; in a namespace on what PID 1 has. What cannot be
    /// opened stays what it was.
    fn boot_stdio(&self) {
        if !self.machine {
            return;
        }
        let file = voice::console(OFlag::O_RDWR)
            .and_then(|console| blocking(&console).map(|()| console))
            .or_else(|_| apply::null());
        put(file.ok(), &[0, 1, 2]);
    }
}

/// What a child needs up to its exec.
struct Ours {
    /// Where it says that it cannot be executed.
    executed: OwnedFd,
    /// Our own executable.
    own: Option<OwnedFd>,
}

/// Without execveat(2), or where our own executable could not be opened, the path must do.
fn exec_own(own: Option<&OwnedFd>, argv: Vec<CString>, env: &[CString]) -> Errno {
    if let Some(own) = own {
        let errno = process::exec_fd(own.as_fd(), &argv, env);
        if errno != Errno::ENOSYS {
            return errno;
        }
    }
    exec_path(process::own_path(), &argv, env)
}

impl Boot {
    fn argv(&self, again: bool) -> Vec<CString> {
        let control = format!("--control-fd={GIVEN}");
        let mut argv = vec![c"initsh".to_owned(), c"--boot".to_owned()];
        if again {
            argv.push(c"--again".to_owned());
        }
        argv.push(CString::new(control).unwrap_or_default());
        argv.extend_from_slice(&self.extra);
        argv
    }
}

struct Pipes {
    executed: OwnedFd,
    /// The child's end.
    told: OwnedFd,
    ready: Option<(OwnedFd, OwnedFd)>,
}

impl Pipes {
    fn new(ready: bool) -> Result<Self, Errno> {
        let flags = OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let (executed, told) = seqpacket::channel()?;
        fcntl(&executed, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            executed,
            told: high(told),
            ready: ready.then(|| pipe2(flags)).transpose()?,
        })
    }

    /// In the child: keeps its own ends.
    fn told(self) -> Told {
        Told {
            executed: self.told,
            ready: self.ready.map(|(_, write)| write),
        }
    }

    fn keep(self, pid: i32) -> Started {
        Started {
            pid,
            executed: self.executed,
            ready: self.ready.map(|(read, _)| read),
        }
    }
}

/// The child's ends.
struct Told {
    executed: OwnedFd,
    ready: Option<OwnedFd>,
}

impl Told {
    /// Closes what of PID 1's is neither its own nor among `kept`, before it waits for anything: a child
    /// that is kept waiting keeps no watchdog running, and no pipe of others open.
    fn alone(self, mut kept: Vec<RawFd>) -> Self {
        kept.push(self.executed.as_raw_fd());
        kept.extend(self.ready.as_ref().map(AsRawFd::as_raw_fd));
        process::close_but(kept);
        self
    }

    /// Waits until PID 1 has written down that there is this child ([`release`]). A PID 1 that crashed
    /// before knows nothing of it and starts another: this one ends.
    fn begin(self) -> Self {
        // Every signal that could interrupt it is blocked.
        if read(&self.executed, &mut [0]) == Ok(0) {
            exit_now(0);
        }
        self
    }

    fn give_up(&self, step: Option<Step>, errno: Errno) -> ! {
        give_up(&self.executed, step, errno)
    }
}

/// Ends the child with the status that a shell would show. No step: it was the exec.
fn give_up(executed: &OwnedFd, step: Option<Step>, errno: Errno) -> ! {
    let mut message = Writer::default();
    (errno as i32).write(&mut message);
    step.write(&mut message);
    let _ = write(executed, &message.finish());
    exit_now(if errno == Errno::ENOENT { 127 } else { 126 })
}

/// Lets a child go on to its program: it is in the journal. Once more does no harm. False: it could not
/// be told yet.
pub fn release(executed: BorrowedFd<'_>) -> bool {
    match seqpacket::send_message(executed, &[0]) {
        // One that has ended is about to be reaped.
        Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET | Errno::EBADF | Errno::ENOTSOCK) => true,
        Err(_) => false,
    }
}

/// Takes what the child left in its pipe; does not wait.
pub fn read_executed(pipe: BorrowedFd<'_>) -> Executed {
    let mut message = [0; 8];
    let length = match read(pipe, &mut message) {
        Ok(length) => length,
        Err(Errno::EAGAIN | Errno::EINTR) => return Executed::NotYet,
        // Whatever it is, it is not the child's failure.
        Err(_) => 0,
    };
    let mut message = Reader::new(&message[..length]);
    match obstacle(&mut message) {
        Ok((errno, Some(step))) => Executed::Not(step, errno),
        Ok((errno, None)) => Executed::No(errno),
        Err(_) => Executed::Yes,
    }
}

fn obstacle(message: &mut Reader<'_>) -> Result<(Errno, Option<Step>), Malformed> {
    let errno = Errno::from_raw(i32::read(message)?);
    Ok((errno, Option::read(message)?))
}

/// Whether a service has written the newline that means ready; `None` while it may still come.
pub fn read_ready(pipe: BorrowedFd<'_>) -> Option<bool> {
    let mut bytes = [0; 64];
    match read(pipe, &mut bytes) {
        Ok(0) => Some(false),
        Ok(length) => bytes[..length].contains(&b'\n').then_some(true),
        Err(Errno::EAGAIN | Errno::EINTR) => None,
        Err(_) => Some(false),
    }
}

/// Out of the way of [`GIVEN`].
fn high(file: OwnedFd) -> OwnedFd {
    match file.as_raw_fd() {
        GIVEN => process::dup_high(file.as_fd()).unwrap_or(file),
        _ => file,
    }
}

/// execve(2). Returns only on failure.
fn exec_path(path: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    match execve(path, argv, env) {
        Err(errno) => errno,
        Ok(never) => match never {},
    }
}

/// The boot role's last steps before exec. `given` is the one descriptor besides 0–2 that the program gets.
fn enter(given: Option<BorrowedFd<'_>>) {
    // Fails only in a session's leader, which a forked child is not.
    let _ = setsid();
    process::cloexec_from(GIVEN);
    if let Some(given) = given {
        let _ = blocking(&given);
        let _ = process::dup_onto(given.as_raw_fd(), GIVEN);
        // Where it had this number already, that changed nothing.
        let _ = process::set_cloexec(GIVEN, false);
    }
    limits::restore_open_files();
    signal::reset_for_child();
}

/// Has reading and writing wait.
pub fn blocking(file: &impl AsFd) -> Result<(), Errno> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK)).map(drop)
}

fn put(file: Option<OwnedFd>, onto: &[i32]) {
    if let Some(file) = file {
        for &number in onto {
            let _ = process::dup_onto(file.as_raw_fd(), number);
        }
    }
}

fn words(argv: &[impl AsRef<OsStr>]) -> Vec<CString> {
    // The protocol lets no NUL byte through.
    let word = |word: &OsStr| CString::new(word.as_bytes()).unwrap_or_default();
    argv.iter().map(|text| word(text.as_ref())).collect()
}

/// A built-in's name is the first argument of the shell; the shell's own name stands for itself.
fn prefixed(argv: Vec<CString>) -> Vec<CString> {
    if argv
        .first()
        .is_some_and(|name| name.as_bytes() == SHELL.as_bytes())
    {
        return argv;
    }
    [c"initsh".to_owned()].into_iter().chain(argv).collect()
}

/// `NAME=VALUE`
pub fn variable((name, value): (impl AsRef<OsStr>, impl AsRef<OsStr>)) -> CString {
    let text = [name.as_ref().as_bytes(), value.as_ref().as_bytes()].join(&b'=');
    CString::new(text).unwrap_or_default()
}

fn environment(spec: &ServiceSpec, more: &Given<'_>) -> Vec<CString> {
    let ours = |name: &OsStr| name == READY_FD || name == NOTIFY_SOCKET;
    let given = spec.env.iter().filter(|(name, _)| !ours(name));
    let mut env: Vec<_> = given.map(|(name, value)| variable((name, value))).collect();
    if spec.ready == Ready::Descriptor {
        let number = handed::ready_number(more.kept);
        env.push(variable((READY_FD, number.to_string())));
    }
    if let Some(address) = more.notify {
        env.push(variable((NOTIFY_SOCKET, address)));
    }
    env
}
