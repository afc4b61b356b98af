//! Giving up what a client has configured, after it has ended.

use super::{KIND, PROTOCOL, source};
use crate::failure::Failure;
use crate::net::dhcp4::driver as ethernet;
use crate::net::lease as record;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::resolv;
use crate::net::slaac::apply::{Policy, Target};
use crate::net::slaac::lease::Settings;
use crate::time::Instant;

/// Removes what the client of an interface has configured; whether it had anything.
///
/// Errors: no such interface, the record cannot be removed.
pub fn release(name: &str) -> Result<bool, Failure> {
    let Some(old) = record::load(name, KIND) else {
        return Ok(false);
    };
    let mut socket = Netlink::open()?;
    let link = ethernet::usable(&mut socket, name)?;
    // Whatever the metrics were.
    let mut target = Target {
        socket: &mut socket,
        link: &link,
        policy: &Policy::default(),
        now: Instant::now(),
    };
    target.remove(&Settings::read(&old));
    resolv::withdraw(&source(name))?;
    let _ = record::remove(name, &PROTOCOL.state());
    record::remove(name, KIND).map(|()| true)
}
