//! Whether somebody else has the leased address (RFC 5227): probes, announcements, defence. No I/O, no
//! clock, no randomness. Invariant: until it watches only, [`Guard::deadline`] says when it goes on.
//!
//! Deviation: the address is used while it is still being probed, because probing alone takes 4–7 s;
//! [`Timing::Fast`] probes within half a second.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::arp::{Arp, Mac};
use super::timing::Timing;
use crate::net::random::Random;
use crate::time::Instant;

/// PROBE_NUM of RFC 5227 §1.1.
const PROBES: u8 = 3;
/// ANNOUNCE_NUM
const ANNOUNCEMENTS: u8 = 2;
/// ANNOUNCE_INTERVAL
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// DEFEND_INTERVAL
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// So many probes have been sent.
    Probing(u8),
    /// So many announcements have been sent.
    Announcing(u8),
    Watching,
}

/// What is to be done about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it says nothing against the address.
    Fine,
    /// Tell everybody whose the address is.
    Defend,
    /// Give the address up.
    Conflict,
}

/// The guard of one address.
#[derive(Debug, Clone)]
pub struct Guard {
    address: Ipv4Addr,
    mac: Mac,
    stage: Stage,
    next: Instant,
    /// When somebody last claimed the address while it was ours.
    claimed: Option<Instant>,
}

impl Guard {
    /// Begins to probe. Drain [`Self::due`] at once and at every deadline.
    pub fn begin(
        mac: Mac,
        address: Ipv4Addr,
        timing: Timing,
        random: &mut Random,
        now: Instant,
    ) -> Self {
        Self {
            address,
            mac,
            stage: Stage::Probing(0),
            next: now + timing.first_probe(random),
            claimed: None,
        }
    }

    /// The guarded address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Whether probes and announcements are over.
    pub fn is_watching(&self) -> bool {
        self.stage == Stage::Watching
    }

    /// When [`Self::due`] has something; `None`: never again.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_watching()).then_some(self.next)
    }

    /// What is to be sent now, if anything.
    pub fn due(&mut self, timing: Timing, random: &mut Random, now: Instant) -> Option<Arp> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        match self.stage {
            Stage::Probing(sent) if sent < PROBES => {
                self.stage = Stage::Probing(sent + 1);
                self.next = now + timing.next_probe(sent + 1 == PROBES, random);
                Some(Arp::probe(self.mac, self.address))
            }
            Stage::Probing(_) => Some(self.announce(1, now)),
            Stage::Announcing(sent) => Some(self.announce(sent + 1, now)),
            Stage::Watching => None,
        }
    }

    fn announce(&mut self, sent: u8, now: Instant) -> Arp {
        self.next = now + ANNOUNCE_INTERVAL;
        self.stage = match sent {
            ANNOUNCEMENTS.. => Stage::Watching,
            _ => Stage::Announcing(sent),
        };
        Arp::announcement(self.mac, self.address)
    }

    /// Takes a packet from the link.
    pub fn heard(&mut self, arp: &Arp, now: Instant) -> Verdict {
        let claims = arp.sender == self.address;
        // Somebody else probes for it at the same time.
        let probes = arp.sender.is_unspecified() && arp.target == self.address && !arp.reply;
        let probing = matches!(self.stage, Stage::Probing(_));
        if arp.mac == self.mac || !(claims || probes && probing) {
            return Verdict::Fine;
        }
        // RFC 5227 §2.1.1 while probing, §2.4 (b) afterwards.
        let before = self.claimed.replace(now);
        match before {
            _ if probing => Verdict::Conflict,
            Some(before) if now.since(before) < DEFEND_INTERVAL => Verdict::Conflict,
            _ => Verdict::Defend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];
    const OTHER: Mac = [2, 0, 0, 0, 0, 2];
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
    const BEGIN: Instant = Instant::from_boot(Duration::from_secs(50));

    fn begin(timing: Timing) -> (Guard, Random) {
        let mut random = Random::new(7);
        (
            Guard::begin(MAC, ADDRESS, timing, &mut random, BEGIN),
            random,
        )
    }

    /// All that it sends, with when, in milliseconds.
    fn schedule(timing: Timing) -> Vec<(bool, u128)> {
        let (mut guard, mut random) = begin(timing);
        let mut sent = Vec::new();
        while let Some(now) = guard.deadline() {
            let arp = guard.due(timing, &mut random, now).unwrap();
            assert_eq!(guard.due(timing, &mut random, now), None);
            sent.push((arp.sender == ADDRESS, now.since(BEGIN).as_millis()));
        }
        assert!(guard.is_watching());
        sent
    }

    #[test]
    fn three_probes_then_two_announcements() {
        for timing in [Timing::Fast, Timing::Rfc] {
            let sent = schedule(timing);
            let kinds: Vec<_> = sent.iter().map(|(announces, _)| *announces).collect();
            assert_eq!(kinds, [false, false, false, true, true]);
            assert_eq!(sent[4].1 - sent[3].1, 2000);
        }
        let fast = schedule(Timing::Fast);
        assert_eq!(fast[0].1, 0);
        assert!(fast[3].1 <= 750, "{fast:?}");
        let rfc = schedule(Timing::Rfc);
        assert!((1000..=2000).contains(&(rfc[1].1 - rfc[0].1)), "{rfc:?}");
        assert!((1000..=2000).contains(&(rfc[2].1 - rfc[1].1)), "{rfc:?}");
        assert_eq!(rfc[3].1 - rfc[2].1, 2000);
    }

    #[test]
    fn who_says_what_is_judged() {
        let address = |claimed: bool| {
            if claimed {
                ADDRESS
            } else {
                Ipv4Addr::new(10, 0, 2, 2)
            }
        };
        for stage in [Stage::Probing(1), Stage::Announcing(1), Stage::Watching] {
            let probing = stage == Stage::Probing(1);
            for (mac, sender, target, reply, conflict, claim) in [
                (OTHER, address(true), address(false), true, probing, true),
                (OTHER, address(true), address(true), false, probing, true),
                (
                    OTHER,
                    Ipv4Addr::UNSPECIFIED,
                    address(true),
                    false,
                    probing,
                    false,
                ),
                (OTHER, address(false), address(true), false, false, false),
                (OTHER, address(false), address(false), true, false, false),
                (MAC, address(true), address(true), false, false, false),
                (
                    MAC,
                    Ipv4Addr::UNSPECIFIED,
                    address(true),
                    false,
                    false,
                    false,
                ),
            ] {
                let (mut guard, _) = begin(Timing::Fast);
                guard.stage = stage;
                let arp = Arp {
                    reply,
                    mac,
                    sender,
                    target,
                };
                let expected = match (conflict, claim) {
                    (true, _) => Verdict::Conflict,
                    (false, true) => Verdict::Defend,
                    _ => Verdict::Fine,
                };
                assert_eq!(guard.heard(&arp, BEGIN), expected, "{stage:?} {arp:?}");
            }
        }
    }

    #[test]
    fn an_address_is_defended_once_in_ten_seconds() {
        let (mut guard, _) = begin(Timing::Fast);
        guard.stage = Stage::Watching;
        let claim = Arp::announcement(OTHER, ADDRESS);
        let at = |seconds: u64| BEGIN + Duration::from_secs(seconds);
        assert_eq!(guard.heard(&claim, at(0)), Verdict::Defend);
        assert_eq!(guard.heard(&claim, at(11)), Verdict::Defend);
        assert_eq!(guard.heard(&claim, at(20)), Verdict::Conflict);
    }
}
