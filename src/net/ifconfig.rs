//! What ifconfig(8) does with its arguments, done over netlink. Invariant: an IPv4 address that is set
//! takes the place of the link's first one, as the old ioctl did, and setting any brings the link up.

use std::net::{IpAddr, Ipv4Addr};

use nix::errno::Errno;

use super::address::{broadcast, classful_prefix};
use super::netlink::addr::{self, Address};
use super::netlink::link::{self, Change, Which};
use super::netlink::socket::Socket;
use crate::failure::Failure;

/// What is to be done to one link; what is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The IPv4 address; 0.0.0.0 removes the one that is there.
    pub ip4: Option<Ipv4Addr>,
    /// Its prefix length (default: that of the address's class).
    pub prefix4: Option<u8>,
    /// Its broadcast address (default: the network's last).
    pub broadcast: Option<Ipv4Addr>,
    /// Other addresses to add, with their prefix lengths.
    pub add: Vec<(IpAddr, u8)>,
    /// Addresses to remove, with their prefix lengths.
    pub remove: Vec<(IpAddr, u8)>,
    /// Up or down, MTU, hardware address.
    pub change: Change,
}

/// Does it. Errors name the link and the step.
pub fn apply(socket: &mut Socket, name: &str, settings: &Settings) -> Result<(), Failure> {
    let index = link::by_name(socket, name)?.index;
    let addresses = settings.ip4.is_some() || settings.prefix4.is_some();
    if settings.ip4 != Some(Ipv4Addr::UNSPECIFIED) && (addresses || settings.broadcast.is_some()) {
        set_ip4(socket, index, name, settings)?;
    } else if addresses {
        remove_first(socket, index)?;
    }
    for &(ip, prefix) in &settings.add {
        addr::replace(socket, &plain(index, ip, prefix))?;
    }
    for &(ip, prefix) in &settings.remove {
        addr::remove(socket, &plain(index, ip, prefix))?;
    }
    let mut change = settings.change.clone();
    if settings.ip4.is_some_and(|ip| !ip.is_unspecified()) || !settings.add.is_empty() {
        change.up.get_or_insert(true);
    }
    if change == Change::default() {
        return Ok(());
    }
    link::change(socket, Which::Name(name), &change)
}

fn set_ip4(
    socket: &mut Socket,
    index: u32,
    name: &str,
    settings: &Settings,
) -> Result<(), Failure> {
    let first = first_ip4(socket, index)?;
    let present = first.as_ref().map(|first| first.ip);
    let Some(ip) = settings.ip4.map(IpAddr::V4).or(present) else {
        let failure = Failure::new(format!("set the netmask of {name}: it has no IPv4 address"));
        return Err(failure.with_hint("give the address, too"));
    };
    let kept = first.as_ref().filter(|first| first.ip == ip);
    let prefix = settings.prefix4.or(kept.map(|first| first.prefix));
    let mut new = plain(index, ip, prefix.unwrap_or(classful_prefix(ip)));
    if settings.broadcast.is_some() {
        new.broadcast = settings.broadcast;
    }
    match first {
        // Nothing to change; the address's lifetimes become unlimited.
        Some(first)
            if (first.ip, first.prefix, first.broadcast) == (ip, new.prefix, new.broadcast) => {}
        Some(first) => addr::remove(socket, &first)?,
        None => {}
    }
    addr::replace(socket, &new)
}

fn first_ip4(socket: &mut Socket, index: u32) -> Result<Option<Address>, Failure> {
    let all = addr::list(socket, Some(index))?;
    Ok(all.into_iter().find(|address| address.ip.is_ipv4()))
}

fn remove_first(socket: &mut Socket, index: u32) -> Result<(), Failure> {
    match first_ip4(socket, index)? {
        Some(first) => match addr::remove(socket, &first) {
            Err(failure) if failure.cause() == Some(Errno::EADDRNOTAVAIL) => Ok(()),
            other => other,
        },
        None => Ok(()),
    }
}

/// An address for ever, with the broadcast address that its network has.
fn plain(index: u32, ip: IpAddr, prefix: u8) -> Address {
    Address {
        index,
        ip,
        prefix,
        broadcast: match ip {
            IpAddr::V4(ip) if !ip.is_loopback() => broadcast(ip, prefix),
            _ => None,
        },
        valid: None,
        preferred: None,
        flags: 0,
    }
}
