//! The link-local address that a client sends from. Invariant: one that is in use is left as it is; only
//! one that still waits for duplicate address detection is taken out and put in again.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

use nix::errno::Errno;

use crate::failure::Failure;
use crate::net::netlink::addr::{self, Address, DUPLICATE, Entry, NO_DAD, OPTIMISTIC, TENTATIVE};
use crate::net::netlink::link::Link;
use crate::net::netlink::socket::Socket;
use crate::system::sysctl;

/// When an address may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dad {
    /// Deviation: the link-local address at once and unchecked, as it is made from the hardware address
    /// that the link needs to be unique anyway; others at once, while they are checked (RFC 4429).
    #[default]
    Optimistic,
    /// After duplicate address detection (RFC 4862 §5.4): a second or two.
    Wait,
}

/// Whether there can be any IPv6 at all. Errors: the kernel was built or started without.
pub fn kernel_has_ipv6() -> Result<(), Failure> {
    // Where there is no /proc, only a socket tells.
    match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Err(error) if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
            Err(Failure::new("this kernel has no IPv6"))
        }
        _ => Ok(()),
    }
}

/// Errors: the kernel has no IPv6, or none on this interface.
pub fn check(name: &str) -> Result<(), Failure> {
    match sysctl::get(&format!("net/ipv6/conf/{name}/disable_ipv6")).as_deref() {
        Ok(b"1") => Err(Failure::new(format!("IPv6 is turned off on {name}"))
            .with_hint(format!("sysctl net.ipv6.conf.{name}.disable_ipv6=0"))),
        _ => kernel_has_ipv6(),
    }
}

/// The interface's link-local address, made where there is none; `None` while it is being checked, which
/// a change of the interface's addresses ends.
///
/// Errors: no IPv6 on the interface; another host has its address.
pub fn ensure(socket: &mut Socket, link: &Link, dad: Dad) -> Result<Option<Ipv6Addr>, Failure> {
    let entries = addr::entries(socket, Some(link.index))?;
    let found: Vec<(Ipv6Addr, &Entry)> = entries.iter().filter_map(link_local).collect();
    // The kernel receives for an optimistic address of its own making only when its check begins, which is up
    // to a second after the link is up: a router's answer would be lost.
    let settled = |entry: &Entry| entry.flags & (TENTATIVE | DUPLICATE) == 0;
    if let Some((ip, _)) = found.iter().find(|(_, entry)| settled(entry)) {
        return Ok(Some(*ip));
    }
    let checked = found.iter().find(|(_, entry)| entry.flags & DUPLICATE == 0);
    let (ip, made) = match (checked, found.first()) {
        (Some((ip, _)), _) => (*ip, true),
        (None, Some((ip, _))) => {
            let what = format!("another host has the address {ip} of {}", link.name);
            return Err(Failure::new(what).with_hint("do two cards have one hardware address?"));
        }
        (None, None) => (of_hardware(&link.mac), false),
    };
    if made && dad == Dad::Wait {
        return Ok(None);
    }
    let address = Address {
        index: link.index,
        ip: ip.into(),
        prefix: 64,
        broadcast: None,
        valid: None,
        preferred: None,
        flags: if dad == Dad::Wait { 0 } else { NO_DAD },
    };
    if made {
        // Nobody can have used it yet, and the kernel checks only what is added without NODAD.
        let _ = addr::remove(socket, &address);
    }
    match addr::add(socket, &address) {
        Err(failure) if failure.cause() != Some(Errno::EEXIST) => Err(failure),
        // The kernel adds it by itself, or another client was faster: it will be usable soon.
        Err(_) => Ok(None),
        Ok(()) => Ok(Some(ip).filter(|_| dad == Dad::Optimistic)),
    }
}

/// Lets the kernel take IFA_F_OPTIMISTIC on the interface, and choose such addresses as sources. Without
/// /proc it will not; addresses then wait to be checked.
pub fn allow_optimistic(name: &str) {
    for parameter in ["optimistic_dad", "use_optimistic"] {
        let _ = sysctl::set(&format!("net/ipv6/conf/{name}/{parameter}"), b"1");
    }
}

/// Whether an address can be bound to, by its IFA_F_*.
pub fn is_usable(flags: u32) -> bool {
    flags & DUPLICATE == 0 && (flags & TENTATIVE == 0 || flags & OPTIMISTIC != 0)
}

fn link_local(entry: &Entry) -> Option<(Ipv6Addr, &Entry)> {
    match entry.address.ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some((ip, entry)),
        _ => None,
    }
}

/// fe80::/64 with the modified EUI-64 of a hardware address (RFC 4291, appendix A).
fn of_hardware(mac: &[u8]) -> Ipv6Addr {
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
    if let &[a, b, c, d, e, f] = mac {
        octets[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    }
    octets.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_hardware_address() {
        let ip = of_hardware(&[0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(ip.to_string(), "fe80::5054:ff:fe12:3456");
        assert!(of_hardware(&[]).is_unicast_link_local());
    }

    #[test]
    fn what_can_be_bound_to() {
        for (flags, usable) in [
            (0, true),
            (TENTATIVE, false),
            (TENTATIVE | OPTIMISTIC, true),
            (TENTATIVE | DUPLICATE, false),
            (NO_DAD, true),
        ] {
            assert_eq!(is_usable(flags), usable, "{flags:#x}");
        }
    }
}
