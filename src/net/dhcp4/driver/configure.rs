//! What a lease changes in the kernel and in files. Invariant: a record is written after the kernel has been
//! configured and removed before nothing is configured any more.

use std::time::Duration;

use super::{Client, KIND};
use crate::failure::Failure;
use crate::net::address::show_mac;
use crate::net::client::Note;
use crate::net::dhcp4::apply;
use crate::net::dhcp4::event::Loss;
use crate::net::dhcp4::kept::{Found, Kept};
use crate::net::dhcp4::lease::Lease;
use crate::net::lease::{self as record, Record};
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::resolv::{self, Dns};
use crate::time::Instant;

/// What ends within this is not put back.
const ENDS_SOON: Duration = Duration::from_secs(2);

impl Client {
    pub(super) fn configure(&mut self, lease: Lease, since: Instant, now: Instant) {
        self.put_back.renewed();
        let old = self.kept.take();
        let policy = &self.options.policy;
        let before = old.as_ref().map(|old| (&old.lease, &old.policy));
        let configured = Netlink::open().and_then(|mut netlink| {
            apply::configure(&mut netlink, &self.station.link, policy, &lease, before)
        });
        match configured {
            Ok(failures) => failures
                .iter()
                .for_each(|failure| self.station.problem(failure.to_string())),
            Err(failure) => self.station.problem(failure.to_string()),
        }
        let same = |old: &Kept| old.lease.address == lease.address;
        let first = old.as_ref().filter(|old| same(old));
        let kept = Kept {
            since,
            bound: first.map_or(now.since_boot().as_secs(), |old| old.bound),
            took: first.map_or(now.since(self.began).as_millis() as u64, |old| old.took),
            policy: self.options.policy.clone(),
            client_id: self.client_id.clone(),
            lease,
        };
        let lines = kept.record(now);
        let address = kept.lease.address;
        // The record last of what others see: whoever waits for it finds the rest done.
        let written = [
            self.publish(&kept.lease),
            record::save(&self.station.link.name, KIND, &lines),
            self.memory.keep(&self.client_id, address),
        ];
        self.complain(written);
        if old.is_none_or(|old| old.lease != kept.lease) {
            self.station.note(Note::Bound(summary(&lines)));
        }
        self.kept = Some(kept);
    }

    /// Sets the routes again: the kernel has removed them from a link that was set down, whoever answers
    /// when it is up again.
    pub(super) fn restore(&mut self) {
        let Some(kept) = &self.kept else { return };
        let failures = Netlink::open().map(|mut netlink| {
            apply::set_routes(&mut netlink, &self.station.link, &kept.policy, &kept.lease)
        });
        for failure in failures.unwrap_or_else(|failure| vec![failure]) {
            self.station.problem(failure.to_string());
        }
    }

    /// Sets the address and its routes again where somebody else has removed it, unless it is about to end.
    pub(super) fn put_back(&mut self, now: Instant) {
        let Some(kept) = &self.kept else { return };
        let Ok(mut netlink) = Netlink::open() else {
            return;
        };
        let soon = now + ENDS_SOON;
        let index = self.station.link.index;
        if kept.state(&mut netlink, index, &self.client_id, soon) != Found::Gone {
            return;
        }
        let address = kept.lease.address;
        if !self.put_back.allows(now) {
            let what = format!("{address} is removed again and again: left so until it is renewed");
            return self.station.problem(what);
        }
        let elapsed = now.since(kept.since).as_secs();
        let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX);
        let failures = apply::put_back(
            &mut netlink,
            &self.station.link,
            &kept.policy,
            &kept.lease,
            elapsed,
        );
        self.station
            .remark(format!("{address} was removed by somebody else: put back"));
        for failure in failures {
            self.station.problem(failure.to_string());
        }
    }

    /// What an INFORM has brought: settings of an address that is not this client's. The record of a lease
    /// stays one, and gets what is new.
    pub(super) fn publish_settings(&mut self, lease: &Lease, now: Instant) {
        let mut lines = lease.settings_record();
        lines.set("bound", now.since_boot().as_secs());
        lines.set("renewed", now.since_boot().as_millis());
        lines.set("took", now.since(self.began).as_millis());
        let mut lease = lease.clone();
        if let Some((merged, known)) = merged(&self.station.link.name, &lease) {
            (lines, lease) = (merged, known);
        }
        let written = [
            self.publish(&lease),
            record::save(&self.station.link.name, KIND, &lines),
        ];
        self.complain(written);
        self.station.note(Note::Bound(summary(&lines)));
    }

    fn publish(&self, lease: &Lease) -> Result<(), Failure> {
        if !self.options.policy.dns {
            return Ok(());
        }
        let dns = Dns {
            metric: apply::metric(self.station.link.index, &self.options.policy),
            servers: lease.dns.iter().map(|&server| server.into()).collect(),
            search: lease.search.clone(),
        };
        resolv::publish(&self.source(), &dns)
    }

    pub(super) fn deconfigure(&mut self, loss: Loss) {
        let Some(kept) = self.kept.take() else {
            return;
        };
        let address = kept.lease.address;
        let told = match loss {
            Loss::Expired => Some(format!("{address} expired: nobody renewed it")),
            Loss::Refused => Some(format!("{address} was refused by the server (NAK)")),
            Loss::Conflict(mac) => Some(format!(
                "{address} is used by {} (ARP): declined",
                show_mac(&mac)
            )),
            Loss::Ipv6Only => Some(format!(
                "{address} given up: the network prefers IPv6 alone (option 108)"
            )),
            Loss::Released => None,
        };
        told.into_iter().for_each(|told| self.station.remark(told));
        match Netlink::open() {
            Ok(mut netlink) => {
                apply::deconfigure(&mut netlink, &self.station.link, &kept.policy, &kept.lease);
            }
            Err(failure) => self.station.problem(failure.to_string()),
        }
        self.sockets.close_udp();
        let removed = [
            record::remove(&self.station.link.name, KIND),
            resolv::withdraw(&self.source()),
            match loss {
                Loss::Expired | Loss::Ipv6Only => Ok(()),
                _ => self.memory.forget(),
            },
        ];
        self.complain(removed);
    }

    fn complain<const N: usize>(&mut self, results: [Result<(), Failure>; N]) {
        for failure in results.into_iter().filter_map(Result::err) {
            self.station.problem(failure.to_string());
        }
    }

    fn source(&self) -> String {
        format!("{}.{KIND}", self.station.link.name)
    }
}

/// The record of a lease of the same address that has not ended, with the settings of an INFORM that are
/// nothing of the lease's own; and the lease that it is then.
fn merged(interface: &str, said: &Lease) -> Option<(Record, Lease)> {
    let kept = Kept::load(interface, Instant::now())?;
    let (end, passed) = (kept.lease.times.expire(), Instant::now().since(kept.since));
    let ended = end.is_some_and(|end| passed.as_secs() >= u64::from(end));
    let mut lines = record::load(interface, KIND)?;
    let settings = said.settings_record();
    let told = |key: &str| {
        let of_hosts = ["dns", "domain", "search", "hostname", "ntp"];
        of_hosts.contains(&key) || key.starts_with("option")
    };
    for (key, value) in settings.iter().filter(|(key, _)| told(key)) {
        lines.set(key, value);
    }
    let lease = Lease::from_record(&lines)?;
    (!ended && lease.address == said.address).then_some((lines, lease))
}

/// `10.0.2.15/24 via 10.0.2.2, dns 10.0.2.3, lease 86400 s from 10.0.2.2`
pub fn summary(lease: &Record) -> String {
    let get = |key: &str| lease.get(key).unwrap_or("?");
    let mut text = format!("{}/{}", get("ip4"), get("prefix"));
    let words = [
        (" via ", "gateway"),
        (", dns ", "dns"),
        (", mtu ", "mtu"),
        (", lease ", "lease"),
    ];
    for (word, key) in words {
        if let Some(value) = lease.get(key) {
            text.push_str(word);
            text.push_str(value);
        }
    }
    if lease.get("t1").is_some() {
        text.push_str(" s");
    }
    if let Some(server) = lease.get("server") {
        text.push_str(" from ");
        text.push_str(server);
    }
    text
}
