//! The last child: writes everything out, unmounts, and ends the machine. It runs beside PID 1 so that a
//! file system that hangs takes only this child with it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use nix::sys::stat::Mode;

use super::mounts::to_unmount;
use super::protocol::Power;
use super::voice::Voice;
use crate::sys::call::{mkdir, mount, read_file, sync, umount2};
use crate::sys::power::{Authority, End};
use crate::system::params::{Params, PowerOff};
use crate::system::{cmdline, host};

/// The I/O port of QEMU's `isa-debug-exit` as `scripts/qemu` places it. What is written there ends QEMU
/// with twice the value plus one.
const EXIT_PORT: u16 = 0xf4;

/// How much of a file of `/proc` is read.
const LONGEST: usize = 4 << 20;

/// Syncs, unmounts (on a machine of our own only), ends it. Returns only if reboot(2) does.
pub fn finish(authority: Authority, power: Power, voice: &mut Voice) -> Errno {
    sync();
    if authority.over_machine() {
        unmount_all(voice);
        sync();
        if let Power::Off(status @ 1..) = power {
            report(authority, status, voice);
        }
    }
    force(authority, power)
}

/// Ends the machine as it is.
pub fn force(authority: Authority, power: Power) -> Errno {
    let (params, _) = Params::from_cmdline(&proc_file("/proc/cmdline"));
    authority.end(end_of(power, params.poweroff, host::vmm))
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

fn unmount_all(voice: &mut Voice) {
    for target in to_unmount(&proc_file("/proc/self/mountinfo")) {
        // EINVAL: it went with the one below it.
        match umount2(target.as_os_str(), MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => make_read_only(target, errno, voice),
        }
    }
}

fn make_read_only(target: OsString, busy: Errno, voice: &mut Voice) {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let nothing: Option<&OsStr> = None;
    if mount(nothing, target.as_os_str(), nothing, flags, nothing).is_err() && target != "/" {
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
            if let Err(errno) = authority.write_port(EXIT_PORT, status) {
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
