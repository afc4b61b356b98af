use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::address::Identifier;
use super::super::lease::FOR_EVER;
use super::super::timing::Timing;
use super::*;
use crate::net::nd::wire::{
    Preference, PrefixInformation, RecursiveDns, RouteInformation, SearchList,
};

const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const TWO: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn at(milliseconds: u64) -> Instant {
    Instant::from_boot(Duration::from_millis(1_000_000 + milliseconds))
}

fn seconds(seconds: u64) -> Instant {
    at(seconds * 1000)
}

fn machine_with(identifier: Identifier, timing: Timing, seed: u64) -> Machine {
    let config = Config {
        mac: MAC,
        identifier,
        mtu: 1500,
        timing,
    };
    Machine::new(config, seed)
}

fn machine() -> Machine {
    machine_with(Identifier::Eui64, Timing::Fast, 7)
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn prefix(text: &str, valid: u32, preferred: u32) -> PrefixInformation {
    PrefixInformation {
        prefix: ip(text),
        length: 64,
        on_link: true,
        autonomous: true,
        valid,
        preferred,
    }
}

/// A default router for 1800 s with one prefix, one route, one server and one domain.
fn said() -> RouterAdvertisement {
    RouterAdvertisement {
        hop_limit: 64,
        lifetime: 1800,
        source: Some([2, 0, 0, 0, 0, 1]),
        mtu: Some(1400),
        prefixes: vec![prefix("2001:db8::", 86_400, 14_400)],
        routes: vec![RouteInformation {
            prefix: ip("fd01::"),
            length: 48,
            preference: Preference::Medium,
            lifetime: 900,
        }],
        dns: vec![RecursiveDns {
            lifetime: 60,
            servers: vec![ip("2001:db8::53")],
        }],
        search: vec![SearchList {
            lifetime: 120,
            domains: vec!["example.org".to_owned()],
        }],
        ..RouterAdvertisement::default()
    }
}

fn drain(machine: &mut Machine) -> Vec<Output> {
    std::iter::from_fn(|| machine.poll()).collect()
}

fn handle(machine: &mut Machine, input: Input<'_>, now: Instant) -> Vec<Output> {
    machine.handle(input, now);
    drain(machine)
}

/// The last configuration that was handed out.
fn configured(outputs: &[Output]) -> Option<Settings> {
    let mut all = outputs.iter().rev();
    all.find_map(|output| match output {
        Output::Configure(settings) => Some(settings.clone()),
        _ => None,
    })
}

fn solicits(outputs: &[Output]) -> usize {
    outputs
        .iter()
        .filter(|output| **output == Output::Solicit)
        .count()
}

fn up() -> Machine {
    let mut machine = machine();
    assert_eq!(
        handle(&mut machine, Input::LinkUp, at(0)),
        [Output::Solicit]
    );
    machine
}

fn listening() -> Machine {
    let mut machine = up();
    let outputs = handle(&mut machine, Input::Advertisement(ONE, &said()), at(2));
    assert!(configured(&outputs).is_some());
    machine
}

/// Runs the machine by its own deadlines up to a moment; what it has handed out.
fn run(machine: &mut Machine, from: Instant, until: Instant) -> Vec<Output> {
    let (mut outputs, mut now) = (Vec::new(), from);
    for _ in 0..100_000 {
        match machine.deadline() {
            Some(next) if next <= until => now = now.max(next),
            _ => return outputs,
        }
        outputs.extend(handle(machine, Input::Timeout, now));
        assert!(machine.deadline().is_none_or(|next| next > now), "it spins");
    }
    panic!("too many deadlines");
}

#[test]
fn every_phase_and_every_event() {
    let empty = RouterAdvertisement::default();
    let full = said();
    let withdrawn = RouterAdvertisement {
        lifetime: 0,
        ..said()
    };
    let other = Settings::default();
    let address = ip("2001:db8::5054:ff:fe12:3456");
    let phases: [(fn() -> Machine, Phase); 3] = [
        (machine, Phase::Idle),
        (up, Phase::Soliciting),
        (listening, Phase::Listening),
    ];
    // The phase afterwards, solicitations, and whether anything is configured.
    type After = (Phase, usize, bool);
    let table: [(Input<'_>, [After; 3]); 9] = [
        (
            Input::LinkUp,
            [
                (Phase::Soliciting, 1, false),
                (Phase::Soliciting, 0, false),
                (Phase::Listening, 0, false),
            ],
        ),
        (Input::LinkDown, [(Phase::Idle, 0, false); 3]),
        (
            Input::Advertisement(ONE, &full),
            [
                (Phase::Idle, 0, true),
                (Phase::Listening, 0, true),
                (Phase::Listening, 0, false),
            ],
        ),
        (
            Input::Advertisement(ONE, &empty),
            [
                (Phase::Idle, 0, true),
                (Phase::Soliciting, 0, true),
                (Phase::Soliciting, 0, true),
            ],
        ),
        (
            Input::Advertisement(ONE, &withdrawn),
            [
                (Phase::Idle, 0, true),
                (Phase::Soliciting, 0, true),
                (Phase::Soliciting, 0, true),
            ],
        ),
        (
            Input::Advertisement(TWO, &full),
            [
                (Phase::Idle, 0, true),
                (Phase::Listening, 0, true),
                (Phase::Listening, 0, true),
            ],
        ),
        (
            Input::Timeout,
            [
                (Phase::Idle, 0, false),
                (Phase::Soliciting, 0, false),
                (Phase::Listening, 0, false),
            ],
        ),
        (
            Input::Duplicate(address),
            [
                (Phase::Idle, 0, false),
                (Phase::Soliciting, 0, false),
                (Phase::Listening, 0, true),
            ],
        ),
        (
            Input::Resume(&other),
            [
                (Phase::Idle, 0, false),
                (Phase::Soliciting, 0, false),
                (Phase::Listening, 0, false),
            ],
        ),
    ];
    for (input, expected) in table {
        for ((make, phase), (after, asked, told)) in phases.iter().zip(expected) {
            let mut machine = make();
            assert_eq!(machine.phase(), *phase);
            let outputs = handle(&mut machine, input, at(10));
            assert_eq!(machine.phase(), after, "{phase:?} {input:?}");
            assert_eq!(solicits(&outputs), asked, "{phase:?} {input:?}");
            assert_eq!(configured(&outputs).is_some(), told, "{phase:?} {input:?}");
            let waits = after == Phase::Idle || machine.deadline().is_some();
            assert!(
                waits || matches!(input, Input::Resume(_)),
                "{phase:?} {input:?}"
            );
        }
    }
}

#[test]
fn an_advertisement_becomes_settings() {
    let mut machine = up();
    let outputs = handle(&mut machine, Input::Advertisement(ONE, &said()), at(2));
    let known = configured(&outputs).unwrap();
    let address = &known.addresses[0];
    assert_eq!(address.ip, ip("2001:db8::5054:ff:fe12:3456"));
    assert_eq!(address.valid, at(2) + Duration::from_secs(86_400));
    assert_eq!(address.preferred, at(2) + Duration::from_secs(14_400));
    assert_eq!(
        (known.routers[0].ip, known.routers[0].mac),
        (ONE, said().source)
    );
    assert_eq!(known.on_link.len(), 1);
    assert_eq!((known.routes[0].length, known.routes[0].router), (48, ONE));
    assert_eq!(known.dns, [(ip("2001:db8::53"), at(60_002))]);
    assert_eq!(known.search[0].0, "example.org");
    assert_eq!((known.mtu, known.hop_limit), (Some(1400), Some(64)));
    assert_eq!(machine.trouble(), None);
    // What is said again only renews what there is, and not more often than once in a second.
    assert_eq!(
        handle(&mut machine, Input::Advertisement(ONE, &said()), at(500)),
        []
    );
    let renewed = run(&mut machine, at(500), at(1002));
    let renewed = configured(&renewed).unwrap();
    assert_eq!(renewed.shape(), known.shape());
    assert_eq!(renewed.dns[0].1, at(60_500));
}

#[test]
fn everything_ends_when_it_was_told_to() {
    let mut machine = listening();
    let end = |known: &Settings| {
        let counts = [
            known.dns.len(),
            known.search.len(),
            known.routes.len(),
            known.routers.len(),
            known.addresses.len(),
        ];
        (
            counts,
            known.addresses.first().is_some_and(|item| item.deprecated),
        )
    };
    let mut now = at(2);
    let mut ended = |until: u64| {
        let outputs = run(&mut machine, now, seconds(until));
        now = seconds(until);
        configured(&outputs).map(|known| end(&known))
    };
    assert_eq!(ended(59), None);
    assert_eq!(ended(61), Some(([0, 1, 1, 1, 1], false)));
    assert_eq!(ended(119), None);
    assert_eq!(ended(121), Some(([0, 0, 1, 1, 1], false)));
    assert_eq!(ended(899), None);
    assert_eq!(ended(901), Some(([0, 0, 0, 1, 1], false)));
    assert_eq!(ended(1799), None);
    assert_eq!(ended(1801), Some(([0, 0, 0, 0, 1], false)));
    assert_eq!(ended(14_399), None);
    assert_eq!(ended(14_401), Some(([0, 0, 0, 0, 1], true)));
    assert_eq!(ended(86_399), None);
    assert_eq!(ended(86_401), Some(([0; 5], false)));
    assert!(machine.known().is_empty());
    assert_eq!(machine.phase(), Phase::Soliciting);
    assert!(machine.trouble().is_some());
}

#[test]
fn what_is_withdrawn_goes_at_once_but_addresses_last_two_hours() {
    let mut machine = listening();
    let mut gone = said();
    gone.lifetime = 0;
    gone.prefixes[0].valid = 0;
    gone.prefixes[0].preferred = 0;
    gone.routes[0].lifetime = 0;
    gone.dns[0].lifetime = 0;
    gone.search[0].lifetime = 0;
    let outputs = handle(&mut machine, Input::Advertisement(ONE, &gone), seconds(10));
    let known = configured(&outputs).unwrap();
    assert!(known.routers.is_empty() && known.on_link.is_empty() && known.routes.is_empty());
    assert!(known.dns.is_empty() && known.search.is_empty());
    assert!(known.addresses[0].deprecated);
    assert_eq!(known.addresses[0].valid, seconds(10 + 7200));
    // Said again it is not shortened any further, nor made longer.
    handle(&mut machine, Input::Advertisement(ONE, &gone), seconds(100));
    assert_eq!(machine.known().addresses[0].valid, seconds(10 + 7200));
    // Preferred again once a router says so.
    let outputs = handle(
        &mut machine,
        Input::Advertisement(ONE, &said()),
        seconds(200),
    );
    assert!(!configured(&outputs).unwrap().addresses[0].deprecated);
}

#[test]
fn for_ever_has_no_deadline() {
    let mut machine = up();
    let mut eternal = RouterAdvertisement {
        lifetime: 9000,
        ..RouterAdvertisement::default()
    };
    eternal.prefixes = vec![prefix("2001:db8::", u32::MAX, u32::MAX)];
    handle(&mut machine, Input::Advertisement(ONE, &eternal), at(0));
    assert_eq!(machine.known().addresses[0].valid, FOR_EVER);
    run(&mut machine, at(0), seconds(8999));
    assert_eq!(machine.deadline(), Some(seconds(9000)));
    // RFC 4862 §5.5.3 e holds for what never ends, too.
    eternal.prefixes[0].valid = 1;
    eternal.prefixes[0].preferred = 1;
    handle(
        &mut machine,
        Input::Advertisement(ONE, &eternal),
        seconds(10),
    );
    assert_eq!(machine.known().addresses[0].valid, seconds(10 + 7200));
}

#[test]
fn solicitations_are_quick_then_rare_and_never_stop() {
    let mut machine = up();
    assert_eq!(machine.trouble(), None);
    let quick = run(&mut machine, at(0), at(1000));
    assert!((4..=5).contains(&solicits(&quick)), "{quick:?}");
    assert!(
        machine
            .trouble()
            .unwrap()
            .starts_with("no router answered ")
    );
    let day = run(&mut machine, at(1000), seconds(86_400));
    assert!((25..=45).contains(&solicits(&day)), "{}", solicits(&day));
    assert_eq!(machine.phase(), Phase::Soliciting);
}

#[test]
fn the_rfc_mode_waits_first_and_asks_four_seconds_apart() {
    for seed in 0..50 {
        let mut machine = machine_with(Identifier::Eui64, Timing::Rfc, seed);
        handle(&mut machine, Input::LinkUp, at(0));
        assert!(machine.deadline().unwrap() <= at(1000));
        let outputs = run(&mut machine, at(0), at(4500));
        assert!((1..=2).contains(&solicits(&outputs)));
    }
}

#[test]
fn the_cable_is_pulled_and_put_back() {
    let mut machine = listening();
    assert_eq!(handle(&mut machine, Input::LinkDown, seconds(50)), []);
    let outputs = run(&mut machine, seconds(50), seconds(200));
    assert_eq!(solicits(&outputs), 0);
    assert_eq!(configured(&outputs).unwrap().addresses.len(), 1);
    let outputs = handle(&mut machine, Input::LinkUp, seconds(200));
    assert_eq!(solicits(&outputs), 1);
    let known = configured(&outputs).unwrap();
    assert_eq!((known.addresses.len(), known.routers.len()), (1, 1));
}

#[test]
fn two_routers_in_the_order_of_their_preference() {
    let mut machine = listening();
    let mut better = said();
    better.preference = Preference::High;
    better.prefixes = vec![
        prefix("2001:db8:2::", 600, 300),
        prefix("2001:db8::", 600, 300),
    ];
    handle(&mut machine, Input::Advertisement(TWO, &better), at(10));
    let known = machine.known();
    assert_eq!(
        known
            .routers
            .iter()
            .map(|router| router.ip)
            .collect::<Vec<_>>(),
        [TWO, ONE]
    );
    assert_eq!(known.addresses[0].routers, [ONE, TWO]);
    assert_eq!(known.addresses[1].routers, [TWO]);
    // RFC 4191 §3.1: a route to ::/0 says more than the header.
    better.routes = vec![RouteInformation {
        prefix: ip("::"),
        length: 0,
        preference: Preference::Low,
        lifetime: 77,
    }];
    handle(&mut machine, Input::Advertisement(TWO, &better), at(20));
    assert_eq!(machine.known().routers[1].ip, TWO);
    assert_eq!(machine.known().routers[1].until, at(77_020));
    // One of them goes: nobody is asked as long as the other stays.
    let outputs = run(&mut machine, at(20), seconds(100));
    assert_eq!(solicits(&outputs), 0);
    assert_eq!(machine.known().routers.len(), 1);
}

#[test]
fn the_last_router_is_silent_until_its_lifetime_ends() {
    let mut machine = listening();
    let outputs = run(&mut machine, at(2), seconds(1799));
    assert_eq!(solicits(&outputs), 0);
    let outputs = run(&mut machine, seconds(1799), seconds(1802));
    assert!(solicits(&outputs) >= 1, "{outputs:?}");
}

#[test]
fn somebody_has_the_address() {
    let mut machine = listening();
    let taken = machine.known().addresses[0].ip;
    let outputs = handle(&mut machine, Input::Duplicate(taken), at(20));
    assert!(outputs.contains(&Output::Conflict(taken, None)));
    assert!(configured(&outputs).unwrap().addresses.is_empty());
    handle(&mut machine, Input::Advertisement(ONE, &said()), seconds(5));
    assert!(machine.known().addresses.is_empty());
    assert_eq!(
        machine.explain(),
        format!("another host has the address {taken}")
    );
    // The other may have gone by the time the link comes back.
    handle(&mut machine, Input::LinkDown, seconds(6));
    handle(&mut machine, Input::LinkUp, seconds(7));
    handle(&mut machine, Input::Advertisement(ONE, &said()), seconds(8));
    assert_eq!(machine.known().addresses[0].ip, taken);
}

#[test]
fn a_stable_address_is_tried_four_times() {
    let mut machine = machine_with(Identifier::Stable([7; 16]), Timing::Fast, 1);
    handle(&mut machine, Input::LinkUp, at(0));
    handle(&mut machine, Input::Advertisement(ONE, &said()), at(1));
    let mut seen = Vec::new();
    while let Some(item) = machine.known().addresses.first() {
        let taken = item.ip;
        assert!(!seen.contains(&taken));
        seen.push(taken);
        handle(
            &mut machine,
            Input::Duplicate(taken),
            at(10 * seen.len() as u64),
        );
        // What routers say meanwhile changes nothing.
        handle(
            &mut machine,
            Input::Advertisement(ONE, &said()),
            seconds(seen.len() as u64),
        );
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_second_address_that_was_taken_up_again_gives_way_to_the_third() {
    let identifier = Identifier::Stable([7; 16]);
    let second = identifier.address(ip("2001:db8::"), MAC, 1);
    let mut left = listening().known().clone();
    left.addresses[0].ip = second;
    let mut machine = machine_with(identifier, Timing::Fast, 1);
    handle(&mut machine, Input::Resume(&left), at(5000));
    handle(&mut machine, Input::LinkUp, at(5000));
    handle(&mut machine, Input::Duplicate(second), at(5001));
    assert_ne!(machine.known().addresses[0].ip, second);
}

#[test]
fn a_client_that_is_started_again_changes_nothing_until_it_must() {
    let first = listening();
    let record = first.known().record();
    let left = Settings::read(&crate::net::lease::Record::parse(&record.text()));
    let mut machine = machine();
    assert_eq!(handle(&mut machine, Input::Resume(&left), at(5000)), []);
    let outputs = handle(&mut machine, Input::LinkUp, at(5000));
    assert_eq!(solicits(&outputs), 1);
    assert_eq!(configured(&outputs).unwrap().shape(), left.shape());
    handle(&mut machine, Input::Advertisement(ONE, &said()), at(5002));
    assert_eq!(machine.known().addresses[0].ip, left.addresses[0].ip);
    // What has ended meanwhile is taken away.
    let mut late = self::machine();
    let outputs = handle(&mut late, Input::Resume(&left), seconds(100));
    assert!(configured(&outputs).unwrap().dns.is_empty());
}

#[test]
fn hostile_advertisements_are_bounded_and_counted() {
    let mut machine = up();
    let mut dropped: Vec<&str> = Vec::new();
    let mut changes = 0;
    for n in 0..2000_u16 {
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, n);
        let mut said = said();
        said.prefixes = vec![prefix(&format!("2001:db8:{n:x}::"), u32::MAX, u32::MAX)];
        said.routes[0].prefix = ip(&format!("fd00:{n:x}::"));
        said.dns[0].servers = vec![ip(&format!("2001:db8::{n:x}"))];
        said.search[0].domains = vec![format!("d{n}.example")];
        let outputs = handle(
            &mut machine,
            Input::Advertisement(router, &said),
            at(n.into()),
        );
        changes += outputs
            .iter()
            .filter(|output| matches!(output, Output::Configure(_)))
            .count();
        dropped.extend(outputs.iter().filter_map(|output| match output {
            Output::Dropped(why) => Some(*why),
            _ => None,
        }));
    }
    let known = machine.known();
    let counts = [
        known.routers.len(),
        known.addresses.len(),
        known.on_link.len(),
        known.routes.len(),
        known.dns.len(),
        known.search.len(),
    ];
    assert_eq!(counts, [8, 16, 16, 32, 8, 8]);
    assert!(dropped.contains(&"dropped-too-many"));
    // Two seconds of it: the first few at once, then one a second.
    assert!(changes <= 12, "{changes}");
}

#[test]
fn values_that_are_not_believed() {
    let mut machine = listening();
    let before = machine.known().clone();
    let bad = RouterAdvertisement {
        hop_limit: 1,
        mtu: Some(9000),
        reachable: u32::MAX,
        retransmit: 1,
        prefixes: vec![
            prefix("fe80::", 600, 600),
            prefix("ff02::", 600, 600),
            prefix("::", 600, 600),
            prefix("::ffff:0:0", 600, 600),
            prefix("2001:db8:9::", 600, 601),
            PrefixInformation {
                length: 0,
                ..prefix("::", 600, 600)
            },
            PrefixInformation {
                length: 48,
                on_link: false,
                ..prefix("2001:db8:7::", 600, 600)
            },
        ],
        dns: vec![],
        search: vec![],
        routes: vec![RouteInformation {
            prefix: ip("fe80::"),
            length: 10,
            preference: Preference::High,
            lifetime: 9,
        }],
        ..said()
    };
    let outputs = handle(&mut machine, Input::Advertisement(ONE, &bad), at(20));
    let dropped = outputs
        .iter()
        .filter(|output| matches!(output, Output::Dropped(_)));
    assert_eq!(dropped.count(), 12);
    let known = machine.known();
    assert_eq!((known.hop_limit, known.mtu), (before.hop_limit, before.mtu));
    assert_eq!((known.reachable, known.retransmit), (None, None));
    assert_eq!(known.addresses.len(), 1);
    // Its preferred lifetime is longer than its valid one: no address, but on the link it is (RFC 4861).
    assert_eq!(known.on_link.len(), 2);
}

/// A host and two routers on a link that loses, doubles, delays and reorders; the cable goes in and out,
/// routers come and go. In the end they stay, and the host has an address and both routers.
#[test]
fn ten_thousand_bad_links_end_configured_or_asking() {
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let timing = if seed % 4 == 0 {
            Timing::Rfc
        } else {
            Timing::Fast
        };
        let mut machine = machine_with(Identifier::Eui64, timing, seed);
        // What is on its way to the host.
        let mut wire: Vec<(Instant, Ipv6Addr, RouterAdvertisement)> = Vec::new();
        let mut now = at(0);
        let mut link = false;
        let end = seconds(160);
        while now < end {
            let calm = now > seconds(60);
            let loss = if calm { 0 } else { 30 + random.below(60) };
            let toggles = !calm && random.below(40) == 0;
            if toggles || (!link && (calm || random.below(4) == 0)) {
                link = !link;
                let input = if link { Input::LinkUp } else { Input::LinkDown };
                machine.handle(input, now);
            }
            let due = wire.iter().position(|(when, ..)| *when <= now);
            if let Some(due) = due {
                let (_, from, said) = wire.swap_remove(due);
                machine.handle(Input::Advertisement(from, &said), now);
            }
            machine.handle(Input::Timeout, now);
            for output in drain(&mut machine) {
                for (router, lifetime) in [(ONE, 1800), (TWO, 30)] {
                    let lost = random.below(100) < loss || !link;
                    if output != Output::Solicit || lost || wire.len() > 50 {
                        continue;
                    }
                    let answer = RouterAdvertisement {
                        lifetime: if calm { 1800 } else { lifetime },
                        ..said()
                    };
                    for _ in 0..1 + random.below(2) {
                        let delay = Duration::from_millis(random.below(600).into());
                        wire.push((now + delay, router, answer.clone()));
                    }
                }
            }
            let deadline = machine.deadline();
            let waits = deadline.is_some() || machine.phase() == Phase::Idle;
            assert!(
                waits && deadline.is_none_or(|next| next > now),
                "seed {seed}"
            );
            let arrival = wire.iter().map(|(when, ..)| *when).min();
            let tick = now
                + Duration::from_millis(if calm {
                    20_000
                } else {
                    1 + u64::from(random.below(3000))
                });
            now = [deadline, arrival, Some(tick)]
                .into_iter()
                .flatten()
                .min()
                .unwrap()
                .max(now + Duration::from_millis(1));
        }
        let known = machine.known();
        assert_eq!(machine.phase(), Phase::Listening, "seed {seed}");
        assert_eq!(known.addresses.len(), 1, "seed {seed}");
        assert!(!known.routers.is_empty(), "seed {seed}");
    }
}
