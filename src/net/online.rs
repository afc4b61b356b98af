//! Whether the machine is on the network, by family: a global address that can be used, and a default
//! route. [`way`] is pure, [`wait`] asks the kernel. Invariant: a client that has configured the kernel and
//! not yet written its record is not done: settings and DNS would be missing.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use super::lease;
use super::netlink::addr::{self, Entry, LINK_SCOPE};
use super::netlink::link;
use super::netlink::route::{self, Route};
use super::netlink::socket::Socket;
use super::netlink::watch::Watch;
use super::status::is_default;
use crate::failure::Failure;
use crate::supervise::client::{Client, ServiceInfo};
use crate::sys::signal::poll_until;
use crate::time::Instant;

/// RTPROT_DHCP of linux/rtnetlink.h.
const DHCP: u8 = 16;
/// RTPROT_RA.
const RA: u8 = 9;
/// How often to look although nothing has changed: a client that ends changes nothing.
const PAUSE: Duration = Duration::from_secs(1);
/// How often to look for a record that is about to be written. Closing a watch on its directory would
/// cost more than it saves: inotify(7) waits 10–20 ms for RCU then.
const MOMENT: Duration = Duration::from_millis(1);

/// Which family is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Either.
    Any,
}

impl Wanted {
    /// Reads `4`, `6` or `any`.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "4" => Some(Self::V4),
            "6" => Some(Self::V6),
            "any" => Some(Self::Any),
            _ => None,
        }
    }

    fn families(self) -> &'static [bool] {
        match self {
            Self::V4 => &[true],
            Self::V6 => &[false],
            Self::Any => &[true, false],
        }
    }
}

/// What is lacking for one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// An address, as there is none but link-local ones.
    Address,
    /// An end of duplicate address detection.
    Tentative,
    /// A default route.
    Route,
}

/// The route by which a family reaches everywhere, or what is lacking.
pub fn way<'a>(v4: bool, addresses: &[Entry], routes: &'a [Route]) -> Result<&'a Route, Lack> {
    let mut lack = Lack::Address;
    let mut usable = false;
    for entry in addresses.iter().filter(|entry| is_global(entry, v4)) {
        match entry.flags & (addr::TENTATIVE | addr::OPTIMISTIC | addr::DUPLICATE) {
            addr::TENTATIVE => lack = Lack::Tentative,
            flags if flags & addr::DUPLICATE != 0 => {}
            // Optimistic ones can be used while they are checked (RFC 4429 §3.3).
            _ => usable = true,
        }
    }
    if !usable {
        return Err(lack);
    }
    let ours = |route: &&Route| is_default(route) && route.destination.is_ipv4() == v4;
    routes.iter().find(ours).ok_or(Lack::Route)
}

fn is_global(entry: &Entry, v4: bool) -> bool {
    let ip = entry.address.ip;
    ip.is_ipv4() == v4 && entry.scope < LINK_SCOPE && !ip.is_loopback()
}

/// Waits until the machine is online, `limit` at most. What is lacking then, in words; `None`: nothing.
///
/// Errors: the kernel cannot be asked; Ctrl-C.
pub fn wait(wanted: Wanted, limit: Duration) -> Result<Option<String>, Failure> {
    let deadline = Instant::now() + limit;
    // Before the first look, so that no change falls between the two.
    let changes = Watch::configuration()?;
    let mut look = Look {
        wanted,
        socket: Socket::open()?,
        // Where there is no PID 1 to ask nobody keeps a client.
        pid1: Client::connect().ok().flatten(),
        unsettled: false,
    };
    loop {
        changes.changed();
        let Some(lack) = look.look()? else {
            return Ok(None);
        };
        let now = Instant::now();
        if now >= deadline {
            return Ok(Some(lack));
        }
        let pause = if look.unsettled { MOMENT } else { PAUSE };
        let mut changes = [PollFd::new(changes.as_fd(), PollFlags::POLLIN)];
        poll_until(&mut changes, Some((now + pause).min(deadline)))?;
    }
}

struct Look {
    wanted: Wanted,
    socket: Socket,
    pid1: Option<Client>,
    /// A record is about to be written.
    unsettled: bool,
}

impl Look {
    /// What is lacking.
    fn look(&mut self) -> Result<Option<String>, Failure> {
        let addresses = addr::entries(&mut self.socket, None)?;
        let routes = route::list(&mut self.socket)?;
        let mut reasons = Vec::new();
        self.unsettled = false;
        for &v4 in self.wanted.families() {
            let family = if v4 { "IPv4" } else { "IPv6" };
            reasons.push(match way(v4, &addresses, &routes) {
                Ok(route) if self.is_settled(v4, route) => return Ok(None),
                Ok(_) => {
                    self.unsettled = true;
                    format!("{family} is being configured")
                }
                Err(Lack::Address) => format!("no {family} address"),
                Err(Lack::Tentative) => format!("the {family} address is being checked"),
                Err(Lack::Route) => format!("no {family} default route"),
            });
        }
        Ok(Some(reasons.join(", ")))
    }

    /// Whether the client that has set this route, if PID 1 runs it, has written its record.
    fn is_settled(&mut self, v4: bool, route: &Route) -> bool {
        let (kind, protocol) = if v4 { ("dhcp4", DHCP) } else { ("slaac", RA) };
        let Some(index) = route.index.filter(|_| route.protocol == protocol) else {
            return true;
        };
        let interface = link::name_of(index);
        if lease::load(&interface, kind).is_some() {
            return true;
        }
        let name = format!("{kind}.{interface}");
        let services = self.pid1.as_mut().and_then(|pid1| pid1.services().ok());
        let at_work = |service: &ServiceInfo| service.name == name && service.is_live();
        !services
            .into_iter()
            .flatten()
            .any(|service| at_work(&service))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::slice::from_ref;

    use super::*;
    use crate::net::address::parse_prefixed;
    use crate::net::netlink::addr::Address;
    use crate::net::netlink::route::Kind;

    fn entry(text: &str, scope: u8, flags: u32) -> Entry {
        let (ip, prefix) = parse_prefixed(text).unwrap();
        Entry {
            address: Address {
                index: 2,
                ip,
                prefix: prefix.unwrap(),
                broadcast: None,
                valid: None,
                preferred: None,
                flags: 0,
            },
            peer: None,
            flags,
            scope,
        }
    }

    fn default(family: &str, kind: Kind) -> Route {
        let everywhere: IpAddr = family.parse().unwrap();
        Route {
            index: Some(7),
            kind,
            ..Route::to(everywhere, 0, 3)
        }
    }

    fn is(v4: bool, addresses: &[Entry], routes: &[Route]) -> Result<bool, Lack> {
        way(v4, addresses, routes).map(|route| route.index == Some(7))
    }

    #[test]
    fn an_address_and_a_default_route_of_the_same_family() {
        let four = entry("10.0.2.15/24", 0, 0);
        let six = entry("fd00::1/64", 0, 0);
        let routes = [
            default("0.0.0.0", Kind::Unicast),
            default("::", Kind::Unicast),
        ];
        assert_eq!(is(true, from_ref(&four), &routes), Ok(true));
        assert_eq!(is(false, from_ref(&four), &routes), Err(Lack::Address));
        assert_eq!(is(false, from_ref(&six), &routes), Ok(true));
        assert_eq!(is(false, from_ref(&six), &routes[..1]), Err(Lack::Route));
        assert_eq!(is(true, &[four, six], &[]), Err(Lack::Route));
        // QEMU's user network has a site-local prefix, which the kernel gives its own scope.
        assert_eq!(is(false, &[entry("fec0::5/64", 200, 0)], &routes), Ok(true));
    }

    #[test]
    fn what_does_not_count() {
        let routes = [
            default("0.0.0.0", Kind::Unicast),
            default("::", Kind::Unicast),
        ];
        for (v4, entry, lack) in [
            (true, entry("127.0.0.1/8", 254, 0), Lack::Address),
            (true, entry("127.0.0.2/8", 0, 0), Lack::Address),
            (true, entry("169.254.7.7/16", 253, 0), Lack::Address),
            (false, entry("fe80::1/64", 253, 0), Lack::Address),
            (
                false,
                entry("fd00::1/64", 0, addr::TENTATIVE),
                Lack::Tentative,
            ),
            (
                false,
                entry("fd00::1/64", 0, addr::DUPLICATE | addr::TENTATIVE),
                Lack::Address,
            ),
        ] {
            assert_eq!(is(v4, &[entry], &routes), Err(lack));
        }
        let optimistic = entry("fd00::1/64", 0, addr::TENTATIVE | addr::OPTIMISTIC);
        assert_eq!(is(false, from_ref(&optimistic), &routes), Ok(true));
        let unreachable = [default("::", Kind::Unreachable)];
        assert_eq!(
            is(false, from_ref(&optimistic), &unreachable),
            Err(Lack::Route)
        );
    }
}
