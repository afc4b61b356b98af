//! No two users share a subnet, excluded parts belong to nobody, and numbers stay.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const NOW: Instant = Instant::from_boot(Duration::from_secs(1000));

fn net(text: &str) -> Network {
    let (ip, length) = text.split_once('/').unwrap();
    (ip.parse().unwrap(), length.parse().unwrap())
}

fn delegation(iaid: u32, network: &str) -> Delegation {
    Delegation {
        iaid,
        network: net(network),
        excluded: None,
        preferred: None,
        valid: None,
    }
}

fn wan(name: &str, delegations: &[Delegation]) -> Wan {
    Wan {
        name: name.to_owned(),
        delegations: delegations.to_vec(),
    }
}

fn link(name: &str) -> User {
    User::Link(name.to_owned())
}

fn place(pool: &mut Pool, name: &str, wans: &[Wan]) -> Result<u64, String> {
    want(pool, name, &Wish::default(), wans)
}

fn want(pool: &mut Pool, name: &str, wish: &Wish<'_>, wans: &[Wan]) -> Result<u64, String> {
    let placed = pool.place(&link(name), wish, wans, NOW);
    placed
        .map(|claim| claim.number)
        .map_err(|failure| failure.to_string())
}

fn networks(pool: &Pool, name: &str, wans: &[Wan]) -> Vec<String> {
    let subnets = subnets(pool.of(&link(name)).unwrap(), wans, NOW);
    subnets
        .into_iter()
        .map(|subnet| show(subnet.network))
        .collect()
}

#[test]
fn users_are_numbered_and_keep_their_numbers_in_another_prefix() {
    let mut pool = Pool::default();
    let before = [wan("wan", &[delegation(1, "2001:db8:1::/56")])];
    assert_eq!(place(&mut pool, "a", &before), Ok(0));
    assert_eq!(place(&mut pool, "b", &before), Ok(1));
    assert_eq!(place(&mut pool, "a", &before), Ok(0));
    assert_eq!(networks(&pool, "b", &before), ["2001:db8:1:1::/64"]);
    let after = [wan("wan", &[delegation(1, "2001:db8:9:ab00::/60")])];
    assert_eq!(place(&mut pool, "b", &after), Ok(1));
    assert_eq!(networks(&pool, "b", &after), ["2001:db8:9:ab01::/64"]);
    assert_eq!(place(&mut pool, "c", &after), Ok(2), "a is still 0");
    assert_eq!(pool.free(&link("a")).unwrap().number, 0);
    assert_eq!(place(&mut pool, "d", &after), Ok(0));
}

#[test]
fn a_number_that_does_not_fit_any_more_is_replaced() {
    let mut pool = Pool::default();
    let wish = Wish {
        number: Some(0x42),
        ..Wish::default()
    };
    let large = [wan("wan", &[delegation(1, "2001:db8:1::/56")])];
    assert_eq!(want(&mut pool, "a", &wish, &large), Ok(0x42));
    let small = [wan("wan", &[delegation(1, "2001:db8:2::/60")])];
    assert_eq!(place(&mut pool, "a", &small), Ok(0));
    let told = want(&mut pool, "a", &wish, &small).unwrap_err();
    assert_eq!(told, "there is no subnet 66 of 2001:db8:2::/60 with /64");
}

#[test]
fn while_a_prefix_is_replaced_its_users_have_both() {
    let mut pool = Pool::default();
    let old = Delegation {
        preferred: Some(NOW),
        ..delegation(1, "2001:db8:1::/56")
    };
    let wans = [wan("wan", &[old, delegation(1, "2001:db8:2::/62")])];
    let mut numbers: Vec<_> = (0..4)
        .map(|i| place(&mut pool, &format!("l{i}"), &wans))
        .collect();
    assert_eq!(
        numbers,
        [Ok(0), Ok(1), Ok(2), Ok(3)],
        "the new prefix decides"
    );
    assert_eq!(
        networks(&pool, "l3", &wans),
        ["2001:db8:2:3::/64", "2001:db8:1:3::/64"]
    );
    numbers.push(place(&mut pool, "l4", &wans));
    assert_eq!(
        numbers[4].clone().unwrap_err(),
        "no subnet is left of wan's 2001:db8:2::/62 (4 of /64): they belong to l0, l1, l2, l3"
    );
}

#[test]
fn several_ias_are_filled_one_after_the_other() {
    let mut pool = Pool::default();
    let both = [wan(
        "wan",
        &[
            delegation(7, "2001:db8:1::/64"),
            delegation(3, "2001:db8:2::/64"),
        ],
    )];
    assert_eq!(place(&mut pool, "a", &both), Ok(0));
    assert_eq!(place(&mut pool, "b", &both), Ok(0));
    assert_eq!(networks(&pool, "a", &both), ["2001:db8:1::/64"]);
    assert_eq!(networks(&pool, "b", &both), ["2001:db8:2::/64"]);
    let told = place(&mut pool, "c", &both).unwrap_err();
    assert!(
        told.contains("2001:db8:1::/64 (1 of /64), 2001:db8:2::/64 (1 of /64)"),
        "{told}"
    );
    // One is not there for a while: its user goes nowhere where another is.
    let one = [wan("wan", &both[0].delegations[1..])];
    assert!(place(&mut pool, "a", &one).is_err());
    assert_eq!(place(&mut pool, "b", &one), Ok(0));
    assert_eq!(place(&mut pool, "a", &both), Ok(0));
    assert_eq!(networks(&pool, "a", &both), ["2001:db8:1::/64"]);
}

#[test]
fn nobody_takes_the_number_of_whoever_waits_for_another_ia() {
    let mut pool = Pool::default();
    let before = [wan("wan", &[delegation(1, "2001:db8:1::/60")])];
    assert_eq!(place(&mut pool, "a", &before), Ok(0));
    assert_eq!(place(&mut pool, "b", &before), Ok(1));
    let after = [wan("wan", &[delegation(2, "2001:db8:2::/60")])];
    assert_eq!(place(&mut pool, "new", &after), Ok(2));
    assert_eq!(place(&mut pool, "b", &after), Ok(1));
    assert_eq!(place(&mut pool, "a", &after), Ok(0));
}

#[test]
fn excluded_parts_are_passed_over() {
    let mut pool = Pool::default();
    let excluding = |excluded| Delegation {
        excluded: Some(net(excluded)),
        ..delegation(1, "2001:db8:1::/60")
    };
    let wans = [wan("wan", &[excluding("2001:db8:1::/63")])];
    assert_eq!(place(&mut pool, "a", &wans), Ok(2));
    for number in [0, 1] {
        let wish = Wish {
            number: Some(number),
            ..Wish::default()
        };
        let told = want(&mut pool, "b", &wish, &wans).unwrap_err();
        assert!(told.ends_with("is excluded by the provider"), "{told}");
    }
    // It is excluded later than it was given away.
    let wans = [wan("wan", &[excluding("2001:db8:1:2::/64")])];
    assert!(networks(&pool, "a", &wans).is_empty());
    assert_eq!(place(&mut pool, "a", &wans), Ok(0));
    let whole = [wan("wan", &[excluding("2001:db8:1::/60")])];
    assert!(place(&mut Pool::default(), "a", &whole).is_err());
}

#[test]
fn which_wan() {
    let mut pool = Pool::default();
    let a = wan("wan-a", &[delegation(1, "2001:db8:a::/56")]);
    let b = wan("wan-b", &[delegation(1, "2001:db8:b::/56")]);
    let told = place(&mut pool, "x", &[]).unwrap_err();
    assert_eq!(told, "no interface has a delegated prefix");
    let told = place(&mut pool, "x", &[a.clone(), b.clone()]).unwrap_err();
    assert_eq!(
        told,
        "several interfaces have a delegated prefix: wan-a, wan-b"
    );
    let wish = Wish {
        wan: Some("wan-c"),
        ..Wish::default()
    };
    let told = want(&mut pool, "x", &wish, std::slice::from_ref(&a)).unwrap_err();
    assert_eq!(told, "wan-c has no delegated prefix");
    assert_eq!(place(&mut pool, "x", std::slice::from_ref(&b)), Ok(0));
    // It stays where it is although there is a choice now, and moves when it must.
    let both = [a.clone(), b];
    assert_eq!(place(&mut pool, "x", &both), Ok(0));
    assert_eq!(networks(&pool, "x", &both), ["2001:db8:b::/64"]);
    assert_eq!(place(&mut pool, "x", std::slice::from_ref(&a)), Ok(0));
    assert_eq!(networks(&pool, "x", &both), ["2001:db8:a::/64"]);
}

#[test]
fn other_lengths() {
    let mut pool = Pool::default();
    let wans = [wan("wan", &[delegation(1, "2001:db8:1::/56")])];
    let of = |length| Wish {
        length: Some(length),
        ..Wish::default()
    };
    assert_eq!(place(&mut pool, "host", &wans), Ok(0));
    assert_eq!(want(&mut pool, "router", &of(60), &wans), Ok(1));
    assert_eq!(networks(&pool, "router", &wans), ["2001:db8:1:10::/60"]);
    assert_eq!(want(&mut pool, "tiny", &of(80), &wans), Ok(0x1_0000));
    assert_eq!(networks(&pool, "tiny", &wans), ["2001:db8:1:1::/80"]);
    assert_eq!(
        place(&mut pool, "tiny", &wans),
        Ok(0x1_0000),
        "its length, too, stays"
    );
    assert_eq!(place(&mut pool, "other", &wans), Ok(2));
    let told = want(&mut pool, "x", &of(48), &wans).unwrap_err();
    assert_eq!(told, "wan has 2001:db8:1::/56, which is less than a /48");
    assert!(want(&mut pool, "x", &of(56), &wans).is_err());
    let wish = Wish {
        number: Some(0),
        length: Some(57),
        ..Wish::default()
    };
    let told = want(&mut pool, "x", &wish, &wans).unwrap_err();
    assert_eq!(told, "subnet 0 of 2001:db8:1::/56 belongs to host");
    assert_eq!(want(&mut pool, "x", &of(57), &wans), Ok(1));
}

#[test]
fn claims_that_contradict_one_another_are_not_restored() {
    let claim = |name: &str, iaid, length, number| Claim {
        user: link(name),
        wan: "wan".to_owned(),
        iaid,
        length,
        number,
    };
    let mut pool = Pool::default();
    assert!(pool.restore(claim("a", 1, 64, 16)));
    assert!(!pool.restore(claim("a", 1, 64, 17)), "twice");
    assert!(!pool.restore(claim("b", 1, 60, 1)), "around it");
    assert!(!pool.restore(claim("b", 1, 66, 64)), "within it");
    assert!(!pool.restore(claim("b", 1, 200, 0)));
    assert!(pool.restore(claim("b", 2, 64, 16)));
    assert_eq!(pool.claims().len(), 2);
}

/// IAID, bits, length, and bits and length of what is excluded.
type Raw = (u32, u16, u8, Option<(u16, u8)>);

/// What happens to a pool: somebody wants or frees something, or the prefixes change.
#[derive(Debug, Clone)]
enum Step {
    Want(u8, Option<u8>, Option<u64>),
    Free(u8),
    Prefixes(Vec<Raw>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length =
        proptest::option::weighted(0.3, prop_oneof![Just(64), Just(60), Just(72), Just(63)]);
    let number = proptest::option::weighted(0.2, 0..20_u64);
    let excluded = proptest::option::weighted(0.4, (any::<u16>(), 50..=64_u8));
    let prefix = (1..3_u32, any::<u16>(), 52..=64_u8, excluded);
    let step = prop_oneof![
        6 => (0..12_u8, length, number).prop_map(|(who, length, number)| Step::Want(who, length, number)),
        1 => (0..12_u8).prop_map(Step::Free),
        1 => proptest::collection::vec(prefix, 0..4).prop_map(Step::Prefixes),
    ];
    proptest::collection::vec(step, 1..60)
}

fn prefixes(list: &[Raw]) -> Vec<Wan> {
    let cut = |bits: u128, length: u8| {
        let mask = u128::MAX << (128 - u32::from(length));
        (Ipv6Addr::from_bits(bits & mask), length)
    };
    let all = list
        .iter()
        .enumerate()
        .map(|(at, &(iaid, bits, length, excluded))| {
            // Different prefixes never overlap: the delegating router sees to it.
            let base = 0x2001_0db8_u128 << 96 | (at as u128) << 80 | u128::from(bits) << 64;
            let network = cut(base, length);
            let excluded = excluded.map(|(bits, own)| {
                cut(
                    network.0.to_bits() | u128::from(bits) << 60,
                    own.max(length),
                )
            });
            let excluded =
                excluded.filter(|&(ip, own)| cut(ip.to_bits(), length) == network && own > length);
            Delegation {
                excluded,
                network,
                ..delegation(iaid, "::/0")
            }
        });
    let delegations: Vec<_> = all.collect();
    match delegations.is_empty() {
        true => Vec::new(),
        false => vec![wan("wan", &delegations)],
    }
}

fn check(pool: &Pool, wans: &[Wan]) {
    let of = |claim: &Claim| subnets(claim, wans, NOW);
    for (at, claim) in pool.claims().iter().enumerate() {
        for subnet in of(claim) {
            assert!(
                share(subnet.network, subnet.of.network) && subnet.network.1 >= subnet.of.network.1
            );
            assert!(
                !subnet
                    .of
                    .excluded
                    .is_some_and(|part| share(part, subnet.network))
            );
            for other in pool.claims()[at + 1..].iter().flat_map(of) {
                assert!(!share(subnet.network, other.network), "{claim:?} {other:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_nobody_shares(steps in steps()) {
        let mut wans = prefixes(&[(1, 0, 56, None)]);
        let mut pool = Pool::default();
        for step in steps {
            match step {
                Step::Prefixes(list) => wans = prefixes(&list),
                Step::Free(who) => drop(pool.free(&link(&who.to_string()))),
                Step::Want(who, length, number) => {
                    let user = link(&who.to_string());
                    let before = pool.clone();
                    let wish = Wish { wan: None, length, number };
                    match pool.place(&user, &wish, &wans, NOW) {
                        Ok(claim) => {
                            prop_assert_eq!(Some(&claim), pool.of(&user));
                            prop_assert!(!subnets(&claim, &wans, NOW).is_empty());
                            prop_assert!(number.is_none_or(|number| number == claim.number));
                            // Asked again, it says the same.
                            let again = pool.place(&user, &Wish::default(), &wans, NOW);
                            prop_assert_eq!(again, Ok(claim.clone()));
                            // Where it had one that could stay, it has that one.
                            let old = before.of(&user).filter(|_| length.is_none() && number.is_none());
                            if let Some(old) = old {
                                let best = ias(&wans[0], Some(old), NOW);
                                let stays = before.obstacle(old, &best).is_none()
                                    && best.iter().any(|ia| ia.iaid == old.iaid);
                                prop_assert!(!stays || *old == claim);
                            }
                        }
                        Err(_) => prop_assert_eq!(&before, &pool),
                    }
                }
            }
            check(&pool, &wans);
        }
    }
}
