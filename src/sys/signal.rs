//! Signal dispositions of the shell roles and of children. PID 1 itself takes no handler but reads a
//! signalfd. Invariant: the only thing a handler does is to set a flag.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, ppoll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
};

use crate::failure::Failure;
use crate::time::Instant;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_interrupt(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

static CAUGHT: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_caught(signal: libc::c_int) {
    CAUGHT.fetch_or(1 << (signal & 63), Ordering::Relaxed);
}

/// Notes a signal's arrival for [`take_caught`] (a script's `trap`).
///
/// Errors: EINVAL for SIGKILL and SIGSTOP.
pub fn catch(signal: Signal) -> Result<(), Errno> {
    let action = SigAction::new(
        SigHandler::Handler(on_caught),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler only changes an atomic.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// The lowest of the signals given to [`catch`] that have arrived and were not taken.
pub fn caught() -> Option<u8> {
    let caught = CAUGHT.load(Ordering::Relaxed);
    u8::try_from(caught.trailing_zeros())
        .ok()
        .filter(|&number| number < 64)
}

/// The signals that arrived since the last call: bit N for signal N.
pub fn take_caught() -> u64 {
    CAUGHT.swap(0, Ordering::Relaxed)
}

/// Makes Ctrl-C (SIGINT) set the flag that [`interrupted`] reads and end blocking calls with EINTR.
pub fn catch_interrupt() -> Result<(), Errno> {
    let action = SigAction::new(
        SigHandler::Handler(on_interrupt),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler only stores to an atomic.
    unsafe { sigaction(Signal::SIGINT, &action) }.map(drop)
}

/// Whether Ctrl-C came since [`clear_interrupt`].
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Forgets an earlier Ctrl-C; the shell does so before each command of the prompt.
pub fn clear_interrupt() {
    INTERRUPTED.store(false, Ordering::Relaxed);
}

/// Ends a built-in with status 130 if Ctrl-C came.
pub fn check_interrupt() -> Result<(), Failure> {
    if interrupted() {
        Err(Failure::interrupted())
    } else {
        Ok(())
    }
}

/// kill(2) by number, which may be one of the real-time signals that `nix` has no names for. `pid` as
/// there: a negative one is a process group.
///
/// Errors: ESRCH, EPERM, EINVAL (no such signal).
pub fn send(pid: i32, number: i32) -> Result<(), Errno> {
    // SAFETY: kill(2) has no memory effects.
    Errno::result(unsafe { libc::kill(pid, number) }).map(drop)
}

/// Sends a stop signal that this process has blocked to its process group, and stops with it. Returns
/// when it was continued (true; the SIGCONT is taken), or at once where the kernel lets nobody stop it:
/// an orphaned group.
pub fn stop_own_group(signal: Signal) -> bool {
    let mut only = SigSet::empty();
    only.add(signal);
    let _ = default(signal);
    let _ = send(0, signal as i32);
    let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&only), None);
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&only), None);
    let mut only = SigSet::empty();
    only.add(Signal::SIGCONT);
    let no_time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both point to values that outlive the call; no information about the signal is asked for.
    let taken = unsafe { libc::sigtimedwait(only.as_ref(), std::ptr::null_mut(), &no_time) };
    taken == libc::SIGCONT
}

/// Ignores a signal in this process.
pub fn ignore(signal: Signal) -> Result<(), Errno> {
    set(signal, SigHandler::SigIgn)
}

/// Gives a signal its default action in this process.
pub fn default(signal: Signal) -> Result<(), Errno> {
    set(signal, SigHandler::SigDfl)
}

fn set(signal: Signal, handler: SigHandler) -> Result<(), Errno> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: SIG_IGN and SIG_DFL run no code of ours.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// Ignores nothing any more. What is left when a program is executed without [`reset_for_child`]: exec(2)
/// itself puts an end to handlers.
pub fn heed_all() {
    let is_ignored = |signal: &i32| signal_action(*signal, None)[0] == libc::SIG_IGN;
    for signal in (1..=64).filter(is_ignored) {
        signal_action(signal, Some([0; 16]));
    }
}

/// rt_sigaction(2): the C library keeps two real-time signals to itself, but not from a parent that ignores
/// them. `new`: a `kernel_sigaction`, whose first word is the handler; zeroes are SIG_DFL on every
/// architecture. What it was.
fn signal_action(signal: i32, new: Option<[usize; 16]>) -> [usize; 16] {
    let mut old = [0; 16];
    let new = new.as_ref().map_or(std::ptr::null(), |new| new.as_ptr());
    // SAFETY: both are larger than any architecture's structure and outlive the call; no handler is ever
    // set. SIGKILL and SIGSTOP refuse; that is what they are for.
    unsafe {
        libc::syscall(libc::SYS_rt_sigaction, signal, new, old.as_mut_ptr(), 8);
    }
    old
}

/// What every child needs before exec: all dispositions default, nothing blocked.
pub fn reset_for_child() {
    for signal in 1..=64 {
        signal_action(signal, Some([0; 16]));
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// Sleeps until `deadline` (`None`: for ever). Ctrl-C ends it at once with [`Failure::interrupted`].
pub fn sleep_until(deadline: Option<Instant>) -> Result<(), Failure> {
    poll_until(&mut [], deadline).map(drop)
}

/// poll(2) until one of `fds` has something to say (true) or `deadline` has come (false; `None`:
/// never). Ctrl-C ends it at once with [`Failure::interrupted`].
pub fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Failure> {
    // Blocked between the check and the sleep, so that no Ctrl-C falls into the gap.
    let mut interrupt = SigSet::empty();
    interrupt.add(Signal::SIGINT);
    let mut before = SigSet::empty();
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&interrupt), Some(&mut before));
    let waited = loop {
        if interrupted() {
            break Err(Failure::interrupted());
        }
        let left = deadline.map(|deadline| deadline.since(Instant::now()));
        match ppoll(fds, left.map(Into::into), Some(before)) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => break Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => break Ok(true),
            Err(errno) => break Err(Failure::errno("wait", errno)),
        }
    };
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    waited
}
