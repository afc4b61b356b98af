//! The system calls of a kept client as a filter for seccomp(2). Pure. Invariant: a call that is not in
//! the tables gets EPERM; one for another kind of processor ends the process.

use nix::errno::Errno;
use nix::libc;

use crate::sys::packet::Instruction;

// linux/bpf_common.h: loads a word at an offset, jumps, the end.
const LOAD: u16 = 0x20;
const EQUALS: u16 = 0x15;
const ANY_BIT: u16 = 0x45;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;

// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What is allowed whatever its arguments are: files, sockets, memory and time, as glibc, musl and std
/// use them. What changes a file's owner, mode or attributes is not here: Landlock does not cover it.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_ppoll,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_clock_gettime,
    libc::SYS_close,
    libc::SYS_openat,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_getcwd,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    libc::SYS_signalfd4,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_capget,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same by the names that only the first processors have; musl uses them.
#[cfg(target_arch = "x86_64")]
const OLD: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_symlink,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[libc::c_long] = &[];

/// What the lower half of an argument must be.
enum Must<'a> {
    /// One of these.
    Be(&'a [u32]),
    /// Without any of these bits.
    Lack(u32),
}

/// The filter. `pid`: this process, the only one that it may signal (`abort` does).
pub fn filter(machine: u32, pid: u32) -> Vec<Instruction> {
    // AF_INET, AF_INET6, AF_NETLINK, AF_PACKET: not AF_UNIX, which would reach PID 1.
    let families = &[2, 10, 16, 17];
    let conditions = [
        (libc::SYS_socket, 0, Must::Be(families)),
        (libc::SYS_tkill, 0, Must::Be(&[pid])),
        (libc::SYS_tgkill, 0, Must::Be(&[pid])),
        // Its own limits.
        (libc::SYS_prlimit64, 0, Must::Be(&[0])),
        // FIONBIO, FIOCLEX, FIONREAD, TCGETS: nothing that types on a terminal.
        (
            libc::SYS_ioctl,
            1,
            Must::Be(&[0x5421, 0x5451, 0x541b, 0x5401]),
        ),
        // PROT_EXEC: no memory becomes a program.
        (libc::SYS_mmap, 2, Must::Lack(4)),
        (libc::SYS_mprotect, 2, Must::Lack(4)),
    ];
    let allow = step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW);
    let refuse = step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | Errno::EPERM as u32);
    let mut program = vec![
        step(LOAD, 0, 0, ARCHITECTURE),
        step(EQUALS, 1, 0, machine),
        step(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        step(LOAD, 0, 0, NUMBER),
    ];
    let simple = [ALLOWED, OLD].concat();
    for (at, number) in simple.iter().enumerate() {
        // To `allow`, which stands behind them and one jump over it.
        let distance = (simple.len() - at) as u8;
        program.push(step(EQUALS, distance, 0, *number as u32));
    }
    program.push(step(JUMP, 0, 0, 1));
    program.push(allow);
    for (number, argument, must) in conditions {
        let at = program.len();
        program.push(step(LOAD, 0, 0, ARGUMENTS + 8 * argument));
        match must {
            Must::Be(values) => {
                for value in values {
                    program.push(step(EQUALS, 0, 1, *value));
                    program.push(allow);
                }
            }
            Must::Lack(bits) => {
                program.push(step(ANY_BIT, 1, 0, bits));
                program.push(allow);
            }
        }
        program.push(refuse);
        let length = (program.len() - at) as u8;
        program.insert(at, step(EQUALS, 0, length, number as u32));
    }
    program.push(refuse);
    program
}

fn step(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: u32 = 0xc000_003e;

    /// What the program answers, by the rules of classic BPF.
    fn run(program: &[Instruction], machine: u32, number: i64, arguments: &[(u32, u32)]) -> u32 {
        let word = |offset| match offset {
            NUMBER => number as u32,
            ARCHITECTURE => machine,
            _ => {
                let at = (offset - ARGUMENTS) / 8;
                let given = arguments.iter().find(|(argument, _)| *argument == at);
                given.map_or(0, |(_, value)| *value)
            }
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |holds| usize::from(if holds { jt } else { jf });
            match code {
                LOAD => value = word(k),
                EQUALS => at += jump(value == k),
                ANY_BIT => at += jump(value & k != 0),
                JUMP => at += k as usize,
                RETURN => return k,
                _ => panic!("{code}"),
            }
        }
    }

    #[test]
    fn every_call_gets_its_answer() {
        let program = filter(MACHINE, 77);
        let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
        for number in -1..600 {
            let is_simple = ALLOWED.contains(&number) || OLD.contains(&number);
            let conditional = [
                libc::SYS_socket,
                libc::SYS_tkill,
                libc::SYS_tgkill,
                libc::SYS_prlimit64,
                libc::SYS_ioctl,
                libc::SYS_mmap,
                libc::SYS_mprotect,
            ];
            if !conditional.contains(&number) {
                let expected = [refused, libc::SECCOMP_RET_ALLOW][usize::from(is_simple)];
                assert_eq!(run(&program, MACHINE, number, &[]), expected, "{number}");
            }
            let killed = run(&program, 0x4000_0003, number, &[]);
            assert_eq!(killed, libc::SECCOMP_RET_KILL_PROCESS, "{number} of i386");
            // x32, whose calls have that bit.
            let x32 = run(&program, MACHINE, number | 0x4000_0000, &[]);
            assert_eq!(x32, refused, "{number} of x32");
        }
        for (number, argument, value, allowed) in [
            (libc::SYS_socket, 0, 17, true),
            (libc::SYS_socket, 0, 1, false),
            (libc::SYS_socket, 0, 38, false),
            (libc::SYS_tgkill, 0, 77, true),
            (libc::SYS_tgkill, 0, 1, false),
            (libc::SYS_ioctl, 1, 0x5421, true),
            (libc::SYS_ioctl, 1, 0x5412, false),
            (libc::SYS_mmap, 2, 3, true),
            (libc::SYS_mmap, 2, 7, false),
            (libc::SYS_mprotect, 2, 4, false),
            (libc::SYS_prlimit64, 0, 1, false),
        ] {
            let answer = run(&program, MACHINE, number, &[(argument, value)]);
            let expected = [refused, libc::SECCOMP_RET_ALLOW][usize::from(allowed)];
            assert_eq!(answer, expected, "{number} with {value}");
        }
    }

    #[test]
    fn what_would_undo_it_is_in_no_table() {
        for number in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_writev,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_clone,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_kill,
            libc::SYS_fchmodat,
            libc::SYS_fchownat,
            libc::SYS_setxattr,
        ] {
            assert!(!ALLOWED.contains(&number) && !OLD.contains(&number));
        }
    }
}
