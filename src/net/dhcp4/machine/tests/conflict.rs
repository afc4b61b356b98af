//! Somebody else has the address.

use super::*;

fn claim(bench: &mut Bench, mac: Mac) {
    bench.handle(Input::Arp(&Arp::announcement(mac, ADDRESS)));
}

/// Gets a lease again, from SELECTING on.
fn again(bench: &mut Bench) {
    while bench.phase() == Phase::Waiting {
        bench.expire();
    }
    bench.get(MessageType::Offer);
    bench.get(MessageType::Ack);
    assert_eq!(bench.phase(), Phase::Bound);
}

#[test]
fn the_address_is_used_while_it_is_probed() {
    let mut bench = Bench::at(Phase::Requesting);
    bench.get(MessageType::Ack);
    assert_eq!(bench.arps, [Arp::probe(MAC, ADDRESS)]);
    assert!(matches!(bench.others[..], [Output::Configure(..)]));
    assert_eq!(bench.machine.guarded(), Some((ADDRESS, false)));
    while bench.machine.guarded() == Some((ADDRESS, false)) {
        bench.now = bench.machine.deadline().unwrap();
        bench.handle(Input::Timeout);
    }
    let announced = bench
        .arps
        .iter()
        .filter(|arp| arp.sender == ADDRESS)
        .count();
    assert_eq!((bench.arps.len(), announced), (5, 2));
}

#[test]
fn a_conflict_is_declined_and_told() {
    let mut bench = Bench::at(Phase::Bound);
    claim(&mut bench, OTHER);
    assert_eq!(
        bench.others.last(),
        Some(&Output::Deconfigure(Loss::Conflict(OTHER)))
    );
    assert_eq!(
        bench.machine.explain(),
        "10.0.2.15 was leased, but 02:00:00:00:00:09 has it"
    );
    assert!(!bench.machine.is_ready());
}

#[test]
fn after_a_decline_it_waits_ten_seconds_where_the_rfc_wants_it() {
    let mut bench = Bench::with(config(Timing::Rfc), 1);
    bench.handle(Input::LinkUp);
    bench.get(MessageType::Offer);
    bench.get(MessageType::Ack);
    claim(&mut bench, OTHER);
    let wait = bench.machine.deadline().unwrap().since(bench.now);
    assert_eq!(
        (bench.phase(), wait),
        (Phase::Waiting, Duration::from_secs(10))
    );
}

#[test]
fn a_server_whose_addresses_are_all_taken_is_not_flooded() {
    let mut bench = Bench::at(Phase::Bound);
    let begin = bench.now;
    for last in 0..8 {
        claim(&mut bench, [2, 0, 0, 0, 0, last]);
        again(&mut bench);
    }
    assert!(bench.now.since(begin) >= Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32));
}

#[test]
fn a_host_that_claims_every_address_is_not_believed() {
    let mut bench = Bench::at(Phase::Bound);
    for _ in 0..3 {
        claim(&mut bench, OTHER);
        again(&mut bench);
    }
    claim(&mut bench, OTHER);
    assert_eq!(bench.phase(), Phase::Bound);
    assert_eq!(bench.dropped, ["dropped-proxy-arp"]);
    claim(&mut bench, [2, 0, 0, 0, 0, 8]);
    assert_ne!(bench.phase(), Phase::Bound, "another host is");
}

#[test]
fn an_address_in_use_is_defended_then_given_up() {
    let mut bench = Bench::at(Phase::Renewing);
    bench.arps.clear();
    claim(&mut bench, OTHER);
    assert_eq!(bench.arps, [Arp::announcement(MAC, ADDRESS)]);
    assert_eq!(bench.phase(), Phase::Renewing);
    bench.now = bench.now + Duration::from_secs(5);
    claim(&mut bench, OTHER);
    assert_eq!(bench.phase(), Phase::Selecting);
}

#[test]
fn a_renewal_of_the_same_address_is_not_probed_again() {
    let mut bench = Bench::at(Phase::Renewing);
    bench.arps.clear();
    bench.get(MessageType::Ack);
    assert!(bench.arps.is_empty());
    let mut bench = Bench::at(Phase::Renewing);
    bench.arps.clear();
    let mut ack = bench.answer(MessageType::Ack, Some(SERVER));
    ack.yiaddr = STRANGER;
    bench.receive(&ack);
    assert_eq!(bench.arps, [Arp::probe(MAC, STRANGER)]);
}
