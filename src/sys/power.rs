//! The calls that end a machine. Invariant: nothing here can be reached without an [`Authority`], and
//! only the first process of a machine or of a PID namespace has one; anywhere else reboot(2) would
//! take down the machine of somebody who tried a command.

use nix::errno::Errno;
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid};

use super::child;

/// The proof that this process is (or was forked by) the first of its PID namespace.
#[derive(Debug, Clone, Copy)]
pub struct Authority {
    machine: bool,
}

/// How a machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Power off.
    PowerOff,
    /// Start again.
    Restart,
    /// Stop the processors, leave the power on.
    Halt,
}

/// Whether this process is the first of a machine, not of a container or a namespace. The kernel's own
/// thread 2 (kthreadd) is visible from the initial PID namespace alone; this needs no `/proc`. In a
/// namespace that number is our first child's, which a program that has taken over may still have.
pub fn is_machine() -> bool {
    let second = Pid::from_raw(2);
    getpid().as_raw() == 1 && kill(second, None).is_ok() && !child::is_child(second)
}

impl Authority {
    /// Taken once, at the start of PID 1, before it forks; `None` anywhere but in PID 1.
    pub fn take() -> Option<Self> {
        (getpid().as_raw() == 1).then(|| Self {
            machine: is_machine(),
        })
    }

    /// Taken by a program that has replaced PID 1's earlier one, which knew what it was PID 1 of; `None`
    /// anywhere but in PID 1.
    pub fn again(machine: bool) -> Option<Self> {
        (getpid().as_raw() == 1).then_some(Self { machine })
    }

    /// Whether the whole machine is ours, not just a PID namespace.
    pub fn over_machine(self) -> bool {
        self.machine
    }

    /// reboot(2). In a PID namespace it ends the namespace. Returns only on failure.
    pub fn end(self, how: End) -> Errno {
        let mode = match how {
            End::PowerOff => RebootMode::RB_POWER_OFF,
            End::Restart => RebootMode::RB_AUTOBOOT,
            End::Halt => RebootMode::RB_HALT_SYSTEM,
        };
        match reboot(mode) {
            Err(errno) => errno,
            Ok(never) => match never {},
        }
    }

    /// Makes Ctrl-Alt-Del a SIGINT to PID 1 instead of an immediate reset.
    pub fn catch_ctrl_alt_del(self) -> Result<(), Errno> {
        set_cad_enabled(false)
    }

    /// Writes a byte to an I/O port (x86): the way out of QEMU through `isa-debug-exit`.
    ///
    /// Errors: EPERM (kernel lockdown), ENOSYS (another architecture).
    #[cfg(target_arch = "x86_64")]
    pub fn write_port(self, port: u16, value: u8) -> Result<(), Errno> {
        // SAFETY: ioperm(2) only grants access to this port.
        let granted = unsafe { libc::syscall(libc::SYS_ioperm, libc::c_ulong::from(port), 1, 1) };
        Errno::result(granted)?;
        // SAFETY: access was granted; the instruction touches no memory.
        unsafe {
            core::arch::asm!("out dx, al", in("dx") port, in("al") value,
                options(nomem, nostack, preserves_flags));
        }
        Ok(())
    }

    /// There are no I/O ports on this architecture.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn write_port(self, _port: u16, _value: u8) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}
