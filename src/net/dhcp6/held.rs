//! What a client has: its lease in the kernel, in its record and in `resolv.conf`. Invariant: a record is
//! written after the kernel has been configured; what a client before this one has left is taken over, and
//! removed only when something else takes its place.

use std::net::{IpAddr, Ipv6Addr};

use super::apply::{self, Policy};
use super::event::{Config, Loss};
use super::identity;
use super::lease::{Lease, Other};
use super::record::{self, Holder};
use crate::failure::Failure;
use crate::net::client::Note;
use crate::net::lease;
use crate::net::netlink::addr::{self, Address, DUPLICATE, TENTATIVE};
use crate::net::netlink::link::Link;
use crate::net::netlink::socket::Socket;
use crate::net::resolv::{self, Dns};
use crate::time::Instant;

/// The kind of this client's records: `$INITSH_RUN/leases/IF.dhcp6`.
pub const KIND: &str = "dhcp6";
/// Key of the record: it is of the client of `slaac --follow`, which gives it back.
pub const FOLLOWED: &str = "followed";

/// Seconds: an address that ends within them is not put back.
const ENDS_SOON: u32 = 2;

/// What a client of one interface has.
#[derive(Debug)]
pub struct Held {
    policy: Policy,
    holder: Holder,
    began: Instant,
    lease: Option<Lease>,
    /// From when on its times count.
    since: Instant,
    /// When it was first configured: seconds since boot, and how long that took.
    bound: Option<(u64, u128)>,
    /// Whoever reads the log knows what there is.
    told: bool,
    /// Addresses that may turn out to be somebody else's.
    unconfirmed: Vec<Ipv6Addr>,
}

/// Refuses a client that would take the place of one with another IAID: an interface has one record, and one
/// client, which asks for everything.
///
/// Errors: a lease with another IAID has not ended.
pub fn check_iaid(interface: &str, iaid: u32, now: Instant) -> Result<(), Failure> {
    // A client takes the place of that of `slaac --follow`, whatever it asks for.
    let found = lease::load(interface, KIND).filter(|found| found.get(FOLLOWED).is_none());
    let Some((lease, since, holder)) = found.as_ref().and_then(record::read) else {
        return Ok(());
    };
    let theirs = lease.prefixes.first().map(|delegated| delegated.iaid);
    let theirs = holder.iaid.or(theirs).unwrap_or(iaid);
    match record::still_valid(lease, since, now) {
        Some(lease) if !identity::is_same_client(theirs, iaid) => Err(Failure::new(format!(
            "{interface} has {} of IAID {theirs}, which a client of IAID {iaid} would drop: one client asks \
             for everything ('dhcp6 --pd {interface}'), or give it back first ('dhcp6 --release {interface}')",
            what(&lease)
        ))),
        _ => Ok(()),
    }
}

impl Held {
    /// What an earlier client of the interface has left.
    pub fn load(interface: &str, policy: Policy, holder: Holder, now: Instant) -> Self {
        let found = lease::load(interface, KIND);
        let known = found.as_ref().and_then(record::read);
        let known = known.filter(|(_, since, _)| *since <= now);
        let number = |key: &str| found.as_ref()?.get(key)?.parse().ok();
        let bound = number("bound").zip(number("took").map(u128::from));
        let same = known.as_ref().is_some_and(|(.., other)| *other == holder);
        Self {
            policy,
            holder,
            began: now,
            since: known.as_ref().map_or(now, |(_, since, _)| *since),
            bound: bound.filter(|_| same),
            lease: known.map(|(lease, ..)| lease),
            told: false,
            unconfirmed: Vec::new(),
        }
    }

    /// Removes what has ended while no client was there.
    pub fn expire(&mut self, link: &Link, now: Instant) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        let left = record::still_valid(lease.clone(), self.since, now);
        if let Ok(mut socket) = Socket::open() {
            let kept = left.as_ref().map(|left| (left, 0));
            apply::remove(&mut socket, link, &self.policy, &lease, kept);
        }
        if left.is_none() {
            let _ = self.forget(&link.name);
            self.bound = None;
        }
        self.lease = left;
    }

    /// What of the lease this client can take up again: what it wants and has not ended.
    pub fn resumable(&self, config: &Config, now: Instant) -> Option<(Lease, Instant)> {
        let mut lease = self.lease.clone().filter(|_| self.bound.is_some())?;
        lease.addresses.retain(|_| config.address.is_some());
        let wanted = |iaid| config.prefixes.iter().any(|wanted| wanted.iaid == iaid);
        lease.prefixes.retain(|delegated| wanted(delegated.iaid));
        let lease = record::still_valid(lease, self.since, now)?;
        Some((lease, self.since))
    }

    /// Whether addresses wait for the end of duplicate address detection.
    pub fn is_unconfirmed(&self) -> bool {
        !self.unconfirmed.is_empty()
    }

    /// Uses a lease in place of the one before.
    pub fn configure(
        &mut self,
        link: &Link,
        lease: Lease,
        since: Instant,
        now: Instant,
    ) -> Vec<Note> {
        let old = self.lease.take();
        let failures = self.apply(link, &lease, since, now, old.as_ref());
        let mut notes: Vec<_> = failures.iter().map(problem).collect();
        let lines = record::of_lease(&lease, since, &self.holder);
        let summary = record::summary(&lines);
        notes.extend(
            self.publish(link, lines, &lease.other, now)
                .map(|f| problem(&f)),
        );
        let is_known = self.told && old.as_ref().is_some_and(|old| is_alike(old, &lease));
        self.told = true;
        if !is_known {
            notes.push(Note::Bound(summary));
        }
        self.unconfirmed = lease.addresses.iter().map(|leased| leased.ip).collect();
        self.since = since;
        self.lease = Some(lease);
        notes
    }

    /// Uses configuration that comes without a lease.
    pub fn inform(&mut self, link: &Link, other: &Other, now: Instant) -> Vec<Note> {
        if let Some(lease) = self.lease.take() {
            self.clear_kernel(link, &lease);
        }
        let lines = record::of_other(other, now, &self.holder);
        let known = lease::load(&link.name, KIND).filter(|_| self.told);
        let known = known.map(|old| record::summary(&old));
        self.told = true;
        let summary = record::summary(&lines);
        let failed = self.publish(link, lines, other, now);
        let mut notes: Vec<_> = failed
            .map(|failure| problem(&failure))
            .into_iter()
            .collect();
        if known.as_ref() != Some(&summary) {
            notes.push(Note::Bound(summary));
        }
        notes
    }

    /// Stops using all of it.
    pub fn deconfigure(&mut self, link: &Link, loss: Loss) -> Vec<Note> {
        let mut notes = Vec::new();
        if let Some(lease) = self.lease.take() {
            self.clear_kernel(link, &lease);
            let what = what(&lease);
            notes.extend(match loss {
                Loss::Expired => Some(format!("{what} expired: nobody renewed it")),
                Loss::Refused => Some(format!("{what} was refused by the server")),
                Loss::Declined => Some(format!("another host has {what}")),
                Loss::Released => None,
            });
        }
        let failed = self.forget(&link.name);
        let failed = failed.map(|failure| failure.to_string());
        self.bound = None;
        self.unconfirmed.clear();
        notes.into_iter().chain(failed).map(Note::Problem).collect()
    }

    /// Configures once more what a link that was down has lost.
    pub fn restore(&mut self, link: &Link, now: Instant) {
        // Not what another client has left.
        if self.bound.is_none() {
            return;
        }
        if let Some(lease) = self.lease.take() {
            // A failure comes again when the lease is confirmed.
            let _ = self.apply(link, &lease, self.since, now, Some(&lease));
            self.lease = Some(lease);
        }
    }

    /// The addresses that are not on the link although they are neither about to end nor being checked.
    pub fn missing(&self, link: &Link, now: Instant) -> Vec<Ipv6Addr> {
        let Some(lease) = self.lease.as_ref().filter(|_| self.bound.is_some()) else {
            return Vec::new();
        };
        let entries =
            Socket::open().and_then(|mut socket| addr::list(&mut socket, Some(link.index)));
        let Ok(there) = entries else {
            return Vec::new();
        };
        let elapsed = elapsed(self.since, now);
        let lasting = lease
            .addresses
            .iter()
            .filter(|leased| apply::remaining(leased.times, elapsed).valid > ENDS_SOON);
        let mut missing: Vec<_> = lasting.map(|leased| leased.ip).collect();
        missing.retain(|ip| {
            let is_it = |other: &Address| other.ip == IpAddr::V6(*ip);
            !there.iter().any(is_it) && !self.unconfirmed.contains(ip)
        });
        missing
    }

    /// Sets them again; they are checked as if they were new. Returns what failed.
    pub fn put_back(&mut self, link: &Link, missing: Vec<Ipv6Addr>, now: Instant) -> Vec<Note> {
        let Some(lease) = self.lease.take() else {
            return Vec::new();
        };
        let failures = self.apply(link, &lease, self.since, now, None);
        self.lease = Some(lease);
        self.unconfirmed.extend(missing);
        failures.iter().map(problem).collect()
    }

    /// An address that duplicate address detection has found to be another host's; it is removed. `duplicate`:
    /// the kernel has removed such a one from the link.
    pub fn conflict(&mut self, link: &Link, duplicate: bool) -> Option<Ipv6Addr> {
        let mut socket = Socket::open().ok()?;
        let entries = addr::entries(&mut socket, Some(link.index)).ok()?;
        let flags = |ip: Ipv6Addr| {
            let mut found = entries
                .iter()
                .filter(|entry| entry.address.ip == IpAddr::V6(ip));
            found.next().map(|entry| entry.flags)
        };
        // One with a lifetime is removed by the kernel, one without only marked.
        let lost = |ip: &Ipv6Addr| flags(*ip).map_or(duplicate, |flags| flags & DUPLICATE != 0);
        let found = self.unconfirmed.iter().copied().find(lost);
        self.unconfirmed
            .retain(|ip| flags(*ip).is_some_and(|flags| flags & TENTATIVE != 0));
        let ip = found?;
        let gone = Address {
            index: link.index,
            ip: ip.into(),
            prefix: 128,
            broadcast: None,
            valid: None,
            preferred: None,
            flags: 0,
        };
        let _ = addr::remove(&mut socket, &gone);
        Some(ip)
    }

    fn apply(
        &self,
        link: &Link,
        lease: &Lease,
        since: Instant,
        now: Instant,
        old: Option<&Lease>,
    ) -> Vec<Failure> {
        let elapsed = elapsed(since, now);
        match Socket::open() {
            Ok(mut socket) => {
                apply::configure(&mut socket, link, &self.policy, lease, elapsed, old)
            }
            Err(failure) => vec![failure],
        }
    }

    fn clear_kernel(&self, link: &Link, lease: &Lease) {
        if let Ok(mut socket) = Socket::open() {
            apply::deconfigure(&mut socket, link, &self.policy, lease);
        }
    }

    /// Writes `resolv.conf`, then the record: whoever sees that finds the rest done.
    fn publish(
        &mut self,
        link: &Link,
        mut lines: lease::Record,
        other: &Other,
        now: Instant,
    ) -> Option<Failure> {
        let first = || {
            (
                now.since_boot().as_secs(),
                now.since(self.began).as_millis(),
            )
        };
        let (bound, took) = *self.bound.get_or_insert_with(first);
        lines.set("bound", bound);
        lines.set("took", took);
        if self.policy.followed {
            lines.set(FOLLOWED, "yes");
        }
        let published = self.publish_dns(link, other);
        lease::save(&link.name, KIND, &lines).and(published).err()
    }

    fn publish_dns(&self, link: &Link, other: &Other) -> Result<(), Failure> {
        if !self.policy.dns {
            return Ok(());
        }
        let dns = Dns {
            metric: self.policy.dns_metric(link.index),
            servers: other.dns.iter().map(|&server| server.into()).collect(),
            search: other.search.clone(),
        };
        resolv::publish(&source(&link.name), &dns)
    }

    /// Removes the record and its part of `resolv.conf`.
    fn forget(&self, interface: &str) -> Option<Failure> {
        let removed = lease::remove(interface, KIND);
        let removed = removed.and_then(|()| match self.policy.dns {
            true => resolv::withdraw(&source(interface)),
            false => Ok(()),
        });
        removed.err()
    }
}

/// A second long rather than short: the kernel's count begins anew.
fn elapsed(since: Instant, now: Instant) -> u32 {
    let elapsed = now.since(since).as_millis().div_ceil(1000);
    u32::try_from(elapsed).unwrap_or(u32::MAX - 1)
}

fn source(interface: &str) -> String {
    format!("{interface}.{KIND}")
}

fn problem(failure: &Failure) -> Note {
    Note::Problem(failure.to_string())
}

/// Whether two leases differ in nothing but their times.
fn is_alike(one: &Lease, other: &Lease) -> bool {
    what(one) == what(other) && one.other == other.other
}

/// `2001:db8::15, 2001:db8:1::/56`
fn what(lease: &Lease) -> String {
    let addresses = lease.addresses.iter().map(|leased| leased.ip.to_string());
    let prefixes = lease.prefixes.iter().map(record::prefix_of);
    let all: Vec<_> = addresses.chain(prefixes).collect();
    all.join(", ")
}
