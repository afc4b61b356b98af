//! What is sent, to whom, how often, and which answer is taken.

use std::time::Duration;

use super::super::super::event::{Config, Input, Output, Phase, Timing};
use super::super::super::md5::hmac;
use super::super::super::wire::{ADVERTISE, RECONFIGURE, code};
use super::bench::*;

const ALWAYS: [u16; 5] = [23, 24, 31, 56, 82];

fn requested(message: &[u8]) -> Option<Vec<u16>> {
    let value = values(message, code::OPTION_REQUEST).pop()?;
    let codes = value.as_chunks::<2>().0;
    Some(codes.iter().map(|&code| u16::from_be_bytes(code)).collect())
}

fn elapsed(message: &[u8]) -> u16 {
    let value = values(message, code::ELAPSED_TIME).pop().unwrap();
    u16::from_be_bytes(value.try_into().unwrap())
}

#[test]
fn what_each_message_has() {
    // Type, server id, IA_NA, IA_PD, option request, more than always.
    for (phase, kind, server, addresses, prefixes, asks, more) in [
        (Phase::Soliciting, 1, false, 1, 1, true, &[67][..]),
        (Phase::Requesting, 3, true, 1, 1, true, &[67]),
        (Phase::Renewing, 5, true, 1, 1, true, &[67]),
        (Phase::Rebinding, 6, false, 1, 1, true, &[67]),
        (Phase::Releasing, 8, true, 1, 1, false, &[]),
        (Phase::Declining, 9, true, 1, 0, false, &[]),
        (Phase::Asking, 11, false, 0, 0, true, &[32, 83]),
    ] {
        let bench = Bench::at(phase, 1);
        let message = bench.last();
        assert_eq!(message[0], kind, "{phase:?}");
        assert_eq!(values(&message, code::CLIENT_ID), [DUID]);
        assert_eq!(values(&message, code::SERVER_ID).len(), usize::from(server));
        assert_eq!(values(&message, code::IA_NA).len(), addresses, "{phase:?}");
        assert_eq!(values(&message, code::IA_PD).len(), prefixes, "{phase:?}");
        let expected = asks.then(|| [&ALWAYS[..], more].concat());
        assert_eq!(requested(&message), expected, "{phase:?}");
        let rapid = values(&message, code::RAPID_COMMIT).len();
        assert_eq!(rapid, usize::from(phase == Phase::Soliciting));
        assert!(values(&message, code::RECONFIGURE_ACCEPT).is_empty());
        for ia in [code::IA_NA, code::IA_PD] {
            for ia in values(&message, ia) {
                assert_eq!(ia[..4], IAID.to_be_bytes());
                assert_eq!(ia[4..12], [0; 8], "T1 and T2 as the server likes");
            }
        }
    }
    let message = Bench::at(Phase::Confirming, 0).last();
    assert_eq!((message[0], requested(&message)), (4, None));
    assert!(values(&message, code::SERVER_ID).is_empty());
    let address = &inside(&values(&message, code::IA_NA)[0][12..], code::IA_ADDRESS)[0];
    assert_eq!(address[..], [&ADDRESS.octets()[..], &[0; 8]].concat());
    // Without a prefix there is none to exclude from.
    let message = Bench::at(Phase::Soliciting, 0).last();
    assert_eq!(requested(&message), Some(ALWAYS.to_vec()));
}

#[test]
fn what_is_asked_for_only_when_wanted() {
    let wanted = Config {
        requested: vec![59, 7777],
        rapid_commit: false,
        reconfigure: true,
        ..config(Timing::Fast, 0)
    };
    let mut bench = Bench::new(wanted, 1);
    bench.handle(Input::LinkUp);
    let message = bench.last();
    let more = [&ALWAYS[..], &[59, 7777]].concat();
    assert_eq!(requested(&message), Some(more));
    assert!(values(&message, code::RAPID_COMMIT).is_empty());
    assert_eq!(values(&message, code::RECONFIGURE_ACCEPT), [[]]);
    bench.advertise();
    let mut grants = bench.grants();
    grants.push(option(7777, b"a\0\n$(id)"));
    bench.reply(&grants);
    let (lease, _) = bench.lease.unwrap();
    assert_eq!(lease.other.options, [(7777, b"a\0\n$(id)".to_vec())]);
}

#[test]
fn a_hint_is_a_length_or_a_prefix() {
    for (prefix, length) in [(PREFIX, 48), ("::".parse().unwrap(), 60), (PREFIX, 0)] {
        let mut wanted = config(Timing::Fast, 1);
        wanted.prefixes[0].prefix = prefix;
        wanted.prefixes[0].length = length;
        let mut bench = Bench::new(wanted, 1);
        bench.handle(Input::LinkUp);
        let hint = &inside(
            &values(&bench.last(), code::IA_PD)[0][12..],
            code::IA_PREFIX,
        )[0];
        assert_eq!(
            hint[..],
            [&[0; 8][..], &[length], &prefix.octets()].concat()
        );
    }
    let mut wanted = config(Timing::Fast, 1);
    wanted.prefixes[0].length = 0;
    let mut bench = Bench::new(wanted, 1);
    bench.handle(Input::LinkUp);
    assert_eq!(values(&bench.last(), code::IA_PD)[0].len(), 12);
}

#[test]
fn a_transaction_for_each_exchange() {
    let mut bench = Bench::at(Phase::Soliciting, 1);
    bench.expire();
    bench.advertise();
    bench.expire();
    bench.grant();
    bench.until(Phase::Renewing);
    bench.until(Phase::Rebinding);
    let mut seen = std::collections::BTreeMap::new();
    for message in &bench.sent {
        let xid = message[1..4].to_vec();
        assert_eq!(*seen.entry(message[0]).or_insert(xid.clone()), xid);
        assert_ne!(xid, [0; 3]);
    }
    let kinds: Vec<_> = seen.keys().copied().collect();
    assert_eq!(kinds, [1, 3, 5, 6]);
    let different: std::collections::BTreeSet<_> = seen.values().collect();
    assert_eq!(different.len(), 4);
}

#[test]
fn elapsed_time_counts_from_the_first_message_of_the_exchange() {
    let mut bench = Bench::at(Phase::Soliciting, 0);
    let began = bench.now;
    assert_eq!(elapsed(&bench.last()), 0);
    for _ in 0..20 {
        bench.expire();
        let expected = bench.now.since(began).as_millis() / 10;
        let expected = u16::try_from(expected).unwrap_or(u16::MAX);
        assert_eq!(elapsed(&bench.last()), expected);
    }
    assert_eq!(elapsed(&bench.last()), u16::MAX);
    bench.advertise();
    assert_eq!((bench.kind(), elapsed(&bench.last())), (3, 0));
}

/// Seconds between the messages of an exchange that nobody answers.
fn waits(mut bench: Bench, messages: usize) -> Vec<f64> {
    let mut waits = vec![];
    let mut before = bench.now;
    let kind = bench.kind();
    while waits.len() < messages {
        let sent = bench.sent.len();
        bench.expire();
        waits.push(bench.now.since(before).as_secs_f64());
        before = bench.now;
        if bench.sent.len() == sent || bench.kind() != kind {
            break;
        }
    }
    waits
}

fn patient(phase: Phase, seed: u64) -> Bench {
    let mut wanted = config(Timing::Rfc, 0);
    if phase == Phase::Asking {
        wanted.address = None;
    }
    let mut bench = Bench::new(wanted, seed);
    bench.handle(Input::LinkUp);
    assert!(bench.sent.is_empty(), "a random wait comes first");
    let began = bench.now;
    bench.expire();
    assert!(bench.now.since(began) <= Duration::from_secs(1));
    if matches!(phase, Phase::Soliciting | Phase::Asking) {
        return bench;
    }
    bench.advertise();
    bench.expire();
    if phase == Phase::Requesting {
        return bench;
    }
    let long = ia(
        false,
        IAID,
        [0, 0],
        &[address(ADDRESS, 1_000_000, 2_000_000)],
    );
    bench.reply(&[long]);
    match phase {
        Phase::Renewing | Phase::Rebinding => bench.until(phase),
        Phase::Releasing => bench.handle(Input::Release),
        Phase::Declining => bench.handle(Input::Conflict(ADDRESS)),
        Phase::Confirming => {
            bench.handle(Input::LinkDown);
            bench.handle(Input::LinkUp);
            if bench.kind() != 4 {
                bench.expire();
            }
        }
        _ => {}
    }
    bench
}

/// RFC 8415 §15 with the parameters of §7.6: each wait is within 10 % of twice the one before, or of MRT.
#[test]
fn the_rfc_schedule() {
    // Phase, IRT, MRT, waits until it gives up, for how long at most.
    for (phase, first, longest, count, duration) in [
        (Phase::Soliciting, 1.0, 3600.0, 20, None),
        (Phase::Requesting, 1.0, 30.0, 10, None),
        (Phase::Confirming, 1.0, 4.0, 20, Some(10.0)),
        (Phase::Renewing, 10.0, 600.0, 20, None),
        (Phase::Rebinding, 10.0, 600.0, 20, None),
        (Phase::Releasing, 1.0, 0.0, 4, None),
        (Phase::Declining, 1.0, 0.0, 4, None),
        (Phase::Asking, 1.0, 3600.0, 20, None),
    ] {
        for seed in 0..50 {
            let waits = waits(patient(phase, seed), 20);
            // Strictly more than IRT before the second SOLICIT.
            let lowest = if phase == Phase::Soliciting { 1.0 } else { 0.9 };
            let (mut low, mut high) = (first * lowest, first * 1.1);
            let mut total = 0.0;
            for (at, wait) in waits.iter().enumerate() {
                total += wait;
                if duration.is_some_and(|duration: f64| (total - duration).abs() < 0.001) {
                    break;
                }
                assert!(
                    (low - 0.002..=high + 0.002).contains(wait),
                    "{phase:?} {at}: {wait}, not {low} to {high}"
                );
                (low, high) = (wait * 1.9, wait * 2.1);
                if longest > 0.0 && high > longest {
                    (low, high) = (low.min(longest * 0.9), longest * 1.1);
                }
            }
            match duration {
                Some(duration) => assert!((total - duration).abs() < 0.001, "{total}"),
                None => assert_eq!(waits.len(), count, "{phase:?}"),
            }
        }
    }
}

#[test]
fn fast_begins_with_quick_repetitions() {
    for phase in [
        Phase::Soliciting,
        Phase::Requesting,
        Phase::Asking,
        Phase::Confirming,
    ] {
        let waits = waits(Bench::at(phase, 0), 5);
        for (wait, expected) in waits.iter().zip([0.1, 0.2, 0.4, 1.0, 2.0]) {
            assert!(
                (expected * 0.9..expected * 1.2).contains(wait),
                "{phase:?} {waits:?}"
            );
        }
    }
}

#[test]
fn a_silent_network_is_asked_ever_less() {
    let mut bench = Bench::at(Phase::Soliciting, 1);
    let end = bench.now + Duration::from_secs(86_400);
    while bench.now < end {
        bench.expire();
    }
    let sent = bench.sent.len();
    assert!((35..45).contains(&sent), "{sent} messages");
    assert!(bench.machine.explain().starts_with("no answer after "));
    assert_eq!(Bench::at(Phase::Soliciting, 1).machine.trouble(), None);
    assert!(bench.machine.trouble().is_some());
}

#[test]
fn servers_set_the_longest_wait() {
    for (seconds, obeyed) in [
        (60, true),
        (100, true),
        (86_400, true),
        (59, false),
        (86_401, false),
    ] {
        let mut bench = Bench::at(Phase::Soliciting, 0);
        let value = u32::to_be_bytes(seconds);
        // Counts although the rest of the message does not (RFC 8415 §18.2.9).
        let message = bench.message(
            ADVERTISE,
            &SERVER,
            &[status(2), option(code::SOL_MAX_RT, &value)],
        );
        bench.receive(&message);
        assert_eq!(bench.machine.phase(), Phase::Soliciting);
        let all = waits(bench, 25);
        let last = all.last().unwrap() / if obeyed { f64::from(seconds) } else { 3600.0 };
        assert!((0.9..=1.1).contains(&last), "{seconds}: {last}");
    }
    let mut bench = Bench::at(Phase::Asking, 0);
    bench.reply(&[status(1), option(code::INF_MAX_RT, &u32::to_be_bytes(90))]);
    let all = waits(bench, 25);
    assert!((81.0..=99.0).contains(all.last().unwrap()));
}

fn offer(bench: &mut Bench, server: &[u8], preference: Option<u8>, full: bool) {
    let mut options = bench.grants();
    if !full {
        options.truncate(1);
    }
    options.extend(preference.map(|value| option(code::PREFERENCE, &[value])));
    let message = bench.message(ADVERTISE, server, &options);
    bench.receive(&message);
}

fn chosen(bench: &Bench) -> Vec<u8> {
    assert_eq!(bench.kind(), 3);
    values(&bench.last(), code::SERVER_ID).pop().unwrap()
}

fn soliciting(timing: Timing) -> Bench {
    let mut bench = Bench::new(config(timing, 1), 3);
    bench.handle(Input::LinkUp);
    while bench.sent.is_empty() {
        bench.expire();
    }
    bench
}

#[test]
fn which_advertise_is_taken() {
    // The RFC's client waits for all, and takes the one with the most to give, then the preferred one.
    let mut bench = soliciting(Timing::Rfc);
    offer(&mut bench, &STRANGER, Some(7), true);
    offer(&mut bench, &SERVER, Some(9), true);
    offer(&mut bench, &STRANGER, None, true);
    offer(&mut bench, &STRANGER, Some(200), false);
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
    bench.expire();
    assert_eq!(chosen(&bench), SERVER);

    // Preference 255 ends the waiting.
    let mut bench = soliciting(Timing::Rfc);
    offer(&mut bench, &STRANGER, Some(254), true);
    offer(&mut bench, &SERVER, Some(255), true);
    assert_eq!(chosen(&bench), SERVER);

    // So does the first one after the first wait.
    let mut bench = soliciting(Timing::Rfc);
    bench.expire();
    offer(&mut bench, &SERVER, None, false);
    assert_eq!(chosen(&bench), SERVER);

    // The fast client takes the first that has everything …
    let mut bench = soliciting(Timing::Fast);
    offer(&mut bench, &SERVER, None, true);
    assert_eq!(chosen(&bench), SERVER);
    // … and waits a moment where it has not.
    let mut bench = soliciting(Timing::Fast);
    offer(&mut bench, &STRANGER, None, false);
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
    offer(&mut bench, &SERVER, None, true);
    assert_eq!(chosen(&bench), SERVER);
    let mut bench = soliciting(Timing::Fast);
    offer(&mut bench, &SERVER, None, false);
    bench.expire();
    assert_eq!(chosen(&bench), SERVER);
    assert_eq!(
        values(&bench.last(), code::IA_PD).len(),
        1,
        "asked for all the same"
    );
}

#[test]
fn what_was_advertised_is_requested() {
    let mut bench = Bench::at(Phase::Soliciting, 1);
    bench.advertise();
    let request = bench.last();
    let address = &inside(&values(&request, code::IA_NA)[0][12..], code::IA_ADDRESS)[0];
    assert_eq!(address[..16], ADDRESS.octets());
    let prefix = &inside(&values(&request, code::IA_PD)[0][12..], code::IA_PREFIX)[0];
    assert_eq!(prefix[8..], [&[56][..], &PREFIX.octets()].concat());
}

#[test]
fn an_advertise_of_rfc_3315_counts_for_what_it_has() {
    // NoAddrsAvail outside of the IAs, and a prefix all the same.
    let mut bench = Bench::at(Phase::Soliciting, 1);
    let options = [status(2), bench.grants().remove(1)];
    let message = bench.message(ADVERTISE, &SERVER, &options);
    bench.receive(&message);
    bench.expire();
    assert_eq!(bench.machine.phase(), Phase::Requesting);
    assert!(bench.machine.explain().contains("NoAddrsAvail"));
    // RFC 3315's status inside of an address.
    let mut bench = Bench::at(Phase::Soliciting, 0);
    let refused = [
        &address(ADDRESS, 1, 2)[..4],
        &address(ADDRESS, 1, 2)[4..],
        &status(2),
    ]
    .concat();
    let mut refused = refused;
    refused[3] = (refused.len() - 4) as u8;
    let message = bench.message(ADVERTISE, &SERVER, &[ia(false, IAID, [0, 0], &[refused])]);
    bench.receive(&message);
    assert_eq!(bench.machine.phase(), Phase::Soliciting);
    assert!(bench.machine.explain().contains("NoAddrsAvail"));
}

#[test]
fn a_silent_server_is_left_after_ten_requests() {
    let mut bench = Bench::at(Phase::Requesting, 0);
    bench.until(Phase::Soliciting);
    let requests = bench.sent.iter().filter(|message| message[0] == 3).count();
    assert_eq!(requests, 10);
}

#[test]
fn a_server_that_always_refuses_is_not_flooded() {
    let mut bench = Bench::at(Phase::Soliciting, 0);
    let end = bench.now + Duration::from_secs(600);
    let mut answered = 0;
    while bench.now < end {
        let fresh = bench.sent.len() > std::mem::replace(&mut answered, bench.sent.len());
        match bench.machine.phase() {
            Phase::Soliciting if fresh => bench.advertise(),
            Phase::Requesting if fresh => bench.reply(&[status(2)]),
            _ => bench.expire(),
        }
    }
    assert!(bench.sent.len() < 40, "{} messages", bench.sent.len());
    assert!(bench.machine.explain().contains("NoAddrsAvail"));
    assert!(bench.machine.trouble().is_some());
}

/// RFC 8415 §14.1: whatever a server makes the client do.
#[test]
fn the_rate_is_limited() {
    let mut bench = Bench::at(Phase::Requesting, 0);
    let end = bench.now + Duration::from_secs(300);
    let before = bench.sent.len();
    // A lease of two seconds, and a server that forgets it each time.
    let mut answered = 0;
    while bench.now < end {
        let fresh = bench.sent.len() > std::mem::replace(&mut answered, bench.sent.len());
        match bench.machine.phase() {
            Phase::Soliciting if fresh => bench.advertise(),
            Phase::Requesting if fresh => {
                let short = ia(false, IAID, [1, 1], &[address(ADDRESS, 1, 2)]);
                bench.reply(&[short]);
            }
            Phase::Renewing | Phase::Rebinding if fresh => bench.reply(&[status(3)]),
            _ => bench.expire(),
        }
    }
    let sent = bench.sent.len() - before;
    assert!(sent <= 320, "{sent} messages");
}

#[test]
fn information_without_a_lease() {
    let mut bench = Bench::at(Phase::Asking, 0);
    let dns: std::net::Ipv6Addr = "2001:db8::53".parse().unwrap();
    let options = [
        option(code::DNS_SERVERS, &dns.octets()),
        option(code::DOMAIN_LIST, b"\x07example\x03org\0"),
    ];
    bench.reply(&options);
    let other = bench.inform.clone().unwrap();
    assert_eq!(
        (other.dns, other.search),
        (vec![dns], vec!["example.org".to_owned()])
    );
    assert_eq!(other.refresh, Some(86_400), "RFC 8415 §21.23");
    let informed = bench.now;
    bench.expire();
    assert_eq!(bench.now.since(informed), Duration::from_secs(86_400));
    assert_eq!(bench.machine.phase(), Phase::Asking);
    assert!(bench.inform.is_some(), "kept meanwhile");
    for (seconds, expected) in [(1, Some(600)), (700, Some(700)), (u32::MAX, None)] {
        let mut bench = Bench::at(Phase::Asking, 0);
        bench.reply(&[option(code::REFRESH_TIME, &seconds.to_be_bytes())]);
        assert_eq!(bench.inform.clone().unwrap().refresh, expected);
        let wait = bench
            .machine
            .deadline()
            .map(|at| at.since(bench.now).as_secs());
        assert_eq!(wait, expected.map(u64::from));
    }
    let mut bench = Bench::at(Phase::Informed, 0);
    bench.handle(Input::Release);
    assert_eq!((bench.machine.phase(), bench.inform), (Phase::Idle, None));
}

const SECRET: [u8; 16] = *b"0123456789abcdef";

fn authentication(kind: u8, counter: u64, content: &[u8]) -> Vec<u8> {
    let value = [&[3, 1, 0][..], &counter.to_be_bytes(), &[kind], content].concat();
    option(code::AUTHENTICATION, &value)
}

fn reconfigure(kind: u8, counter: u64) -> Vec<u8> {
    let mut message = vec![RECONFIGURE, 0, 0, 0];
    message.extend(option(code::CLIENT_ID, &DUID));
    message.extend(option(code::SERVER_ID, &SERVER));
    message.extend(option(code::RECONFIGURE_MESSAGE, &[kind]));
    message.extend(authentication(2, counter, &[0; 16]));
    let digest = hmac(&SECRET, &[&message]);
    let end = message.len() - 16;
    message[end..].copy_from_slice(&digest);
    message
}

fn reconfigurable(prefixes: u32, willing: bool) -> Bench {
    let mut wanted = config(Timing::Fast, prefixes);
    wanted.reconfigure = willing;
    let mut bench = Bench::new(wanted, 1);
    bench.handle(Input::LinkUp);
    bench.advertise();
    let mut grants = bench.grants();
    grants.push(authentication(1, 5, &SECRET));
    bench.reply(&grants);
    bench
}

#[test]
fn a_signed_reconfigure_is_obeyed() {
    for (kind, phase) in [
        (5, Phase::Renewing),
        (6, Phase::Rebinding),
        (11, Phase::Asking),
    ] {
        let mut bench = reconfigurable(1, true);
        bench.receive(&reconfigure(kind, 6));
        assert_eq!((bench.machine.phase(), bench.kind()), (phase, kind));
        // None while that goes on.
        bench.receive(&reconfigure(kind, 7));
        assert_eq!(bench.dropped(), ["dropped-reconfigure"]);
        bench.grant();
        assert_eq!(bench.machine.phase(), Phase::Bound);
        assert!(bench.lease.is_some());
        // A replay.
        bench.receive(&reconfigure(kind, 7));
        assert_eq!(bench.machine.phase(), Phase::Bound);
        assert_eq!(bench.dropped().last(), Some(&"dropped-authentication"));
        bench.receive(&reconfigure(kind, 8));
        assert_eq!(bench.machine.phase(), phase);
    }
}

#[test]
fn any_other_reconfigure_is_dropped() {
    let good = reconfigure(5, 6);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let mut bench = reconfigurable(0, true);
        bench.receive(&bad);
        assert_eq!(bench.machine.phase(), Phase::Bound, "byte {at}");
        bench.receive(&good[..at]);
        assert_eq!(bench.machine.phase(), Phase::Bound, "length {at}");
        assert_eq!(bench.dropped().len(), 2);
    }
    for kind in [0, 1, 7, 12] {
        let mut bench = reconfigurable(0, true);
        bench.receive(&reconfigure(kind, 6));
        assert_eq!(bench.machine.phase(), Phase::Bound);
    }
    // Who has not said that it accepts any has no key.
    let mut bench = reconfigurable(0, false);
    bench.receive(&good);
    assert_eq!(bench.machine.phase(), Phase::Bound);
    assert_eq!(bench.dropped(), ["dropped-reconfigure"]);
}

#[test]
fn a_question_does_not_keep_a_lease_from_being_renewed() {
    let mut bench = reconfigurable(1, true);
    let bound = bench.now;
    bench.receive(&reconfigure(11, 6));
    assert_eq!(bench.machine.phase(), Phase::Asking);
    bench.until(Phase::Renewing);
    assert_eq!(bench.now.since(bound), Duration::from_secs(400));
}

#[test]
fn hostile_words_end_up_in_quotes_without_their_sting() {
    let mut bench = Bench::at(Phase::Soliciting, 0);
    let mut hostile = vec![0, 2];
    hostile.extend(b"'`$(reboot)\"\\\n\0\x1b[2J\xff".repeat(300));
    let message = bench.message(ADVERTISE, &SERVER, &[option(code::STATUS, &hostile)]);
    bench.receive(&message);
    let why = bench.machine.explain();
    assert!(why.len() < 200);
    let start = "the server has no address to give (NoAddrsAvail): \"";
    let inner = why
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.unwrap();
    assert!(
        inner
            .chars()
            .all(|c| (' '..='~').contains(&c) && !"'\"`$\\".contains(c))
    );
    assert_eq!(
        bench
            .outputs
            .iter()
            .filter(|output| matches!(output, Output::Trouble(_)))
            .count(),
        1
    );
    // The same again is not told again.
    bench.receive(&message);
    let told = |output: &&Output| matches!(output, Output::Trouble(_));
    assert_eq!(bench.outputs.iter().filter(told).count(), 1);
}

#[test]
fn says_why_there_is_no_lease() {
    assert_eq!(Bench::at(Phase::Idle, 0).machine.explain(), "no carrier");
    assert_eq!(
        Bench::at(Phase::Soliciting, 0).machine.explain(),
        "no answer after 1 try"
    );
    assert_eq!(
        Bench::at(Phase::Requesting, 0).machine.explain(),
        "a server made an offer but did not confirm it after 1 try"
    );
    let waiting = Bench::at(Phase::Waiting, 0).machine.trouble().unwrap();
    assert!(waiting.contains("NotOnLink"), "{waiting}");
}

/// RFC 8415 §20.4.1: the lease is none the worse for it, and `net stats` has it.
#[test]
fn a_key_that_is_none_is_counted() {
    let of_protocol = |protocol: u8| {
        let mut whole = authentication(1, 5, &SECRET);
        whole[4] = protocol;
        whole
    };
    for bad in [authentication(1, 5, &SECRET[1..]), of_protocol(2)] {
        let mut wanted = config(Timing::Fast, 0);
        wanted.reconfigure = true;
        let mut bench = Bench::new(wanted, 1);
        bench.handle(Input::LinkUp);
        bench.advertise();
        let mut grants = bench.grants();
        grants.push(bad);
        bench.reply(&grants);
        assert_eq!(bench.machine.phase(), Phase::Bound);
        assert_eq!(bench.dropped(), ["dropped-key"]);
        bench.receive(&reconfigure(5, 6));
        assert_eq!(bench.dropped(), ["dropped-key", "dropped-reconfigure"]);
    }
}
