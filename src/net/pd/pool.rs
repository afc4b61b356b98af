//! Which subnet of the delegated prefixes belongs to whom, pure. Invariant: no two users of a WAN share an
//! address, and nobody has an excluded part (RFC 6603); a subnet is known by its number within the prefix,
//! so that it survives another prefix.

use std::net::Ipv6Addr;

use super::delegation::{Delegation, Network, Wan, show};
use crate::failure::Failure;
use crate::time::Instant;

/// How many users an error names.
const NAMED: usize = 16;
/// What a user gets that asks for no length: hosts make addresses of /64 alone (RFC 4862 §5.5.3).
const LENGTH: u8 = 64;

/// Who uses a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A downstream link.
    Link(String),
    /// Whoever has asked for one under this name.
    Name(String),
}

impl User {
    /// For people: `lan0`, or `web (allocated)`.
    pub fn shown(&self) -> String {
        match self {
            Self::Link(name) => name.clone(),
            Self::Name(name) => format!("{name} (allocated)"),
        }
    }
}

/// Whose subnet is which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub user: User,
    /// The interface whose prefix it is a part of.
    pub wan: String,
    /// The IA_PD of that interface.
    pub iaid: u32,
    /// Length of the subnet.
    pub length: u8,
    /// The bits between the delegated prefix and the subnet's length.
    pub number: u64,
}

/// What a user asks for; where it says nothing, it keeps what it has.
#[derive(Debug, Clone, Default)]
pub struct Wish<'a> {
    /// Of the prefix of this interface.
    pub wan: Option<&'a str>,
    /// A subnet of this length.
    pub length: Option<u8>,
    /// This subnet and no other.
    pub number: Option<u64>,
}

/// A part of one delegated prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// The part.
    pub network: Network,
    /// What it is a part of, with the times that are its own, too.
    pub of: Delegation,
}

/// Every claim, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool(Vec<Claim>);

impl Pool {
    /// Adds a claim that was kept; one that another's is in the way of is dropped, whether that is added or
    /// not.
    pub fn restore(&mut self, claim: Claim) -> bool {
        let good = claim.length <= 128
            && self.of(&claim.user).is_none()
            && !self.0.iter().any(|other| overlap(other, &claim));
        if good {
            self.0.push(claim);
        }
        good
    }

    /// Every claim, the oldest first.
    pub fn claims(&self) -> &[Claim] {
        &self.0
    }

    /// What a user has.
    pub fn of(&self, user: &User) -> Option<&Claim> {
        self.0.iter().find(|claim| claim.user == *user)
    }

    /// Takes it from its user; what it was.
    pub fn free(&mut self, user: &User) -> Option<Claim> {
        let place = self.0.iter().position(|claim| claim.user == *user)?;
        Some(self.0.remove(place))
    }

    /// Gives the user a subnet: that which it has wherever it can be, else the first that is free.
    ///
    /// Errors: no WAN has a prefix, several have one and none is named, the wish cannot be fulfilled,
    /// nothing is left. Then nothing changes.
    pub fn place(
        &mut self,
        user: &User,
        wish: &Wish<'_>,
        wans: &[Wan],
        now: Instant,
    ) -> Result<Claim, Failure> {
        let old = self.of(user);
        let wan = choose(wish.wan, old, wans)?;
        let length = wish.length.or(old.map(|old| old.length)).unwrap_or(LENGTH);
        let number = old.filter(|old| old.length == length).map(|old| old.number);
        let ias = ias(wan, old, now);
        let claim = |ia: &Delegation, number| Claim {
            user: user.clone(),
            wan: wan.name.clone(),
            iaid: ia.iaid,
            length,
            number,
        };
        let mut found = None;
        if let Some(number) = wish.number.or(number) {
            let mut claims = ias.iter().map(|ia| claim(ia, number));
            found = claims.find(|claim| self.obstacle(claim, &ias).is_none());
        }
        if found.is_none() && wish.number.is_none() {
            // Whoever has a number in an IA that is not there at the moment keeps that number while there
            // are others.
            let tries = [&ias[..], &[]].map(|present| {
                ias.iter().find_map(|ia| {
                    let number = self.first_free(&claim(ia, 0), ia, present)?;
                    Some(claim(ia, number))
                })
            });
            found = tries.into_iter().flatten().next();
        }
        let Some(found) = found else {
            return Err(self.refusal(&claim(&ias[0], wish.number.unwrap_or(0)), wish, &ias));
        };
        // Where it stood: the order of the claims is that of their age.
        match self.0.iter_mut().find(|claim| claim.user == *user) {
            Some(old) => old.clone_from(&found),
            None => self.0.push(found.clone()),
        }
        Ok(found)
    }

    /// Why a claim cannot be as it is, in words; `None` where it can. `ias`: the best prefix of each IA.
    fn obstacle(&self, claim: &Claim, ias: &[Delegation]) -> Option<String> {
        let ia = ias.iter().find(|ia| ia.iaid == claim.iaid)?;
        let what = format!("subnet {} of {}", claim.number, show(ia.network));
        let Some(network) = part(ia.network, claim.length, claim.number) else {
            return Some(format!("there is no {what} with /{}", claim.length));
        };
        if ia.excluded.is_some_and(|excluded| share(excluded, network)) {
            return Some(format!("{what} is excluded by the provider"));
        }
        let by = self.in_the_way(claim, &[])?;
        Some(format!("{what} belongs to {}", by.user.shown()))
    }

    /// Another's claim that this one must not overlap with. `present`: the IAs that there are, if those who
    /// have a number in any other are not to lose it; none, if that does not matter.
    fn in_the_way(&self, claim: &Claim, present: &[Delegation]) -> Option<&Claim> {
        let is_homeless =
            |other: &Claim| !present.is_empty() && !present.iter().any(|ia| ia.iaid == other.iaid);
        self.0.iter().find(|other| {
            other.user != claim.user
                && other.wan == claim.wan
                && (other.iaid == claim.iaid || is_homeless(other))
                && crosses(other, claim)
        })
    }

    /// The first number from the claim's on that nobody has.
    fn first_free(&self, claim: &Claim, ia: &Delegation, present: &[Delegation]) -> Option<u64> {
        let mut candidate = claim.clone();
        // Each turn passes what was in the way; nothing is in the way twice.
        loop {
            let network = part(ia.network, candidate.length, candidate.number)?;
            let excluded = ia.excluded.filter(|&excluded| share(excluded, network));
            let (number, length) = match (self.in_the_way(&candidate, present), excluded) {
                (Some(other), _) => (other.number, other.length),
                (None, Some((ip, length))) => (number_of(ip, length, ia.network.1), length),
                (None, None) => return Some(candidate.number),
            };
            candidate.number = last_of(number, length, candidate.length).checked_add(1)?;
        }
    }

    fn refusal(&self, claim: &Claim, wish: &Wish<'_>, ias: &[Delegation]) -> Failure {
        if wish.number.is_some()
            && let Some(why) = self.obstacle(claim, ias)
        {
            return Failure::new(why);
        }
        let Claim { wan, length, .. } = claim;
        if ias.iter().all(|ia| ia.network.1 > *length) {
            let prefix = show(ias[0].network);
            return Failure::new(format!(
                "{wan} has {prefix}, which is less than a /{length}"
            ));
        }
        let sizes: Vec<_> = ias
            .iter()
            .map(|ia| {
                format!(
                    "{} ({} of /{length})",
                    show(ia.network),
                    size(ia.network, *length)
                )
            })
            .collect();
        let users = self.0.iter().filter(|other| other.wan == *wan);
        let users: Vec<_> = users.map(|user| user.user.shown()).collect();
        let mut names = users[..users.len().min(NAMED)].join(", ");
        if users.len() > NAMED {
            names.push_str(&format!(" and {} more", users.len() - NAMED));
        }
        let sizes = sizes.join(", ");
        Failure::new(format!(
            "no subnet is left of {wan}'s {sizes}: they belong to {names}"
        ))
    }
}

/// The subnets that a claim stands for at the moment: one of each prefix of its IA that has it, preferred
/// ones first.
pub fn subnets(claim: &Claim, wans: &[Wan], now: Instant) -> Vec<Subnet> {
    let wan = wans.iter().find(|wan| wan.name == claim.wan);
    let all = wan.map_or(&[][..], |wan| &wan.delegations).iter();
    let own = all.filter(|delegation| delegation.iaid == claim.iaid);
    let mut subnets: Vec<_> = own
        .filter_map(|of| {
            let network = part(of.network, claim.length, claim.number)?;
            let excluded = of.excluded.is_some_and(|excluded| share(excluded, network));
            (!excluded).then_some(Subnet { network, of: *of })
        })
        .collect();
    crate::sort::sort_by_key(&mut subnets, |subnet| !subnet.of.is_preferred(now));
    subnets
}

/// How many subnets of a length a prefix has, excluded ones included.
pub fn size(network: Network, length: u8) -> u128 {
    let bits = u32::from(length.saturating_sub(network.1));
    1_u128.checked_shl(bits).unwrap_or(u128::MAX)
}

/// The WAN to take from: the one that was asked for; that of the claim; the only one.
fn choose<'a>(
    asked: Option<&str>,
    old: Option<&Claim>,
    wans: &'a [Wan],
) -> Result<&'a Wan, Failure> {
    const HINT: &str = "'dhcp6 --pd IF' asks for one";
    let of = |name: &str| wans.iter().find(|wan| wan.name == name);
    if let Some(name) = asked {
        let none = || Failure::new(format!("{name} has no delegated prefix")).with_hint(HINT);
        return of(name).ok_or_else(none);
    }
    match (old.and_then(|old| of(&old.wan)), wans) {
        (Some(wan), _) | (None, [wan]) => Ok(wan),
        (None, []) => Err(Failure::new("no interface has a delegated prefix").with_hint(HINT)),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|wan| wan.name.as_str()).collect();
            let names = names.join(", ");
            Err(Failure::new(format!(
                "several interfaces have a delegated prefix: {names}"
            ))
            .with_hint("choose one with --from"))
        }
    }
}

/// The best prefix of each IA of the WAN: the first that is preferred, else the first. The IA of the claim
/// comes first, then that which the server has named first.
fn ias(wan: &Wan, old: Option<&Claim>, now: Instant) -> Vec<Delegation> {
    let mut ias: Vec<Delegation> = Vec::new();
    for delegation in &wan.delegations {
        match ias.iter_mut().find(|ia| ia.iaid == delegation.iaid) {
            Some(ia) if !ia.is_preferred(now) && delegation.is_preferred(now) => *ia = *delegation,
            Some(_) => {}
            None => ias.push(*delegation),
        }
    }
    let own = old.filter(|old| old.wan == wan.name).map(|old| old.iaid);
    crate::sort::sort_by_key(&mut ias, |ia| own != Some(ia.iaid));
    ias
}

/// Whether two claims share an address.
fn overlap(one: &Claim, other: &Claim) -> bool {
    one.wan == other.wan && one.iaid == other.iaid && crosses(one, other)
}

/// Whether two numbers of the same prefix share an address.
fn crosses(one: &Claim, other: &Claim) -> bool {
    let length = one.length.min(other.length);
    first_of(one.number, one.length, length) == first_of(other.number, other.length, length)
}

/// The subnet of `length` with that number; `None` where the prefix has none such.
fn part((ip, own): Network, length: u8, number: u64) -> Option<Network> {
    if length < own || length > 128 || u128::from(number) >= size((ip, own), length) {
        return None;
    }
    let shift = 128 - u32::from(length);
    let bits = u128::from(number).checked_shl(shift).unwrap_or(0);
    Some((Ipv6Addr::from_bits(ip.to_bits() | bits), length))
}

/// The number of the network that has these bits, counted from the end of a prefix of `own` bits.
fn number_of(ip: Ipv6Addr, length: u8, own: u8) -> u64 {
    let bits = ip.to_bits().checked_shl(own.into()).unwrap_or(0);
    let kept = u32::from(length.saturating_sub(own));
    bits.checked_shr(128 - kept).unwrap_or(0) as u64
}

/// The first subnet of length `to` that is in, or around, number `number` of length `from`.
fn first_of(number: u64, from: u8, to: u8) -> u64 {
    let number = u128::from(number);
    let first = match (from < to, u32::from(from.abs_diff(to))) {
        (true, bits @ 0..64) => number << bits,
        (true, _) => number * u128::from(u64::MAX),
        (false, bits) => number.checked_shr(bits).unwrap_or(0),
    };
    u64::try_from(first).unwrap_or(u64::MAX)
}

/// The last such subnet.
fn last_of(number: u64, from: u8, to: u8) -> u64 {
    let more = 1_u64.checked_shl(u32::from(to.saturating_sub(from)));
    first_of(number, from, to).saturating_add(more.map_or(u64::MAX, |more| more - 1))
}

/// Whether two networks share an address.
fn share((one, long): Network, (other, short): Network) -> bool {
    let shift = 128 - u32::from(long.min(short));
    (one.to_bits() ^ other.to_bits())
        .checked_shr(shift)
        .unwrap_or(0)
        == 0
}

#[cfg(test)]
mod tests;
