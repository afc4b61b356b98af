//! A server on a bad line: messages are lost, come twice, come late and out of order; the server refuses,
//! forgets, renumbers and grants in part.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::super::event::{Input, Phase, Timing};
use super::super::super::wire::{ADVERTISE, REPLY, code};
use super::bench::*;
use crate::net::random::Random;
use crate::time::Instant;

/// While the line is bad, and until when it is good again.
const BAD: u64 = 2500;
const GOOD: u64 = 4500;

struct Line {
    random: Random,
    /// Percent of messages that are lost.
    loss: u32,
    /// Percent of answers that are not what the client wants.
    moody: u32,
    in_flight: Vec<(Instant, Vec<u8>)>,
}

impl Line {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len() as u32) as usize]
    }

    /// One IA of an answer.
    fn fill(&mut self, is_prefix: bool, iaid: u32) -> Vec<u8> {
        if self.chance(self.moody) {
            let code = self.pick(&[1, 2, 3, 4, 6]);
            return ia(is_prefix, iaid, [0, 0], &[status(code)]);
        }
        let (preferred, valid) = match self.chance(self.moody) {
            true => self.pick(&[(0, 0), (0, 60), (20, 30), (900, 800), (u32::MAX, u32::MAX)]),
            false => (PREFERRED, VALID),
        };
        let times = match self.chance(self.moody) {
            true => self.pick(&[[10, 5], [5, 10], [u32::MAX, u32::MAX], [2000, 3000]]),
            false => [0, 0],
        };
        let other = u16::from(self.chance(self.moody));
        let item = match is_prefix {
            true => prefix(
                nth(iaid - IAID + u32::from(other) * 16),
                56,
                preferred,
                valid,
            ),
            false => address(
                Ipv6Addr::from_bits(ADDRESS.to_bits() + u128::from(other)),
                preferred,
                valid,
            ),
        };
        ia(is_prefix, iaid, times, &[item])
    }

    /// What the server does about a message.
    fn serve(&mut self, bench: &Bench, request: &[u8]) {
        let mut options = vec![
            option(code::CLIENT_ID, &DUID),
            option(code::SERVER_ID, &SERVER),
        ];
        let rapid = !values(request, code::RAPID_COMMIT).is_empty() && self.chance(50);
        let kind = match request[0] {
            1 if !rapid => ADVERTISE,
            _ => REPLY,
        };
        if rapid {
            options.push(option(code::RAPID_COMMIT, &[]));
        }
        if self.chance(self.moody) {
            options.push(status(self.pick(&[0, 1, 2, 3, 4, 5, 6, 99])));
        }
        if matches!(request[0], 1 | 3 | 5 | 6) {
            for (code, is_prefix) in [(code::IA_NA, false), (code::IA_PD, true)] {
                for ia in values(request, code) {
                    let iaid = u32::from_be_bytes(ia[..4].try_into().unwrap());
                    if !self.chance(self.moody / 2) {
                        options.push(self.fill(is_prefix, iaid));
                    }
                }
            }
        }
        let mut reply = vec![kind, request[1], request[2], request[3]];
        reply.extend(options.concat());
        if self.chance(self.moody / 2) {
            let at = self.random.below(reply.len() as u32) as usize;
            reply[at] ^= 1 << self.random.below(8);
        }
        let copies = if self.chance(10) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.chance(self.loss) {
                let delay = Duration::from_millis(self.random.below(400).into());
                self.in_flight.push((bench.now + delay, reply.clone()));
            }
        }
    }
}

/// Nothing is in use that has ended.
fn check(bench: &Bench, seed: u64) {
    let Some((lease, since)) = &bench.lease else {
        return;
    };
    let gone = bench.now.since(*since).as_secs();
    let addresses = lease.addresses.iter().map(|address| address.times);
    let prefixes = lease.prefixes.iter().map(|prefix| prefix.times);
    for times in addresses.chain(prefixes) {
        assert!(
            u64::from(times.valid) > gone || times.valid == u32::MAX,
            "seed {seed}: used after {gone} s of {times:?}"
        );
        assert!(times.preferred <= times.valid);
    }
}

/// One seed: a bad line, then a good one; whether it ends with a lease.
fn simulate(seed: u64) -> bool {
    let mut random = Random::new(seed ^ 0xdead);
    let timing = if random.below(2) == 0 {
        Timing::Fast
    } else {
        Timing::Rfc
    };
    let prefixes = random.below(3);
    let mut bench = Bench::new(config(timing, prefixes), seed);
    let mut line = Line {
        random,
        loss: 40,
        moody: 10,
        in_flight: vec![],
    };
    let start = bench.now;
    let after = |seconds| start + Duration::from_secs(seconds);
    bench.handle(Input::LinkUp);
    let mut served = 0;
    let mut link_events = 0;
    let mut steps = 0;
    while bench.now < after(GOOD) {
        steps += 1;
        assert!(steps < 20_000, "seed {seed}: it goes round in circles");
        if bench.now >= after(BAD) {
            (line.loss, line.moody) = (0, 0);
        } else if line.chance(1) && link_events < 5 {
            link_events += 1;
            match line.random.below(3) {
                0 => bench.handle(Input::Conflict(ADDRESS)),
                _ => {
                    bench.handle(Input::LinkDown);
                    check(&bench, seed);
                    bench.handle(Input::LinkUp);
                }
            }
        }
        for at in served..bench.sent.len() {
            if !line.chance(line.loss) {
                let request = bench.sent[at].clone();
                line.serve(&bench, &request);
            }
        }
        served = bench.sent.len();
        let deadline = bench.machine.deadline();
        let next = line.in_flight.iter().map(|(at, _)| *at).min();
        match (next, deadline) {
            (Some(at), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                let found = line.in_flight.iter().position(|(due, _)| *due == at);
                let (_, message) = line.in_flight.swap_remove(found.unwrap());
                bench.now = bench.now.max(at);
                bench.receive(&message);
            }
            (_, Some(deadline)) => {
                assert!(deadline >= bench.now, "seed {seed}: overlooked");
                bench.expire();
            }
            _ => {
                // For ever is for ever.
                assert_eq!(bench.machine.phase(), Phase::Bound, "seed {seed}");
                break;
            }
        }
        check(&bench, seed);
    }
    // At one a second it would be 4500.
    assert!(
        bench.sent.len() < 1000,
        "seed {seed}: {} messages",
        bench.sent.len()
    );
    let phase = bench.machine.phase();
    if bench.lease.is_none() {
        // In the RFC's back-off, whose waits may be as long as the good time was.
        let deadline = bench.machine.deadline().unwrap();
        assert!(matches!(
            phase,
            Phase::Soliciting | Phase::Requesting | Phase::Waiting
        ));
        assert!(
            deadline.since(bench.now) < Duration::from_secs(4000),
            "seed {seed}"
        );
    } else {
        assert!(!bench.addresses().is_empty() || !bench.prefixes().is_empty());
    }
    bench.lease.is_some()
}

#[test]
fn ends_bound_over_a_bad_line() {
    let seeds = 10_000;
    let bound = (0..seeds).filter(|&seed| simulate(seed)).count() as u64;
    assert!(bound * 100 > seeds * 99, "{bound} of {seeds} bound");
}

proptest::proptest! {
    /// Any messages, in any order, at any time: it neither panics nor forgets its deadline.
    #[test]
    fn no_messages_panic(
        seed: u64,
        events in proptest::collection::vec((0_u8..12, proptest::collection::vec(0_u8.., 0..80), 0_u64..100_000), 0..40),
    ) {
        let mut bench = Bench::new(config(Timing::Rfc, 2), seed);
        for (kind, bytes, wait) in events {
            bench.now = bench.now + Duration::from_millis(wait);
            match kind {
                0 | 1 => bench.handle(Input::LinkUp),
                2 => bench.handle(Input::LinkDown),
                3 | 4 => bench.handle(Input::Timeout),
                5 => bench.handle(Input::Conflict(ADDRESS)),
                6 => bench.handle(Input::Release),
                7 => bench.advertise(),
                8 => bench.grant(),
                _ => {
                    let mut message = bench.message(2 + kind % 2 * 5, &SERVER, &bench.grants());
                    message.truncate(60);
                    message.extend_from_slice(&bytes);
                    bench.receive(&message);
                }
            }
            check(&bench, seed);
            let deadline = bench.machine.deadline();
            let rests = matches!(bench.machine.phase(), Phase::Idle | Phase::Bound);
            proptest::prop_assert!(deadline.is_some() || rests);
        }
    }
}
