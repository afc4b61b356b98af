//! Giving up what a client has configured, after it has ended.

use super::{KIND, PROTOCOL, source};
use crate::failure::Failure;
use crate::net::confine;
use crate::net::dhcp4::driver as ethernet;
use crate::net::dhcp6::driver as dhcp6;
use crate::net::dhcp6::held::FOLLOWED;
use crate::net::lease as record;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::resolv;
use crate::net::slaac::apply::{Policy, Target};
use crate::net::slaac::lease::Settings;
use crate::time::Instant;

/// Removes what the client of an interface has configured, and gives back what that of DHCPv6 has which it
/// has started; whether there was anything.
///
/// Errors: no such interface, the record cannot be removed, Ctrl-C.
pub fn release(name: &str) -> Result<bool, Failure> {
    let leased = record::load(name, dhcp6::KIND);
    let followed = leased.is_some_and(|leased| leased.get(FOLLOWED).is_some())
        && confine::keeper(name, dhcp6::KIND).is_none();
    let followed = followed && dhcp6::release(name)?;
    let Some(old) = record::load(name, KIND) else {
        return Ok(followed);
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
