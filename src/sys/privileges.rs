//! What a process may do: resource limits, nice value, capabilities (capabilities(7)). Invariant: every
//! call is about the calling process alone.

use nix::errno::Errno;

/// The capabilities of a process, by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// What it may use.
    pub permitted: u64,
    /// What it does use.
    pub effective: u64,
    /// What exec may pass on.
    pub inheritable: u64,
}

/// `_LINUX_CAPABILITY_VERSION_3`: 64 bits, in two halves.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// setrlimit(2) by the resource's number. Errors: EPERM (the hard limit would grow), EINVAL.
pub fn set_limit(resource: u8, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: `limit` outlives the call. The type of the number differs between C libraries.
    Errno::result(unsafe { libc::setrlimit(resource as _, &raw const limit) }).map(drop)
}

/// setpriority(2) for this process. Errors: EACCES (lower than it was, without CAP_SYS_NICE).
pub fn set_nice(nice: i8) -> Result<(), Errno> {
    // SAFETY: takes integers. The type of the first differs between C libraries.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, i32::from(nice)) };
    Errno::result(done).map(drop)
}

/// capget(2).
pub fn caps() -> Result<Caps, Errno> {
    let mut header = Header {
        version: VERSION,
        pid: 0,
    };
    let mut halves = [Half::default(); 2];
    // SAFETY: the header and the two halves are laid out as version 3 has them and outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_capget,
            &raw mut header,
            (&raw mut halves).cast::<Half>(),
        )
    };
    Errno::result(done)?;
    let whole =
        |part: fn(&Half) -> u32| u64::from(part(&halves[0])) | u64::from(part(&halves[1])) << 32;
    Ok(Caps {
        permitted: whole(|half| half.permitted),
        effective: whole(|half| half.effective),
        inheritable: whole(|half| half.inheritable),
    })
}

/// Makes these the permitted, effective and inheritable capabilities: capset(2). Errors: EPERM (one of
/// them is not permitted now).
pub fn set_caps(set: u64) -> Result<(), Errno> {
    set_all_caps(set, set)
}

/// Keeps these as permitted and effective capabilities that no exec passes on. Errors: EPERM (one of
/// them is not permitted now).
pub fn keep_only(set: u64) -> Result<(), Errno> {
    set_all_caps(set, 0)
}

fn set_all_caps(set: u64, inheritable: u64) -> Result<(), Errno> {
    let header = Header {
        version: VERSION,
        pid: 0,
    };
    let half = |shift: u32| Half {
        effective: (set >> shift) as u32,
        permitted: (set >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let halves = [half(0), half(32)];
    // SAFETY: as in `caps`; the kernel only reads.
    let done = unsafe {
        libc::syscall(
            libc::SYS_capset,
            &raw const header,
            (&raw const halves).cast::<Half>(),
        )
    };
    Errno::result(done).map(drop)
}

/// Takes every capability that is not in the set out of the bounding set. Errors: EPERM (without
/// CAP_SETPCAP).
pub fn bound_caps(set: u64) -> Result<(), Errno> {
    for cap in 0..63 {
        match prctl(libc::PR_CAPBSET_READ, cap, 0) {
            Ok(1) if set & (1 << cap) == 0 => prctl(libc::PR_CAPBSET_DROP, cap, 0).map(drop)?,
            Ok(_) => {}
            // The kernel knows no more.
            Err(_) => break,
        }
    }
    Ok(())
}

/// Makes exactly these ambient: a program that another user than root executes has them. Errors: EPERM
/// (not permitted or not inheritable), EINVAL (before Linux 4.3).
pub fn set_ambient(set: u64) -> Result<(), Errno> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL;
    prctl(libc::PR_CAP_AMBIENT, to_long(clear), 0)?;
    for cap in (0..63).filter(|cap| set & (1 << cap) != 0) {
        let raise = libc::PR_CAP_AMBIENT_RAISE;
        match prctl(libc::PR_CAP_AMBIENT, to_long(raise), cap) {
            // A capability that this kernel does not know.
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Whether permitted capabilities survive a change from root to another user (`PR_SET_KEEPCAPS`).
pub fn keep_caps(kept: bool) -> Result<(), Errno> {
    prctl(libc::PR_SET_KEEPCAPS, u64::from(kept), 0).map(drop)
}

fn to_long(number: libc::c_int) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn prctl(option: libc::c_int, second: u64, third: u64) -> Result<libc::c_int, Errno> {
    // SAFETY: none of the options used here takes an address. The kernel wants the rest to be zero.
    let answer = unsafe { libc::prctl(option, second, third, 0_u64, 0_u64) };
    Errno::result(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_may_be_set_again() {
        let now = caps().unwrap();
        assert_eq!(now.effective & !now.permitted, 0);
        set_ambient(0).unwrap();
        keep_caps(false).unwrap();
        assert!(bound_caps(u64::MAX).is_ok());
    }
}
