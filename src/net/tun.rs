//! Persistent tun and tap links: they stay when the process that made them is gone, and are deleted
//! like any other link.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode as Permissions;

use super::netlink::link::check_name;
use crate::failure::{Doing, Failure};
use crate::sys;
use crate::system::modules::load;

/// What the link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// IP packets.
    Tun,
    /// Ethernet frames.
    Tap,
}

const DEVICE: &str = "/dev/net/tun";

/// Makes a link that persists. Errors: EBUSY where the name is taken, ENOENT or ENODEV where the
/// driver is not there.
pub fn create(name: &str, mode: Mode) -> Result<(), Failure> {
    check_name(name)?;
    // The driver would number a name with a pattern itself.
    if name.contains('%') {
        return Err(Failure::usage(format!(
            "'{name}' cannot name a network link: '%' is not allowed"
        )));
    }
    let (word, flags) = match mode {
        Mode::Tun => ("tun", libc::IFF_TUN),
        Mode::Tap => ("tap", libc::IFF_TAP),
    };
    let open_device = || {
        open(
            DEVICE,
            OFlag::O_RDWR | OFlag::O_CLOEXEC,
            Permissions::empty(),
        )
    };
    let mut opened = open_device();
    let is_missing = |errno| matches!(errno, Errno::ENOENT | Errno::ENODEV | Errno::ENXIO);
    if opened.as_ref().is_err_and(|&errno| is_missing(errno)) && load::request(b"tun") {
        opened = open_device();
    }
    let device = opened
        .doing(|| format!("add the {word} link {name}: open {DEVICE}"))
        .map_err(advise_open)?;
    sys::tun::create_persistent(device.as_fd(), name, flags)
        .doing(|| format!("add the {word} link {name}"))
        .map_err(advise_create)
}

fn advise_open(failure: Failure) -> Failure {
    match failure.cause() {
        Some(Errno::ENOENT) => failure
            .with_hint("load the driver: 'modprobe tun'; the node: 'mknod /dev/net/tun c 10 200'"),
        Some(Errno::ENODEV | Errno::ENXIO) => {
            failure.with_hint("the kernel's tun driver is not loaded: 'modprobe tun'")
        }
        _ => failure,
    }
}

fn advise_create(failure: Failure) -> Failure {
    match failure.cause() {
        Some(Errno::EBUSY | Errno::EINVAL | Errno::EEXIST) => {
            failure.with_hint("a link of that name is there already; 'link' lists them")
        }
        Some(Errno::EPERM) => failure.with_hint("changing the network needs root (CAP_NET_ADMIN)"),
        _ => failure,
    }
}
