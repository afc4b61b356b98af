//! What becomes of addresses and prefixes: granted in part, renewed in part, ended alone.

use std::time::Duration;

use super::super::super::event::{Input, Loss, Output, Phase, Timing};
use super::super::super::lease::{Lease, LeasedAddress, Lifetimes};
use super::super::super::wire::{REPLY, code};
use super::bench::*;

const OTHER: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99);

fn na(inside: &[Vec<u8>]) -> Vec<u8> {
    ia(false, IAID, [0, 0], inside)
}

fn pd(at: u32, inside: &[Vec<u8>]) -> Vec<u8> {
    ia(true, IAID + at, [0, 0], inside)
}

fn good_address() -> Vec<u8> {
    na(&[address(ADDRESS, PREFERRED, VALID)])
}

fn good_prefix(at: u32) -> Vec<u8> {
    pd(at, &[prefix(nth(at), 56, PREFERRED, VALID)])
}

#[test]
fn an_address_and_two_prefixes_in_one_exchange() {
    let mut bench = Bench::at(Phase::Soliciting, 2);
    assert_eq!(values(&bench.last(), code::IA_PD).len(), 2);
    let mut grants = bench.grants();
    grants.push(option(code::RAPID_COMMIT, &[]));
    bench.reply(&grants);
    assert_eq!(bench.addresses(), [ADDRESS]);
    assert_eq!(bench.prefixes(), [(IAID, nth(0)), (IAID + 1, nth(1))]);
    let (lease, since) = bench.lease.clone().unwrap();
    assert_eq!(since, bench.now);
    assert_eq!(lease.server, SERVER);
    // 0.5 and 0.8 of the preferred lifetime.
    assert_eq!((lease.renew, lease.rebind), (Some(400), Some(640)));
    assert_eq!(bench.machine.trouble(), None);
}

#[test]
fn t1_and_t2_are_the_smallest_of_all_ias() {
    let mut bench = Bench::at(Phase::Requesting, 2);
    bench.reply(&[
        ia(false, IAID, [300, 700], &[address(ADDRESS, 800, 1000)]),
        ia(true, IAID, [200, 720], &[prefix(nth(0), 56, 800, 1000)]),
        ia(true, IAID + 1, [0, 0], &[prefix(nth(1), 56, 5000, 6000)]),
    ]);
    let (lease, _) = bench.lease.clone().unwrap();
    assert_eq!((lease.renew, lease.rebind), (Some(200), Some(700)));
    let bound = bench.now;
    bench.expire();
    assert_eq!(bench.now, bound + Duration::from_secs(200));
    assert_eq!(bench.machine.phase(), Phase::Renewing);
}

/// T1, T2, preferred, valid → T1, T2.
#[test]
fn t1_and_t2_of_an_ia() {
    const EVER: u32 = u32::MAX;
    let (some, none) = (|a, b| (Some(a), Some(b)), (None, None));
    for (times, expected) in [
        ([0, 0, 800, 1000], some(400, 640)),
        ([100, 200, 800, 1000], some(100, 200)),
        ([0, 200, 800, 1000], some(200, 200)),
        ([700, 0, 800, 1000], some(700, 700)),
        ([100, 100, 800, 1000], some(100, 100)),
        // Deprecated from the start.
        ([0, 0, 0, 1000], some(500, 800)),
        // Later than the lease lasts.
        ([1000, 2000, 800, 1000], some(500, 800)),
        ([EVER, EVER, 800, 1000], some(500, 800)),
        ([600, EVER, 800, 1000], some(600, 800)),
        ([0, 0, EVER, EVER], none),
        ([EVER, EVER, EVER, EVER], none),
        ([100, 200, EVER, EVER], some(100, 200)),
        ([0, 0, 800, EVER], some(400, 640)),
        // Never at once.
        ([0, 0, 1, 1], some(1, 1)),
    ] {
        let [t1, t2, preferred, valid] = times;
        let mut bench = Bench::at(Phase::Requesting, 0);
        bench.reply(&[ia(
            false,
            IAID,
            [t1, t2],
            &[address(ADDRESS, preferred, valid)],
        )]);
        let (lease, _) = bench.lease.clone().unwrap();
        assert_eq!((lease.renew, lease.rebind), expected, "{times:?}");
    }
}

#[test]
fn bound_for_ever_has_no_deadline() {
    let mut bench = Bench::at(Phase::Requesting, 0);
    bench.reply(&[na(&[address(ADDRESS, u32::MAX, u32::MAX)])]);
    assert_eq!(
        (bench.machine.phase(), bench.machine.deadline()),
        (Phase::Bound, None)
    );
}

#[test]
fn an_address_without_a_prefix_is_kept_and_the_prefix_asked_for_again() {
    let mut bench = Bench::at(Phase::Requesting, 1);
    let partial = [good_address(), pd(0, &[status(6)])];
    bench.reply(&partial);
    assert_eq!(bench.machine.phase(), Phase::Bound);
    assert_eq!(
        (bench.addresses(), bench.prefixes()),
        (vec![ADDRESS], vec![])
    );
    let why = "the server has no prefix to give (NoPrefixAvail): \"says why\"";
    assert_eq!(bench.machine.trouble().as_deref(), Some(why));
    assert!(bench.outputs.contains(&Output::Trouble(why.to_owned())));
    // Later each time, but never later than T1.
    let mut waits = vec![];
    for _ in 0..6 {
        let bound = bench.now;
        bench.until(Phase::Renewing);
        waits.push(bench.now.since(bound).as_secs());
        assert_eq!(values(&bench.last(), code::IA_PD).len(), 1);
        bench.reply(&partial);
    }
    assert_eq!(waits, [60, 120, 240, 400, 400, 400]);
    bench.until(Phase::Renewing);
    bench.grant();
    assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
    assert_eq!(bench.machine.trouble(), None);
}

#[test]
fn no_prefix_on_renew_keeps_what_is_valid() {
    let mut bench = Bench::at(Phase::Renewing, 1);
    let asked = bench.now;
    bench.reply(&[good_address(), pd(0, &[status(6)])]);
    assert_eq!(bench.machine.phase(), Phase::Bound);
    assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
    // Half of what is left until the prefix's T2.
    bench.expire();
    assert_eq!(bench.now.since(asked), Duration::from_secs(120));
    assert_eq!(bench.machine.phase(), Phase::Renewing);
    // The prefix ends at its time, the address stays.
    for _ in 0..100 {
        if bench.prefixes().is_empty() {
            break;
        }
        match bench.machine.phase() {
            Phase::Renewing | Phase::Rebinding => {
                bench.reply(&[good_address(), pd(0, &[status(6)])]);
            }
            _ => bench.expire(),
        }
    }
    assert_eq!(bench.now.since(asked), Duration::from_secs(600));
    assert_eq!(bench.addresses(), [ADDRESS]);
    assert!(!bench.outputs.contains(&Output::Deconfigure(Loss::Expired)));
}

#[test]
fn no_binding_on_renew_is_requested_again() {
    for inside in [true, false] {
        let mut bench = Bench::at(Phase::Renewing, 1);
        let renew = bench.last();
        match inside {
            true => bench.reply(&[good_address(), pd(0, &[status(3)])]),
            false => bench.reply(&[status(3)]),
        }
        assert_eq!(bench.machine.phase(), Phase::Requesting);
        let request = bench.last();
        assert_eq!(request[0], 3);
        assert_ne!(request[1..4], renew[1..4], "a transaction of its own");
        assert_eq!(values(&request, code::SERVER_ID), [SERVER]);
        // With the binding that the server does not know.
        let asked = &values(&request, code::IA_PD)[0];
        assert_eq!(inside_prefix(asked), nth(0));
        assert_eq!(bench.prefixes(), [(IAID, nth(0))], "used until then");
        bench.grant();
        assert_eq!(bench.machine.phase(), Phase::Bound);
        assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
    }
}

fn inside_prefix(ia: &[u8]) -> std::net::Ipv6Addr {
    let item = &inside(&ia[12..], code::IA_PREFIX)[0];
    <[u8; 16]>::try_from(&item[9..25]).unwrap().into()
}

#[test]
fn what_a_request_after_no_binding_does_not_grant_is_gone() {
    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.reply(&[good_address(), pd(0, &[status(3)])]);
    bench.reply(&[good_address(), pd(0, &[status(6)])]);
    assert_eq!(bench.machine.phase(), Phase::Bound);
    assert_eq!(
        (bench.addresses(), bench.prefixes()),
        (vec![ADDRESS], vec![])
    );

    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.reply(&[status(3)]);
    bench.reply(&[pd(0, &[prefix(nth(5), 56, PREFERRED, VALID)])]);
    assert_eq!(
        bench.prefixes(),
        [(IAID, nth(5))],
        "another one in its place"
    );
    assert!(bench.addresses().is_empty());

    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.reply(&[status(3)]);
    bench.reply(&[status(2)]);
    assert_eq!(bench.lease, None);
    assert_eq!(
        bench.outputs.last(),
        Some(&Output::Deconfigure(Loss::Refused))
    );
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
}

#[test]
fn a_request_after_no_binding_without_an_answer_costs_nothing() {
    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.reply(&[status(3)]);
    while bench.machine.phase() == Phase::Requesting {
        bench.expire();
    }
    assert!(matches!(
        bench.machine.phase(),
        Phase::Renewing | Phase::Rebinding
    ));
    assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
    bench.grant();
    assert_eq!(bench.machine.phase(), Phase::Bound);
}

#[test]
fn lifetimes_of_zero_remove_that_one_alone() {
    let mut bench = Bench::at(Phase::Renewing, 1);
    let renumbered = [
        na(&[address(ADDRESS, 0, 0), address(OTHER, PREFERRED, VALID)]),
        pd(
            0,
            &[
                prefix(nth(0), 56, 0, 0),
                prefix(nth(7), 56, PREFERRED, VALID),
            ],
        ),
    ];
    bench.reply(&renumbered);
    assert_eq!(bench.addresses(), [OTHER]);
    assert_eq!(bench.prefixes(), [(IAID, nth(7))]);

    // Alone in its IA: that IA is empty now, and asked for again.
    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.reply(&[good_address(), pd(0, &[prefix(nth(0), 56, 0, 0)])]);
    assert_eq!(
        (bench.addresses(), bench.prefixes()),
        (vec![ADDRESS], vec![])
    );
    assert_eq!(
        bench.machine.deadline(),
        Some(bench.now + Duration::from_secs(60))
    );
}

#[test]
fn what_a_renewal_does_not_name_stays_and_ends_at_its_own_time() {
    let mut bench = Bench::at(Phase::Requesting, 0);
    let bound = bench.now;
    bench.reply(&[na(&[
        address(ADDRESS, PREFERRED, VALID),
        address(OTHER, PREFERRED, VALID),
    ])]);
    bench.until(Phase::Renewing);
    bench.reply(&[good_address()]);
    assert_eq!(bench.addresses(), [ADDRESS, OTHER]);
    let (lease, _) = bench.lease.clone().unwrap();
    let gone = bench.now.since(bound).as_secs() as u32;
    assert_eq!(lease.addresses[0].times.valid, VALID);
    assert_eq!(lease.addresses[1].times.valid, VALID - gone);
    while bench.addresses().len() == 2 {
        match bench.machine.phase() {
            Phase::Renewing => bench.reply(&[good_address()]),
            _ => bench.expire(),
        }
    }
    assert_eq!(bench.now.since(bound).as_secs(), u64::from(VALID));
    assert_eq!(bench.addresses(), [ADDRESS]);
}

#[test]
fn shorter_prefix_than_address() {
    let mut bench = Bench::at(Phase::Requesting, 1);
    let bound = bench.now;
    bench.reply(&[
        na(&[address(ADDRESS, 5000, 9000)]),
        pd(0, &[prefix(nth(0), 56, 100, 200)]),
    ]);
    let (mut renewed, mut rebound) = (None, None);
    while !bench.prefixes().is_empty() {
        bench.expire();
        match bench.machine.phase() {
            Phase::Renewing => renewed = renewed.or(Some(bench.now)),
            Phase::Rebinding => rebound = rebound.or(Some(bench.now)),
            _ => {}
        }
    }
    let after = |at: Option<crate::time::Instant>| at.unwrap().since(bound).as_secs();
    assert_eq!((after(renewed), after(rebound)), (50, 80));
    assert_eq!(after(Some(bench.now)), 200);
    // The rest stays; the message that is repeated does not name what has ended.
    assert_eq!(bench.addresses(), [ADDRESS]);
    assert_eq!(bench.machine.phase(), Phase::Rebinding);
    bench.expire();
    let pds = values(&bench.last(), code::IA_PD);
    assert!(inside_prefix(&pds[0]).is_unspecified(), "only the hint");
}

#[test]
fn renews_rebinds_expires_on_time() {
    let mut bench = Bench::at(Phase::Bound, 1);
    let bound = bench.now;
    bench.expire();
    assert_eq!(bench.now.since(bound), Duration::from_secs(400));
    assert_eq!(bench.kind(), 5);
    assert_eq!(values(&bench.last(), code::SERVER_ID), [SERVER]);
    bench.until(Phase::Rebinding);
    assert_eq!(bench.now.since(bound), Duration::from_secs(640));
    assert_eq!(bench.kind(), 6);
    assert!(values(&bench.last(), code::SERVER_ID).is_empty());
    while bench.machine.phase() == Phase::Rebinding {
        bench.expire();
    }
    assert_eq!(bench.now.since(bound), Duration::from_secs(VALID.into()));
    assert_eq!(
        bench.outputs.last(),
        Some(&Output::Deconfigure(Loss::Expired))
    );
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
}

#[test]
fn a_renewed_lease_counts_from_the_reply() {
    let mut bench = Bench::at(Phase::Renewing, 1);
    bench.now = bench.now + Duration::from_secs(2);
    bench.grant();
    let (lease, since) = bench.lease.clone().unwrap();
    assert_eq!((since, lease.renew), (bench.now, Some(400)));
    assert_eq!(
        bench.machine.deadline(),
        Some(bench.now + Duration::from_secs(400))
    );
}

#[test]
fn another_server_takes_over_on_rebind() {
    let mut bench = Bench::at(Phase::Rebinding, 1);
    let message = bench.message(REPLY, &STRANGER, &bench.grants());
    bench.receive(&message);
    assert_eq!(bench.machine.phase(), Phase::Bound);
    bench.until(Phase::Renewing);
    assert_eq!(values(&bench.last(), code::SERVER_ID), [STRANGER]);
}

#[test]
fn after_a_long_sleep_everything_is_due_at_once() {
    let mut bench = Bench::at(Phase::Bound, 1);
    bench.now = bench.now + Duration::from_secs(700);
    bench.handle(Input::Timeout);
    assert_eq!(bench.machine.phase(), Phase::Rebinding);
    let mut bench = Bench::at(Phase::Bound, 1);
    bench.now = bench.now + Duration::from_secs(7000);
    bench.handle(Input::Timeout);
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
    assert_eq!(bench.lease, None);
}

#[test]
fn no_carrier_does_not_keep_a_lease_from_ending() {
    let mut bench = Bench::at(Phase::Bound, 1);
    bench.handle(Input::LinkDown);
    let sent = bench.sent.len();
    bench.expire();
    assert_eq!(bench.machine.phase(), Phase::Idle);
    assert_eq!(bench.lease, None);
    assert_eq!((bench.sent.len(), bench.machine.deadline()), (sent, None));
    assert_eq!(bench.machine.explain(), "no carrier");
}

fn earlier(prefixes: bool) -> Lease {
    let times = Lifetimes {
        preferred: PREFERRED,
        valid: VALID,
    };
    let granted = Bench::at(Phase::Bound, 1).lease.unwrap().0;
    Lease {
        addresses: vec![LeasedAddress { ip: ADDRESS, times }],
        prefixes: if prefixes {
            granted.prefixes.clone()
        } else {
            vec![]
        },
        ..granted
    }
}

#[test]
fn an_earlier_lease_is_confirmed_or_rebound() {
    for (prefixes, phase, kind) in [(true, Phase::Rebinding, 6), (false, Phase::Confirming, 4)] {
        let mut bench = Bench::wanting(u32::from(prefixes));
        let lease = earlier(prefixes);
        let since = bench.now - Duration::from_secs(50);
        bench.handle(Input::Resume(&lease, since));
        assert_eq!(bench.machine.phase(), Phase::Idle);
        assert!(bench.outputs.is_empty(), "{:?}", bench.outputs);
        bench.handle(Input::LinkUp);
        assert_eq!((bench.machine.phase(), bench.kind()), (phase, kind));
        assert!(values(&bench.last(), code::SERVER_ID).is_empty());
        assert!(bench.outputs.is_empty());
        match prefixes {
            true => bench.grant(),
            false => bench.reply(&[status(0)]),
        }
        assert_eq!(bench.machine.phase(), Phase::Bound);
        let (lease, since) = bench.lease.clone().unwrap();
        let expected = if prefixes { VALID } else { VALID - 50 };
        assert_eq!(
            (lease.addresses[0].times.valid, since),
            (expected, bench.now)
        );
        assert_eq!(bench.addresses(), [ADDRESS]);
    }
}

/// `dhcp6 --pd` where `dhcp6` was before: RFC 8415 §18.2.5 asks for both in one.
#[test]
fn a_prefix_is_asked_for_beside_an_earlier_address() {
    let mut bench = Bench::wanting(1);
    bench.handle(Input::Resume(&earlier(false), bench.now));
    bench.handle(Input::LinkUp);
    assert_eq!((bench.machine.phase(), bench.kind()), (Phase::Rebinding, 6));
    bench.grant();
    assert_eq!(bench.addresses(), [ADDRESS]);
    assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
}

#[test]
fn nobody_confirms_and_it_is_used_all_the_same() {
    for prefixes in [0, 1] {
        let mut bench = Bench::wanting(prefixes);
        let lease = earlier(prefixes > 0);
        let since = bench.now;
        bench.handle(Input::Resume(&lease, since));
        bench.handle(Input::LinkUp);
        let asked = bench.now;
        bench.until(Phase::Bound);
        assert_eq!(bench.now.since(asked), Duration::from_secs(10));
        assert_eq!(bench.addresses(), [ADDRESS]);
        bench.until(Phase::Renewing);
        assert_eq!(bench.now.since(since), Duration::from_secs(400));
    }
}

#[test]
fn an_earlier_lease_of_another_link() {
    let mut bench = Bench::wanting(0);
    let lease = earlier(false);
    let since = bench.now;
    bench.handle(Input::Resume(&lease, since));
    bench.handle(Input::LinkUp);
    bench.reply(&[status(4)]);
    assert!(bench.outputs.contains(&Output::Deconfigure(Loss::Refused)));
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
}

#[test]
fn an_earlier_lease_that_is_over_or_not_wanted() {
    let mut bench = Bench::wanting(1);
    let lease = earlier(true);
    bench.now = bench.now + Duration::from_secs(5000);
    let since = bench.now - Duration::from_secs(VALID.into());
    bench.handle(Input::Resume(&lease, since));
    assert_eq!(bench.outputs, [Output::Deconfigure(Loss::Expired)]);
    bench.handle(Input::LinkUp);
    assert_eq!(bench.machine.phase(), Phase::Soliciting);

    let mut bench = Bench::wanting(0);
    let since = bench.now;
    bench.handle(Input::Resume(&lease, since));
    assert_eq!(
        (bench.addresses(), bench.prefixes()),
        (vec![ADDRESS], vec![])
    );

    let mut only = config(Timing::Fast, 0);
    only.address = None;
    let mut bench = Bench::new(only, 1);
    bench.handle(Input::Resume(&lease, since));
    assert_eq!(bench.outputs, [Output::Deconfigure(Loss::Released)]);
    bench.handle(Input::LinkUp);
    assert_eq!(bench.machine.phase(), Phase::Asking);

    // Without a link it ends, too.
    let mut bench = Bench::wanting(1);
    bench.handle(Input::Resume(&lease, since));
    bench.expire();
    assert_eq!(bench.outputs, [Output::Deconfigure(Loss::Expired)]);
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn release_gives_everything_back() {
    for resumed in [false, true] {
        let mut bench = if resumed {
            let mut bench = Bench::wanting(1);
            let lease = earlier(true);
            let since = bench.now;
            bench.handle(Input::Resume(&lease, since));
            bench
        } else {
            Bench::at(Phase::Bound, 1)
        };
        bench.handle(Input::Release);
        assert_eq!(
            bench.outputs.last(),
            Some(&Output::Deconfigure(Loss::Released))
        );
        let release = bench.last();
        assert_eq!(release[0], 8);
        assert_eq!(values(&release, code::SERVER_ID), [SERVER]);
        assert_eq!(values(&release, code::IA_NA).len(), 1);
        assert_eq!(inside_prefix(&values(&release, code::IA_PD)[0]), nth(0));
        let before = bench.sent.len();
        let began = bench.now;
        bench.until(Phase::Idle);
        assert_eq!(bench.sent.len() - before, 3, "REL_MAX_RC messages in all");
        assert!(bench.now.since(began) < Duration::from_secs(2));
        assert_eq!(bench.machine.deadline(), None);
    }
}

#[test]
fn a_conflict_is_declined_and_the_rest_kept() {
    let mut bench = Bench::at(Phase::Bound, 1);
    bench.handle(Input::Conflict(ADDRESS));
    assert_eq!(bench.machine.phase(), Phase::Declining);
    assert_eq!((bench.addresses(), bench.prefixes().len()), (vec![], 1));
    let decline = bench.last();
    assert_eq!(decline[0], 9);
    assert_eq!(values(&decline, code::SERVER_ID), [SERVER]);
    assert!(values(&decline, code::IA_PD).is_empty());
    let item = &inside(&values(&decline, code::IA_NA)[0][12..], code::IA_ADDRESS)[0];
    assert_eq!(item[..16], ADDRESS.octets());
    bench.reply(&[status(0)]);
    // Another address is wanted at once, and the prefix stays.
    bench.until(Phase::Renewing);
    bench.reply(&[na(&[address(OTHER, PREFERRED, VALID)]), good_prefix(0)]);
    assert_eq!(bench.addresses(), [OTHER]);
    assert_eq!(bench.prefixes(), [(IAID, nth(0))]);
}

#[test]
fn the_only_address_is_declined() {
    let mut bench = Bench::at(Phase::Declining, 0);
    assert_eq!(
        bench.outputs.last(),
        Some(&Output::Deconfigure(Loss::Declined))
    );
    while bench.machine.phase() == Phase::Declining {
        bench.expire();
    }
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
}

#[test]
fn conflict_after_conflict_slows_down() {
    let mut bench = Bench::at(Phase::Bound, 0);
    let end = bench.now + Duration::from_secs(600);
    let before = bench.sent.len();
    let mut answered = 0;
    while bench.now < end {
        let fresh = bench.sent.len() > std::mem::replace(&mut answered, bench.sent.len());
        match bench.machine.phase() {
            Phase::Bound => bench.handle(Input::Conflict(ADDRESS)),
            Phase::Declining if fresh => bench.reply(&[]),
            Phase::Soliciting if fresh => bench.advertise(),
            Phase::Requesting if fresh => bench.grant(),
            _ => bench.expire(),
        }
    }
    let sent = bench.sent.len() - before;
    assert!(sent < 60, "{sent} messages");
}

/// RFC 8415 §14.1, §18.2: a server that grants nothing but a second is asked less and less.
#[test]
fn a_lease_of_a_second_is_asked_for_later_each_time() {
    let mut bench = Bench::at(Phase::Soliciting, 0);
    let end = bench.now + Duration::from_secs(600);
    let mut bound = 0;
    while bench.now < end {
        if bench.machine.phase() == Phase::Soliciting {
            bench.reply(&[
                na(&[address(ADDRESS, 1, 1)]),
                option(code::RAPID_COMMIT, &[]),
            ]);
            bound += 1;
        } else {
            bench.expire();
        }
    }
    assert!((5..16).contains(&bound), "{bound}");
    // One that was renewed, and then not any more, is asked for at once.
    let mut bench = Bench::at(Phase::Renewing, 0);
    bench.grant();
    bench.until(Phase::Soliciting);
    let (lease, since) = (VALID, bench.now);
    bench.reply(&[good_address(), option(code::RAPID_COMMIT, &[])]);
    assert!(
        !bench.addresses().is_empty(),
        "after {lease} s at {since:?}"
    );
}
