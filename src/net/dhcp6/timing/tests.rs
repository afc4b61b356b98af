use super::*;

fn waits(kind: Kind, timing: Timing, seed: u64, count: usize) -> Vec<u128> {
    let limits = Limits::of(kind, false);
    let mut pace = Pace::new(kind, timing, limits);
    let mut random = Random::new(seed);
    let wait = |_| pace.wait(limits.longest, &mut random).as_millis();
    (0..count).map(wait).collect()
}

/// RT = IRT + RAND·IRT, then 2·RTprev + RAND·RTprev, at most MRT + RAND·MRT.
#[test]
fn the_formulas_of_the_rfc() {
    let about = |middle: u128, rand: u128, wait: u128| {
        wait + 2 >= middle - rand && wait <= middle + rand + 2
    };
    for kind in [
        Kind::Request,
        Kind::Renew,
        Kind::Release,
        Kind::InformationRequest,
    ] {
        let limits = Limits::of(kind, false);
        for seed in 0..500 {
            let waits = waits(kind, Timing::Rfc, seed, 15);
            let initial = u128::from(limits.initial);
            assert!(about(initial, initial / 10, waits[0]), "{kind:?} {waits:?}");
            for pair in waits.windows(2) {
                let longest = u128::from(limits.longest) * 1000;
                let doubled = about(2 * pair[0], pair[0] / 10, pair[1]);
                let capped = longest > 0 && about(longest, longest / 10, pair[1]);
                assert!(doubled || capped, "{kind:?} {waits:?}");
                assert!(longest == 0 || pair[1] <= longest * 11 / 10);
            }
        }
    }
}

#[test]
fn the_first_solicit_waits_for_more_than_irt() {
    let firsts: Vec<_> = (0..2000)
        .map(|seed| waits(Kind::Solicit, Timing::Rfc, seed, 1)[0])
        .collect();
    assert!(firsts.iter().all(|wait| (1001..=1100).contains(wait)));
    let firsts = (0..2000).map(|seed| waits(Kind::Request, Timing::Rfc, seed, 1)[0]);
    assert!(firsts.clone().any(|wait| wait < 950) && firsts.clone().any(|wait| wait > 1050));
}

#[test]
fn fast_is_quick_first_and_the_rfc_after() {
    for seed in 0..200 {
        let waits = waits(Kind::Solicit, Timing::Fast, seed, 20);
        for (wait, expected) in waits.iter().zip([100, 200, 400, 1000]) {
            assert!((expected..=expected * 9 / 8).contains(wait), "{waits:?}");
        }
        assert!(waits[19] >= 3_240_000);
        // RENEW has time.
        assert!(self::waits(Kind::Renew, Timing::Fast, seed, 1)[0] >= 9000);
    }
}

#[test]
fn the_first_message_waits_only_where_the_rfc_wants_it() {
    let mut random = Random::new(1);
    for _ in 0..500 {
        let delay = first_delay(Kind::Solicit, Timing::Rfc, &mut random);
        assert!(delay <= Duration::from_secs(1));
        assert!(first_delay(Kind::Solicit, Timing::Fast, &mut random).is_zero());
        assert!(first_delay(Kind::Request, Timing::Rfc, &mut random).is_zero());
    }
}

#[test]
fn twenty_at_once_then_one_a_second() {
    let mut bucket = Bucket::full();
    let start = Instant::BOOT + Duration::from_secs(500);
    let burst = (0..100).filter(|_| bucket.take(start)).count();
    assert_eq!(burst, 20);
    let later = |tenths: u64| start + Duration::from_millis(tenths * 100);
    let sent = (1..=1000)
        .filter(|&tenths| bucket.take(later(tenths)))
        .count();
    assert_eq!(sent, 100);
    assert!(bucket.take(start + Duration::from_secs(100_000)));
}

#[test]
fn setbacks_grow_and_stop_growing() {
    let mut random = Random::new(1);
    assert!(setback(0, &mut random).is_zero());
    for (before, seconds) in [(1, 1), (2, 2), (7, 64), (8, 128), (9, 128), (u32::MAX, 128)] {
        let wait = setback(before, &mut random).as_millis();
        assert!(
            (seconds * 1000..seconds * 1250).contains(&wait),
            "{before} {wait}"
        );
    }
    let again: Vec<_> = (0..9).map(|before| ask_again(before).as_secs()).collect();
    assert_eq!(again, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
}
