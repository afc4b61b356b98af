//! The DHCPv6 client that routers ask for with their flags M and O (RFC 4861 §4.2), where this client is
//! told to follow them. Invariant: one at most; that it fails costs nothing else.

use nix::poll::PollFd;

use super::apply::Check;
use super::driver::Options;
use super::timing::Timing;
use crate::net::client::{Client as _, Note};
use crate::net::dhcp6::apply::Policy;
use crate::net::dhcp6::driver as dhcp6;
use crate::net::dhcp6::event;
use crate::net::driver::Session;
use crate::net::lease;
use crate::net::link_local::Dad;
use crate::net::station::Station;
use crate::time::Instant;

/// What follows the routers' flags on one interface.
pub struct Follow {
    name: String,
    /// `None`: nobody is to.
    options: Option<dhcp6::Options>,
    /// The client, and whether it asks for an address.
    client: Option<(dhcp6::Client, bool)>,
}

impl Follow {
    /// Nobody, until [`Self::flags`] says so.
    pub fn new(name: &str, options: &Options) -> Self {
        let policy = &options.policy;
        let made = || dhcp6::Options {
            policy: Policy {
                no_routes: policy.no_routes,
                dns: policy.dns,
                metric: policy.metric,
                dad: match policy.check {
                    Check::Before => Dad::Wait,
                    Check::Optimistic | Check::Never => Dad::Optimistic,
                },
                followed: true,
            },
            timing: match options.timing {
                Timing::Fast => event::Timing::Fast,
                Timing::Rfc => event::Timing::Rfc,
            },
            ..dhcp6::Options::default()
        };
        Self {
            name: name.to_owned(),
            options: options.follow.then(made),
            client: None,
        }
    }

    /// What routers say now. A client that asks for an address goes on when they do not say so any more:
    /// its lease is the server's to end.
    pub fn flags(&mut self, managed: bool, other: bool, station: &mut Station) {
        let Some(options) = self.options.as_ref().filter(|_| managed || other) else {
            return;
        };
        if self
            .client
            .as_ref()
            .is_some_and(|(_, address)| *address || !managed)
        {
            return;
        }
        let options = dhcp6::Options {
            address: managed,
            ..options.clone()
        };
        // Its socket must be closed before another is opened.
        self.client = None;
        match dhcp6::Client::start(&self.name, options) {
            Ok(client) => self.client = Some((client, managed)),
            Err(failure) => station.remark(failure.to_string()),
        }
        self.tell(station);
    }

    /// Whether it has an address, or a DHCPv6 client in another process has.
    pub fn is_ready(&self) -> bool {
        if self.options.is_none() {
            let record = lease::load(&self.name, dhcp6::KIND);
            return record.is_some_and(|record| record.get("ip6").is_some());
        }
        let mut clients = self.client.iter();
        clients.any(|(client, address)| *address && client.is_ready())
    }

    /// Why it has no address, where it is to have one.
    pub fn why(&self) -> Option<String> {
        let (client, _) = self.client.as_ref().filter(|(_, address)| *address)?;
        Some(format!("DHCPv6: {}", client.why()))
    }

    /// Takes up what has come in for it.
    pub fn wake(&mut self, now: Instant, station: &mut Station) {
        if let Some((client, _)) = &mut self.client {
            client.wake(now);
        }
        self.tell(station);
    }

    /// What happened to it. Its problems spoil nothing that a router has given.
    fn tell(&mut self, station: &mut Station) {
        let client = self.client.as_mut();
        let taken = client.map(|(client, _)| client.station_mut().take_notes());
        for note in taken.into_iter().flatten() {
            station.note(match note {
                Note::Bound(text) => Note::Bound(format!("DHCPv6: {text}")),
                Note::Problem(text) | Note::Remark(text) => Note::Remark(format!("DHCPv6: {text}")),
            });
        }
    }

    /// The descriptors whose readability it waits for.
    pub fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if let Some((client, _)) = &self.client {
            client.watch(fds);
        }
    }

    /// When it wants to be woken although nothing came in.
    pub fn deadline(&self) -> Option<Instant> {
        self.client
            .as_ref()
            .and_then(|(client, _)| client.deadline())
    }
}
