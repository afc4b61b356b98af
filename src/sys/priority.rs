//! PID 1 goes first: among thousands of processes that want to run, it takes a few microseconds now and
//! then, and everybody waits for it. Invariant: nobody inherits that; the kernel itself gives a forked
//! child the usual nice value back (sched(7), `SCHED_RESET_ON_FORK`).

use nix::errno::Errno;

/// Ten times the weight of a usual process. Not -20: whoever chose that for a program meant it.
const NICE: libc::c_int = -10;

/// Raises PID 1's priority, where nobody has chosen one for it and it is allowed to (CAP_SYS_NICE).
pub fn raise() {
    if nice() == 0 && policy(libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK).is_ok() {
        set_nice(NICE);
    }
}

/// Makes this process a usual one again, before it becomes another program.
pub fn lower() {
    if nice() == NICE {
        set_nice(0);
        let _ = policy(libc::SCHED_OTHER);
    }
}

fn nice() -> libc::c_int {
    // SAFETY: getpriority(2) has no memory effects. -1 may be an error; it is no value of ours either.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

fn set_nice(nice: libc::c_int) {
    // SAFETY: setpriority(2) has no memory effects. Where it is not allowed, nothing has changed.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
}

/// The raw call: musl's wrapper knows no policies.
fn policy(policy: libc::c_int) -> Result<(), Errno> {
    let usual: libc::c_int = 0;
    // SAFETY: the one field of sched_param is this number, which outlives the call.
    let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const usual) };
    Errno::result(set).map(drop)
}
