//! A limit on how long the prompt waits. Invariant: SIGALRM only ever ends a blocking read of this
//! process; nobody but the line editor arms it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::alarm;

static RANG: AtomicBool = AtomicBool::new(false);

extern "C" fn on_alarm(_signal: libc::c_int) {
    RANG.store(true, Ordering::Relaxed);
    // The editor restarts a read that any other signal ends; Ctrl-C ends its line.
    // SAFETY: raise(3) is async-signal-safe.
    unsafe { libc::raise(libc::SIGINT) };
}

/// Has a SIGINT sent to this process `after` from now (whole seconds, at least 1), instead of an
/// earlier one.
pub fn arm(after: Duration) {
    let action = SigAction::new(
        SigHandler::Handler(on_alarm),
        SaFlags::empty(),
        SigSet::empty(),
    );
    RANG.store(false, Ordering::Relaxed);
    // SAFETY: the handler stores to an atomic and raises a signal, both async-signal-safe.
    if unsafe { sigaction(Signal::SIGALRM, &action) }.is_ok() {
        let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1);
        let _ = alarm::set(seconds);
    }
}

/// Disarms it; whether it rang since [`arm`].
pub fn disarm() -> bool {
    let _ = alarm::cancel();
    RANG.swap(false, Ordering::Relaxed)
}
