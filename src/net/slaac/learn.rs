//! One advertisement → what is known afterwards (RFC 4861 §6.3.4, RFC 4862 §5.5.3, RFC 4191 §3,
//! RFC 8106 §5). Invariant: no list grows beyond its bound, whatever is advertised and by however many.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::event::Config;
use super::lease::{
    Assigned, FOR_EVER, OnLink, Router, Settings, Specific, prefix_of, sort_routers,
};
use crate::net::nd::wire::{PrefixInformation, RouterAdvertisement};
use crate::time::Instant;

/// Default routers at most. RFC 4861 §6.3.4 wants room for two.
pub const MOST_ROUTERS: usize = 8;
/// Addresses, and prefixes on the link, at most.
const MOST_PREFIXES: usize = 16;
/// More specific routes at most.
const MOST_ROUTES: usize = 32;
/// Name servers, and search domains, at most.
const MOST_NAMES: usize = 8;
/// Deviation: no router lowers the hop limit below this, as packets would not reach far enough any more;
/// RFC 4861 §6.3.4 takes any.
const LEAST_HOPS: u8 = 32;
/// RFC 4861 §6.2.1: AdvReachableTime is an hour at most, in milliseconds.
const LONGEST_REACHABLE: u32 = 3_600_000;
/// Deviation: milliseconds between solicitations of neighbors, so that no router can make address
/// resolution a flood or a wait without end.
const RETRANSMIT: std::ops::RangeInclusive<u32> = 10..=10_000;
/// RFC 4862 §5.5.3 e: a router that nobody can trust shortens no address's life below this.
const TWO_HOURS: Duration = Duration::from_secs(7200);
/// RFC 7217 §6: IDGEN_RETRIES.
pub const MOST_RETRIES: u32 = 3;

/// What is known, and who has just said something.
pub struct Learner<'a> {
    /// This host.
    pub config: &'a Config,
    /// Addresses that other hosts have.
    pub taken: &'a [Ipv6Addr],
    /// The router.
    pub from: Ipv6Addr,
    /// When it spoke.
    pub now: Instant,
    /// Told the key of what was dropped.
    pub dropped: &'a mut dyn FnMut(&'static str),
}

impl Learner<'_> {
    /// Takes in all of an advertisement.
    pub fn learn(&mut self, known: &mut Settings, said: &RouterAdvertisement) {
        self.parameters(known, said);
        self.router(known, said);
        for prefix in &said.prefixes {
            // RFC 4862 §5.5.3 b; nobody means a multicast prefix, one of IPv4 addresses, or that all of the
            // world is on the link.
            let ip = prefix.prefix;
            let is_local = ip.is_unicast_link_local() || ip.segments()[0] == 0;
            if is_local || ip.is_multicast() || prefix.length == 0 {
                (self.dropped)("dropped-prefix");
                continue;
            }
            if prefix.on_link {
                self.on_link(known, prefix);
            }
            if prefix.autonomous {
                self.address(known, prefix);
            }
        }
        for route in &said.routes {
            let item = Specific {
                prefix: route.prefix,
                length: route.length,
                router: self.from,
                preference: route.preference,
                until: self.end(route.lifetime),
            };
            self.route(known, item);
        }
        for list in &said.dns {
            for &server in &list.servers {
                self.name(&mut known.dns, server, list.lifetime);
            }
        }
        for list in &said.search {
            for domain in &list.domains {
                self.name(&mut known.search, domain.clone(), list.lifetime);
            }
        }
    }

    fn end(&self, lifetime: u32) -> Instant {
        match lifetime {
            u32::MAX => FOR_EVER,
            seconds => self.now + Duration::from_secs(seconds.into()),
        }
    }

    /// What is zero is not said, what is out of bounds is not believed.
    fn parameters(&mut self, known: &mut Settings, said: &RouterAdvertisement) {
        match said.hop_limit {
            0 => {}
            LEAST_HOPS.. => known.hop_limit = Some(said.hop_limit),
            _ => (self.dropped)("dropped-low-hops"),
        }
        match said.reachable {
            0 => {}
            1..=LONGEST_REACHABLE => known.reachable = Some(said.reachable),
            _ => (self.dropped)("dropped-reachable"),
        }
        match said.retransmit {
            0 => {}
            time if RETRANSMIT.contains(&time) => known.retransmit = Some(time),
            _ => (self.dropped)("dropped-retransmit"),
        }
        match said.mtu {
            None => {}
            Some(mtu) if mtu <= self.config.mtu => known.mtu = Some(mtu),
            Some(_) => (self.dropped)("dropped-mtu"),
        }
    }

    fn router(&mut self, known: &mut Settings, said: &RouterAdvertisement) {
        // RFC 4191 §3.1: a route to ::/0 says more about the router than the header does.
        let default = said.routes.iter().rfind(|route| route.length == 0);
        let (lifetime, preference) = match default {
            Some(route) => (route.lifetime, route.preference),
            None => (said.lifetime.into(), said.preference),
        };
        let old = known
            .routers
            .iter()
            .position(|router| router.ip == self.from);
        if lifetime == 0 {
            if let Some(old) = old {
                known.routers.remove(old);
            }
        } else if old.is_some() || self.fits(known.routers.len(), MOST_ROUTERS) {
            let router = Router {
                ip: self.from,
                preference,
                until: self.end(lifetime),
                mac: said.source,
                managed: said.managed,
                other: said.other,
            };
            match old {
                Some(old) => known.routers[old] = router,
                None => known.routers.push(router),
            }
            sort_routers(&mut known.routers);
        }
        known.managed = said.managed || known.routers.iter().any(|router| router.managed);
        known.other = said.other || known.routers.iter().any(|router| router.other);
    }

    fn fits(&mut self, length: usize, most: usize) -> bool {
        if length >= most {
            (self.dropped)("dropped-too-many");
        }
        length < most
    }

    /// RFC 4861 §6.3.4.
    fn on_link(&mut self, known: &mut Settings, prefix: &PrefixInformation) {
        let is_it = |item: &OnLink| (item.prefix, item.length) == (prefix.prefix, prefix.length);
        let until = self.end(prefix.valid);
        match known.on_link.iter().position(is_it) {
            Some(at) if prefix.valid == 0 => {
                known.on_link.remove(at);
            }
            Some(at) => known.on_link[at].until = until,
            None if prefix.valid == 0 || !self.fits(known.on_link.len(), MOST_PREFIXES) => {}
            None => known.on_link.push(OnLink {
                prefix: prefix.prefix,
                length: prefix.length,
                until,
            }),
        }
    }

    /// RFC 4862 §5.5.3.
    fn address(&mut self, known: &mut Settings, prefix: &PrefixInformation) {
        if prefix.preferred > prefix.valid || prefix.length != 64 {
            (self.dropped)("dropped-prefix");
            return;
        }
        let (preferred, valid) = (self.end(prefix.preferred), self.end(prefix.valid));
        let is_it = |item: &&mut Assigned| prefix_of(item.ip) == prefix.prefix;
        if let Some(item) = known.addresses.iter_mut().find(is_it) {
            item.valid = two_hour_rule(item.valid, valid, self.now);
            item.preferred = preferred.min(item.valid);
            item.deprecated = item.preferred <= self.now;
            if !item.routers.contains(&self.from) && item.routers.len() < MOST_ROUTERS {
                item.routers.push(self.from);
            }
            return;
        }
        let identifier = &self.config.identifier;
        let tries = 0..=if identifier.varies() { MOST_RETRIES } else { 0 };
        let made = tries.map(|n| (identifier.address(prefix.prefix, self.config.mac, n), n));
        let free = made.into_iter().find(|(ip, _)| !self.taken.contains(ip));
        if let Some((ip, counter)) = free.filter(|_| prefix.valid > 0)
            && self.fits(known.addresses.len(), MOST_PREFIXES)
        {
            known.addresses.push(Assigned {
                ip,
                preferred,
                valid,
                deprecated: prefix.preferred == 0,
                counter,
                routers: vec![self.from],
            });
        }
    }

    /// RFC 4191 §3. The default route is a matter of [`Self::router`].
    fn route(&mut self, known: &mut Settings, item: Specific) {
        if item.length == 0 {
            return;
        }
        if item.prefix.is_unicast_link_local() || item.prefix.is_multicast() {
            (self.dropped)("dropped-route");
            return;
        }
        let key = |item: &Specific| (item.prefix, item.length, item.router);
        let old = known
            .routes
            .iter()
            .position(|known| key(known) == key(&item));
        match old {
            Some(at) if item.until <= self.now => {
                known.routes.remove(at);
            }
            Some(at) => known.routes[at] = item,
            None if item.until <= self.now || !self.fits(known.routes.len(), MOST_ROUTES) => {}
            None => known.routes.push(item),
        }
    }

    /// RFC 8106 §5.3.1.
    fn name<T: PartialEq>(&mut self, known: &mut Vec<(T, Instant)>, item: T, lifetime: u32) {
        let until = self.end(lifetime);
        match known.iter().position(|known| known.0 == item) {
            Some(at) if lifetime == 0 => {
                known.remove(at);
            }
            Some(at) => known[at].1 = until,
            None if lifetime == 0 || !self.fits(known.len(), MOST_NAMES) => {}
            None => known.push((item, until)),
        }
    }
}

/// When an address ends after `said` was advertised (RFC 4862 §5.5.3 e).
fn two_hour_rule(old: Instant, said: Instant, now: Instant) -> Instant {
    let least = now + TWO_HOURS;
    match said > least || said > old {
        true => said,
        false => old.min(least),
    }
}

/// Removes what has ended, and marks addresses that are not preferred any more.
pub fn expire(known: &mut Settings, now: Instant) {
    known.addresses.retain(|item| item.valid > now);
    for item in &mut known.addresses {
        item.deprecated = item.preferred <= now;
    }
    known.routers.retain(|item| item.until > now);
    known.on_link.retain(|item| item.until > now);
    known.routes.retain(|item| item.until > now);
    known.dns.retain(|item| item.1 > now);
    known.search.retain(|item| item.1 > now);
}

/// When [`expire`] has something to do next.
pub fn next_end(known: &Settings) -> Option<Instant> {
    let addresses = known.addresses.iter();
    let addresses = addresses.map(|item| match item.deprecated {
        true => item.valid,
        false => item.preferred,
    });
    let routers = known.routers.iter().map(|item| item.until);
    let on_link = known.on_link.iter().map(|item| item.until);
    let routes = known.routes.iter().map(|item| item.until);
    let dns = known.dns.iter().map(|item| item.1);
    let search = known.search.iter().map(|item| item.1);
    let ends = addresses.chain(routers).chain(on_link).chain(routes);
    ends.chain(dns)
        .chain(search)
        .min()
        .filter(|&end| end != FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_shortens_a_life_below_two_hours() {
        let at = |seconds: u64| Instant::from_boot(Duration::from_secs(seconds));
        let now = at(100_000);
        let rule = |old: u64, said: u64| {
            let ended = two_hour_rule(
                now + Duration::from_secs(old),
                now + Duration::from_secs(said),
                now,
            );
            ended.since(now).as_secs()
        };
        // Longer than two hours, or longer than what is left: as it is said.
        assert_eq!(rule(86_400, 7201), 7201);
        assert_eq!(rule(600, 601), 601);
        // Two hours or less are left: not shortened at all.
        for said in [0, 1, 599, 600] {
            assert_eq!(rule(600, said), 600);
            assert_eq!(rule(7200, said), 7200);
        }
        // More is left: two hours.
        for said in [0, 1, 7199, 7200] {
            assert_eq!(rule(86_400, said), 7200);
        }
        assert_eq!(two_hour_rule(FOR_EVER, at(0), now), now + TWO_HOURS);
        assert_eq!(two_hour_rule(at(100_001), FOR_EVER, now), FOR_EVER);
    }
}
