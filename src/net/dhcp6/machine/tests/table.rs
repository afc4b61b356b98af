//! Every phase × every event → the next phase.

use std::time::Duration;

use super::super::super::event::{Input, Phase};
use super::super::super::wire::{ADVERTISE, RECONFIGURE, REPLY, code};
use super::bench::*;

const PHASES: [Phase; 12] = [
    Phase::Idle,
    Phase::Waiting,
    Phase::Soliciting,
    Phase::Requesting,
    Phase::Bound,
    Phase::Renewing,
    Phase::Rebinding,
    Phase::Confirming,
    Phase::Releasing,
    Phase::Declining,
    Phase::Asking,
    Phase::Informed,
];

type Event = (&'static str, fn(&mut Bench), [Phase; 12]);

fn answer(bench: &mut Bench, kind: u8, server: &[u8], options: &[Vec<u8>]) {
    let message = bench.message(kind, server, options);
    bench.receive(&message);
}

fn changed(bench: &mut Bench, change: fn(&mut Vec<u8>)) {
    let mut message = bench.message(REPLY, &SERVER, &bench.grants());
    change(&mut message);
    bench.receive(&message);
}

fn rapid(bench: &mut Bench) {
    let mut grants = bench.grants();
    grants.push(option(code::RAPID_COMMIT, &[]));
    bench.reply(&grants);
}

#[test]
fn every_event_in_every_phase() {
    use Phase::*;
    let same = PHASES;
    // Idle Waiting Soliciting Requesting Bound Renewing Rebinding Confirming Releasing Declining Asking Informed
    #[rustfmt::skip]
    let events: &[Event] = &[
        ("link up", |b| b.handle(Input::LinkUp),
            [Soliciting, Waiting, Soliciting, Requesting, Bound, Renewing, Rebinding, Confirming, Releasing, Declining, Asking, Informed]),
        ("link down", |b| b.handle(Input::LinkDown),
            [Idle, Idle, Idle, Idle, Bound, Bound, Bound, Bound, Idle, Idle, Idle, Informed]),
        ("link down and up", |b| { b.handle(Input::LinkDown); b.handle(Input::LinkUp) },
            [Soliciting, Soliciting, Soliciting, Soliciting, Confirming, Confirming, Confirming, Confirming, Soliciting, Soliciting, Asking, Asking]),
        ("early timeout", |b| b.handle(Input::Timeout), same),
        ("timeout", |b| if b.machine.deadline().is_some() { b.expire() },
            [Idle, Soliciting, Soliciting, Requesting, Renewing, Renewing, Rebinding, Confirming, Releasing, Declining, Asking, Asking]),
        ("lease over", |b| { b.now = b.now + Duration::from_secs(u64::from(VALID) + 1); b.handle(Input::Timeout) },
            [Idle, Soliciting, Soliciting, Requesting, Soliciting, Soliciting, Soliciting, Soliciting, Releasing, Declining, Asking, Informed]),
        ("release", |b| b.handle(Input::Release),
            [Idle, Idle, Idle, Idle, Releasing, Releasing, Releasing, Releasing, Releasing, Idle, Idle, Idle]),
        ("conflict", |b| b.handle(Input::Conflict(ADDRESS)),
            [Idle, Waiting, Soliciting, Requesting, Declining, Declining, Declining, Declining, Releasing, Declining, Asking, Informed]),
        ("conflict of another address", |b| b.handle(Input::Conflict(PREFIX)), same),
        ("advertise", |b| b.advertise(),
            [Idle, Waiting, Requesting, Requesting, Bound, Renewing, Rebinding, Confirming, Releasing, Declining, Asking, Informed]),
        ("advertise of nothing", |b| answer(b, ADVERTISE, &SERVER, &[]), same),
        ("reply", |b| b.grant(),
            [Idle, Waiting, Soliciting, Bound, Bound, Bound, Bound, Bound, Idle, Soliciting, Informed, Informed]),
        ("rapid reply", rapid,
            [Idle, Waiting, Bound, Bound, Bound, Bound, Bound, Bound, Idle, Soliciting, Informed, Informed]),
        ("reply of another server", |b| answer(b, REPLY, &STRANGER, &b.grants()),
            [Idle, Waiting, Soliciting, Requesting, Bound, Renewing, Bound, Bound, Releasing, Declining, Informed, Informed]),
        ("reply of nothing", |b| b.reply(&[]),
            // A second setback in a row waits; one that is held is asked for later again.
            [Idle, Waiting, Soliciting, Soliciting, Bound, Bound, Bound, Bound, Idle, Soliciting, Informed, Informed]),
        ("UnspecFail", |b| b.reply(&[status(1)]),
            [Idle, Waiting, Soliciting, Requesting, Bound, Renewing, Rebinding, Confirming, Idle, Soliciting, Asking, Informed]),
        ("NoAddrsAvail", |b| b.reply(&[status(2)]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Bound, Bound, Confirming, Idle, Soliciting, Asking, Informed]),
        ("NoBinding", |b| b.reply(&[status(3)]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Requesting, Requesting, Confirming, Idle, Soliciting, Asking, Informed]),
        ("NotOnLink", |b| b.reply(&[status(4)]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Soliciting, Soliciting, Soliciting, Idle, Soliciting, Asking, Informed]),
        ("UseMulticast", |b| b.reply(&[status(5)]),
            [Idle, Waiting, Soliciting, Requesting, Bound, Renewing, Rebinding, Confirming, Idle, Soliciting, Asking, Informed]),
        ("NoAddrsAvail inside", |b| b.reply(&[ia(false, IAID, [0; 2], &[status(2)])]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Bound, Bound, Bound, Idle, Soliciting, Informed, Informed]),
        ("NoBinding inside", |b| b.reply(&[ia(false, IAID, [0; 2], &[status(3)])]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Requesting, Requesting, Bound, Idle, Soliciting, Informed, Informed]),
        ("NotOnLink inside", |b| b.reply(&[ia(false, IAID, [0; 2], &[status(4)])]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Soliciting, Soliciting, Bound, Idle, Soliciting, Informed, Informed]),
        ("lifetimes of zero", |b| b.reply(&[ia(false, IAID, [0; 2], &[address(ADDRESS, 0, 0)])]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Soliciting, Soliciting, Bound, Idle, Soliciting, Informed, Informed]),
        ("another IAID", |b| b.reply(&[ia(false, 7, [0; 2], &[address(ADDRESS, PREFERRED, VALID)])]),
            [Idle, Waiting, Soliciting, Soliciting, Bound, Bound, Bound, Bound, Idle, Soliciting, Informed, Informed]),
        ("another transaction", |b| changed(b, |m| m[3] ^= 1), same),
        ("another client", |b| changed(b, |m| m[8] ^= 1), same),
        ("no client", |b| changed(b, |m| { m.drain(4..18); }), same),
        ("no server", |b| changed(b, |m| { m.drain(18..32); }), same),
        ("a server's id of 2 bytes", |b| changed(b, |m| { m.drain(24..32); m[21] = 2 }), same),
        ("another type", |b| changed(b, |m| m[0] = 13), same),
        ("its own message", |b| { let last = b.last(); b.receive(&last) }, same),
        ("an unsigned reconfigure", |b| answer(b, RECONFIGURE, &SERVER, &[option(19, &[5])]), same),
        ("nothing", |b| b.receive(&[]), same),
        ("three bytes", |b| b.receive(&[7, 0, 0]), same),
    ];
    let mut wrong = vec![];
    for (name, event, expected) in events {
        for (phase, expected) in PHASES.into_iter().zip(expected) {
            let mut bench = Bench::at(phase, 0);
            event(&mut bench);
            let found = bench.machine.phase();
            if found != *expected {
                wrong.push(format!("{name} in {phase:?}: {found:?}, not {expected:?}"));
            }
            let rests = matches!(bench.machine.phase(), Idle);
            assert_eq!(
                bench.machine.deadline().is_none(),
                rests || (*name == "link down" && phase == Informed),
                "{name} in {phase:?}"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same phases with prefixes: what differs.
#[test]
fn a_delegated_prefix_is_rebound_where_an_address_is_confirmed() {
    for phase in [Phase::Bound, Phase::Renewing, Phase::Rebinding] {
        let mut bench = Bench::at(phase, 1);
        bench.handle(Input::LinkDown);
        assert_eq!(bench.machine.phase(), Phase::Bound);
        bench.handle(Input::LinkUp);
        assert_eq!(bench.machine.phase(), Phase::Rebinding);
        assert!(bench.lease.is_some());
    }
}

#[test]
fn every_drop_has_its_reason() {
    type Case = (&'static str, fn(&mut Bench));
    let cases: &[Case] = &[
        ("dropped-short", |b| b.receive(&[7, 0])),
        ("dropped-xid", |b| changed(b, |m| m[1] ^= 1)),
        ("dropped-client-id", |b| changed(b, |m| m[8] ^= 1)),
        ("dropped-no-client-id", |b| {
            changed(b, |m| {
                m.drain(4..18);
            })
        }),
        ("dropped-no-server-id", |b| {
            changed(b, |m| {
                m.drain(18..32);
            })
        }),
        ("dropped-server-id", |b| {
            changed(b, |m| {
                m.drain(24..32);
                m[21] = 2
            })
        }),
        ("dropped-server", |b| answer(b, REPLY, &STRANGER, &[])),
        ("dropped-type", |b| changed(b, |m| m[0] = 2)),
        ("dropped-status", |b| b.reply(&[status(1)])),
        ("dropped-reconfigure", |b| {
            answer(b, RECONFIGURE, &SERVER, &[])
        }),
        ("dropped-truncated", |b| changed(b, |m| m.push(1))),
        ("dropped-duplicate", |b| {
            let mut grants = b.grants();
            grants.extend(b.grants());
            b.reply(&grants);
        }),
        ("dropped-too-many", |b| {
            let many: Vec<_> = (1000..1300).map(|code| option(code, &[])).collect();
            b.reply(&many)
        }),
        ("dropped-t1-after-t2", |b| {
            b.reply(&[ia(false, IAID, [9, 8], &[])])
        }),
        ("dropped-preferred-after-valid", |b| {
            b.reply(&[ia(false, IAID, [0, 0], &[address(ADDRESS, 9, 8)])])
        }),
        ("dropped-prefix-length", |b| {
            b.reply(&[ia(true, IAID, [0, 0], &[prefix(PREFIX, 129, 8, 9)])])
        }),
        ("dropped-address", |b| {
            let multicast = "ff02::1".parse().unwrap();
            b.reply(&[ia(false, IAID, [0, 0], &[address(multicast, 8, 9)])])
        }),
        ("dropped-option", |b| b.reply(&[option(23, &[0; 17])])),
    ];
    for (reason, event) in cases {
        let mut bench = Bench::at(Phase::Requesting, 1);
        event(&mut bench);
        assert_eq!(bench.dropped(), [*reason]);
    }
    let mut bench = Bench::at(Phase::Soliciting, 1);
    answer(&mut bench, ADVERTISE, &SERVER, &[]);
    assert_eq!(bench.dropped(), ["dropped-nothing-offered"]);
}
