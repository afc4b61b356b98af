//! The last child: writes everything out, unmounts, and ends the machine. It runs beside PID 1 so that a
//! file system that hangs takes only this child with it; what touches a file system is done in children
//! of its own, so that one that hangs does not keep the others from being written out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags};
use nix::sys::stat::Mode;
use nix::sys::wait::WaitPidFlag;
use nix::unistd::Pid;

use super::mounts::to_unmount;
use super::protocol::Power;
use super::voice::Voice;
use crate::sys::call::{mkdir, mount, open, read_file, sync, umount2, write};
use crate::sys::power::{Authority, End};
use crate::sys::process::{Fork, exit_now, fork, wait_until};
use crate::system::params::{Params, PowerOff};
use crate::system::{cmdline, host};
use crate::time::Instant;

/// The I/O port of QEMU's `isa-debug-exit` as `scripts/qemu` places it. What is written there ends QEMU
/// with twice the value plus one.
const EXIT_PORT: u16 = 0xf4;

/// How much of a file of `/proc` is read.
const LONGEST: usize = 4 << 20;

/// Which part of the time that is left one file system may take before the others have their turn.
const PART: u32 = 4;

/// Syncs, unmounts (on a machine of our own only), ends it. Returns only if reboot(2) does. A namespace's
/// files outlive it; there is nothing to be written out. `until`: when PID 1 loses its patience.
pub fn finish(authority: Authority, power: Power, until: Instant, voice: &mut Voice) -> Errno {
    if authority.over_machine() {
        // PID 1 cannot be taken when memory runs out; neither should its last child be.
        let _ = write_file("/proc/self/oom_score_adj", b"-1000");
        unmount_all(until, voice);
    }
    force(authority, power, voice)
}

/// Ends the machine as it is.
pub fn force(authority: Authority, power: Power, voice: &mut Voice) -> Errno {
    let (params, _) = Params::from_cmdline(&proc_file("/proc/cmdline"));
    if let (Power::Off(status @ 1..), true) = (power, authority.over_machine()) {
        report(authority, status, voice);
    }
    authority.end(end_of(power, params.poweroff, host::vmm))
}

/// Ends the machine where reboot(2) hangs in the kernel, which lets no second call of it in: through
/// sysrq, which waits for nobody. `last`: a machine that starts again is better than one that hangs.
pub fn emergency(authority: Authority, power: Power, last: bool) -> Errno {
    let (params, _) = Params::from_cmdline(&proc_file("/proc/cmdline"));
    let key = match end_of(power, params.poweroff, host::vmm) {
        // That is nothing but reboot(2).
        End::Halt => return Errno::ENOTSUP,
        End::PowerOff if !last => b"o",
        End::PowerOff | End::Restart => b"b",
    };
    // Powering off is done behind our back.
    sysrq(authority, key).err().unwrap_or(Errno::EINPROGRESS)
}

fn sysrq(authority: Authority, key: &[u8]) -> Result<(), Errno> {
    if !authority.over_machine() {
        return Err(Errno::EPERM);
    }
    write_file("/proc/sysrq-trigger", key)
}

fn write_file(path: &str, bytes: &[u8]) -> Result<(), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    write(open(path, flags, Mode::empty())?, bytes).map(drop)
}

/// The status of a PID namespace's PID 1 where reboot(2) is not permitted: 133 asks for a reboot, as
/// systemd-nspawn(1) understands it.
pub fn status_instead(power: Power) -> u8 {
    match power {
        Power::Off(status) => status,
        Power::Halt => 0,
        Power::Reboot | Power::Soft => 133,
    }
}

/// What reboot(2) is asked for. Firecracker on x86 has no power switch: there a machine ends by a reset.
fn end_of(power: Power, how: PowerOff, vmm: fn() -> Option<&'static str>) -> End {
    let reset = match how {
        PowerOff::Off => false,
        PowerOff::Reset => true,
        PowerOff::Auto => cfg!(target_arch = "x86_64") && vmm() == Some("firecracker"),
    };
    match power {
        Power::Off(_) if reset => End::Restart,
        Power::Off(_) => End::PowerOff,
        Power::Reboot | Power::Soft => End::Restart,
        Power::Halt => End::Halt,
    }
}

fn unmount_all(until: Instant, voice: &mut Voice) {
    // Begun for all at once, waited for with each.
    let writing = child(sync);
    for target in to_unmount(&proc_file("/proc/self/mountinfo")) {
        let shown = target.to_string_lossy().into_owned();
        let detaching = child(|| detach(&target, MntFlags::UMOUNT_NOFOLLOW, voice));
        if !waited(detaching, until, &shown, voice) {
            voice.say(format_args!("{shown} does not answer and is left as it is"));
            // Network file systems then give up what they wait for.
            let force = MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_FORCE;
            let _ = child(|| detach(&target, force, voice));
        }
    }
    if !waited(writing, until, "disks", voice) || !waited(child(sync), until, "disks", voice) {
        voice.say(format_args!("not everything could be written out"));
    }
}

/// Does this in a child; `None` where it could not be forked and was done here.
fn child(work: impl FnOnce()) -> Option<Pid> {
    match fork() {
        Ok(Fork::Parent(pid)) => Some(pid),
        Ok(Fork::Child) => {
            work();
            exit_now(0)
        }
        Err(_) => {
            work();
            None
        }
    }
}

/// Waits for such a child, for a part of the time that is left; whether it has ended.
fn waited(child: Option<Pid>, until: Instant, what: &str, voice: &mut Voice) -> bool {
    let Some(child) = child else { return true };
    let begun = Instant::now();
    let end = begun + until.since(begun) / PART;
    let mut tell = begun + Duration::from_secs(1);
    loop {
        let now = Instant::now();
        match wait_until(child, WaitPidFlag::empty(), Some(tell.min(end))) {
            Ok(Some(_)) => return true,
            Ok(None) if end <= now => return false,
            Ok(None) => {}
            // Not ours: reaped already.
            Err(_) => return true,
        }
        if tell <= Instant::now() {
            tell = tell + Duration::from_secs(1);
            let (time, left) = (now.since(begun).as_secs() + 1, end.since(now).as_secs());
            let text = format_args!("writing out {what}: {time} s ({left} s at most)");
            voice.say(text);
        }
    }
}

fn detach(target: &OsStr, how: MntFlags, voice: &mut Voice) {
    // EINVAL: it went with the one below it.
    match umount2(target, how) {
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => make_read_only(target, errno, voice),
    }
}

fn make_read_only(target: &OsStr, busy: Errno, voice: &mut Voice) {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let nothing: Option<&OsStr> = None;
    if mount(nothing, target, nothing, flags, nothing).is_err() && target != "/" {
        let target = target.to_string_lossy();
        voice.say(format_args!("unmount {target}: {busy:?} ({})", busy.desc()));
    }
}

/// A file of `/proc`, which is mounted for it where it is missing; empty where there is none.
fn proc_file(path: &str) -> Vec<u8> {
    read_file(path, LONGEST)
        .or_else(|_| {
            let _ = mkdir("/proc", Mode::from_bits_truncate(0o555));
            let nothing: Option<&OsStr> = None;
            let _ = mount(
                Some("proc"),
                "/proc",
                Some("proc"),
                MsFlags::empty(),
                nothing,
            );
            read_file(path, LONGEST)
        })
        .unwrap_or_default()
}

/// Shows the status to the outside where the command line says how: `initsh.exit=isa-debug-exit`.
fn report(authority: Authority, status: u8, voice: &mut Voice) {
    let line = proc_file("/proc/cmdline");
    match cmdline::last(&cmdline::parse(&line), b"initsh.exit") {
        Some(b"isa-debug-exit") => {
            // QEMU has seven bits for it.
            if let Err(errno) = authority.write_port(EXIT_PORT, status.min(127)) {
                voice.say(format_args!("status {status} is lost: port: {errno}"));
            }
        }
        Some(other) => {
            let other = OsStr::from_bytes(other).to_string_lossy();
            voice.say(format_args!("initsh.exit={other}: unknown way out"));
        }
        None => voice.say(format_args!(
            "status {status} is lost: no initsh.exit= on the kernel command line"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_power_switch_ends_by_a_reset() {
        let (off, firecracker) = (Power::Off(0), || Some("firecracker"));
        assert_eq!(end_of(off, PowerOff::Auto, || Some("qemu")), End::PowerOff);
        assert_eq!(end_of(off, PowerOff::Auto, || None), End::PowerOff);
        assert_eq!(end_of(off, PowerOff::Auto, firecracker), End::Restart);
        assert_eq!(end_of(off, PowerOff::Off, firecracker), End::PowerOff);
        assert_eq!(end_of(off, PowerOff::Reset, || None), End::Restart);
        assert_eq!(end_of(Power::Halt, PowerOff::Reset, || None), End::Halt);
    }
}
