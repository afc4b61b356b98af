//! What a downstream link's addresses are to be, and the changes that lead there. Pure. Invariant: what is
//! new comes before what is old goes; an old address outlives its prefix by two hours at most, and not at all
//! where no other prefix has taken its place.

use std::net::{IpAddr, Ipv6Addr};

use super::delegation::Network;
use super::pool::Subnet;
use crate::net::netlink::addr::Address;
use crate::time::Instant;

/// Seconds for which an address stays valid when its prefix was replaced, at most (RFC 7084 L-13).
const TWO_HOURS: u32 = 7200;
/// Seconds by which a lifetime may differ from the kernel's, which counts in ticks of its own.
const SLACK: u32 = 2;

/// A change of an interface's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Add it, or give it these lifetimes.
    Set(Address),
    /// Remove it.
    Remove(Address),
}

/// The addresses of an interface in its subnets. `host`: the bits behind the subnet.
pub fn addresses(subnets: &[Subnet], host: Ipv6Addr, index: u32, now: Instant) -> Vec<Address> {
    let left = |until: Option<Instant>| {
        until.map(|until| u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX - 1))
    };
    let all = subnets.iter().map(|subnet| {
        let (network, prefix) = subnet.network;
        let mask = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let ip = Ipv6Addr::from_bits(network.to_bits() | host.to_bits() & mask);
        Address {
            index,
            ip: ip.into(),
            prefix,
            broadcast: None,
            valid: left(subnet.of.valid),
            preferred: left(subnet.of.preferred),
            flags: 0,
        }
    });
    // The kernel takes no address that is valid for no time.
    all.filter(|address| address.valid != Some(0)).collect()
}

/// The steps from the addresses that the interface has to those that it is to have. `own`: what an earlier
/// plan has set, which alone may be deprecated or removed.
pub fn plan(wanted: &[Address], present: &[Address], own: &[Network]) -> Vec<Step> {
    let is = |one: &Address, other: &Address| one.ip == other.ip && one.prefix == other.prefix;
    let mut steps = Vec::new();
    for address in wanted {
        let there = present.iter().find(|other| is(address, other));
        let good = there.is_some_and(|there| {
            is_close(address.valid, there.valid) && is_close(address.preferred, there.preferred)
        });
        if !good {
            steps.push(Step::Set(address.clone()));
        }
    }
    let is_own = |there: &Address| match there.ip {
        IpAddr::V6(ip) => own.contains(&(ip, there.prefix)),
        IpAddr::V4(_) => false,
    };
    let old = |there: &&Address| is_own(there) && !wanted.iter().any(|address| is(address, there));
    for there in present.iter().filter(old) {
        let valid = there.valid.unwrap_or(u32::MAX).min(TWO_HOURS);
        let done = there.preferred == Some(0) && there.valid == Some(valid);
        let deprecated = Address {
            valid: Some(valid),
            preferred: Some(0),
            flags: 0,
            ..there.clone()
        };
        match wanted.is_empty() {
            true => steps.push(Step::Remove(deprecated)),
            false if !done => steps.push(Step::Set(deprecated)),
            false => {}
        }
    }
    steps
}

fn is_close(one: Option<u32>, other: Option<u32>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= SLACK && (one == 0) == (other == 0),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::pd::delegation::Delegation;

    fn address(text: &str, preferred: Option<u32>, valid: Option<u32>) -> Address {
        Address {
            index: 3,
            ip: text.parse().unwrap(),
            prefix: 64,
            broadcast: None,
            valid,
            preferred,
            flags: 0,
        }
    }

    #[test]
    fn addresses_have_what_is_left_of_the_prefix() {
        let at = |seconds| Some(Instant::from_boot(Duration::from_secs(seconds)));
        let subnet = |network: &str, preferred, valid| {
            let network = (network.parse().unwrap(), 64);
            let of = Delegation {
                iaid: 1,
                network,
                excluded: None,
                preferred,
                valid,
            };
            Subnet { network, of }
        };
        let subnets = [
            subnet("2001:db8::", at(160), at(220)),
            subnet("2001:db8:1::", at(90), at(100)),
            subnet("2001:db8:2::", None, None),
            subnet("2001:db8:3::", at(50), None),
        ];
        let host = "::1".parse().unwrap();
        assert_eq!(
            addresses(&subnets, host, 3, at(100).unwrap()),
            [
                address("2001:db8::1", Some(60), Some(120)),
                address("2001:db8:2::1", None, None),
                address("2001:db8:3::1", Some(0), None),
            ]
        );
        // Bits that belong to the prefix are not the host's to give.
        let host = "2001:db8:ffff:ffff:a:b:c:d".parse().unwrap();
        let made = addresses(&subnets[..1], host, 3, at(100).unwrap());
        assert_eq!(made[0].ip.to_string(), "2001:db8::a:b:c:d");
    }

    #[test]
    fn renumbering() {
        let own = [("2001:db8:1::1".parse().unwrap(), 64)];
        let old = address("2001:db8:1::1", Some(3000), Some(9000));
        let new = address("2001:db8:2::1", Some(3600), Some(7200));
        let foreign = address("2001:db8:1::5", None, None);
        let set = |address: &Address| Step::Set(address.clone());
        // Nothing there yet.
        let steps = plan(std::slice::from_ref(&old), &[], &[]);
        assert_eq!(steps, [set(&old)]);
        // There already, a second later.
        let later = address("2001:db8:1::1", Some(2999), Some(8998));
        assert_eq!(plan(std::slice::from_ref(&old), &[later], &own), []);
        // Replaced: the new one first, two hours for the old one.
        let present = [foreign.clone(), old.clone()];
        let ending = address("2001:db8:1::1", Some(0), Some(7200));
        let steps = plan(std::slice::from_ref(&new), &present, &own);
        assert_eq!(steps, [set(&new), set(&ending)]);
        // Its own rest where that is shorter, and only once.
        let present = [address("2001:db8:1::1", Some(5), Some(90)), new.clone()];
        let steps = plan(std::slice::from_ref(&new), &present, &own);
        assert_eq!(steps, [set(&address("2001:db8:1::1", Some(0), Some(90)))]);
        let present = [address("2001:db8:1::1", Some(0), Some(80)), new.clone()];
        assert_eq!(plan(std::slice::from_ref(&new), &present, &own), []);
        // It comes back.
        assert_eq!(
            plan(std::slice::from_ref(&old), &present, &own),
            [set(&old)]
        );
        // The delegation is gone.
        let steps = plan(&[], &[foreign, old.clone()], &own);
        assert!(
            matches!(&steps[..], [Step::Remove(gone)] if gone.ip == old.ip),
            "{steps:?}"
        );
    }

    #[test]
    fn a_prefix_that_is_not_preferred_any_more() {
        let wanted = [address("2001:db8::1", Some(0), Some(100))];
        let present = [address("2001:db8::1", Some(1), Some(101))];
        let own = [("2001:db8::1".parse().unwrap(), 64)];
        assert_eq!(
            plan(&wanted, &present, &own),
            [Step::Set(wanted[0].clone())]
        );
        let for_ever = [address("2001:db8::1", None, None)];
        assert_eq!(plan(&for_ever, &present, &own).len(), 1);
    }
}
