//! seccomp(2): a filter that decides on every system call of a thread, for ever. Invariant: a filter is
//! in force as a whole or not at all.

use nix::errno::Errno;

use super::packet::Instruction;

/// The processor that the numbers of system calls are for (AUDIT_ARCH_* of linux/audit.h); `None`: no
/// filters are made for it.
pub const MACHINE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else {
    None
};

/// Puts the filter in force for this thread. Errors: EACCES (without no_new_privs), ENOSYS or EINVAL (the
/// kernel has no filters), EINVAL (this is none).
pub fn install(filter: &[Instruction]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: filter.len() as libc::c_ushort,
        // The kernel only reads it.
        filter: filter.as_ptr().cast_mut(),
    };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program and its instructions outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program) };
    Errno::result(done).map(drop)
}
