//! What calls the prompt away from its keys: a limit on how long it waits, and PID 1, which has written over
//! its line. Invariant: SIGALRM and SIGURG only ever end a blocking read of this process's line editor, and
//! only while it reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::alarm;

/// What PID 1 sends when it has written over a prompt: a signal that does nothing to whoever does not know
/// of it.
pub const NUDGE: Signal = Signal::SIGURG;

static RANG: AtomicBool = AtomicBool::new(false);
static NUDGED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_alarm(_signal: libc::c_int) {
    RANG.store(true, Ordering::Relaxed);
    // The editor restarts a read that any other signal ends; Ctrl-C ends its line.
    // SAFETY: raise(3) is async-signal-safe.
    unsafe { libc::raise(libc::SIGINT) };
}

extern "C" fn on_nudge(_signal: libc::c_int) {
    NUDGED.store(true, Ordering::Relaxed);
    // SAFETY: raise(3) is async-signal-safe.
    unsafe { libc::raise(libc::SIGINT) };
}

fn on(signal: Signal, handler: SigHandler) -> bool {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: both handlers only touch atomics and raise a signal, which is async-signal-safe.
    unsafe { sigaction(signal, &action) }.is_ok()
}

/// Has a SIGINT sent to this process `after` from now (whole seconds, at least 1), instead of an
/// earlier one.
pub fn arm(after: Duration) {
    RANG.store(false, Ordering::Relaxed);
    if on(Signal::SIGALRM, SigHandler::Handler(on_alarm)) {
        let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1);
        let _ = alarm::set(seconds);
    }
}

/// Disarms it; whether it rang since [`arm`].
pub fn disarm() -> bool {
    let _ = alarm::cancel();
    RANG.swap(false, Ordering::Relaxed)
}

/// Until [`deafen`], a [`NUDGE`] becomes a SIGINT.
pub fn listen() {
    NUDGED.store(false, Ordering::Relaxed);
    let _ = on(NUDGE, SigHandler::Handler(on_nudge));
}

/// Whether one came since [`listen`].
pub fn deafen() -> bool {
    let _ = on(NUDGE, SigHandler::SigDfl);
    NUDGED.swap(false, Ordering::Relaxed)
}
