//! Renewal, expiry and waiting on a virtual clock.

use super::*;

#[test]
fn renews_rebinds_expires_on_time() {
    let mut bench = Bench::at(Phase::Bound);
    let bound = bench.now;
    bench.expire();
    assert_eq!(bench.now.since(bound), Duration::from_secs(500));
    while bench.phase() == Phase::Renewing {
        bench.expire();
    }
    assert_eq!(bench.now.since(bound), Duration::from_secs(875));
    while bench.phase() == Phase::Rebinding {
        bench.expire();
    }
    assert_eq!(bench.now.since(bound), Duration::from_secs(LEASE));
    assert_eq!(
        bench.others.last(),
        Some(&Output::Deconfigure(Loss::Expired))
    );
    assert_eq!(bench.phase(), Phase::Selecting);
    let asked = bench.last().options.get(OptionCode::RequestedIpAddress);
    assert_eq!(
        asked,
        Some(&ADDRESS.octets()[..]),
        "the same again, if possible"
    );
}

#[test]
fn a_renewed_lease_begins_with_its_request() {
    let mut bench = Bench::at(Phase::Renewing);
    let asked = bench.now;
    bench.now = bench.now + Duration::from_secs(1);
    bench.get(MessageType::Ack);
    assert_eq!(
        bench.machine.deadline(),
        Some(asked + Duration::from_secs(500))
    );
    assert_eq!(bench.others.len(), 2);
}

#[test]
fn an_infinite_lease_is_never_renewed() {
    let mut bench = Bench::at(Phase::Requesting);
    let mut ack = bench.answer(MessageType::Ack, Some(SERVER));
    ack.options.set(OptionCode::AddressLeaseTime, &[0xff; 4]);
    bench.receive(&ack);
    assert_eq!(
        (bench.phase(), bench.machine.state_deadline()),
        (Phase::Bound, None)
    );
}

#[test]
fn a_lease_of_no_time_is_renewed_all_the_same_and_not_all_the_time() {
    for seconds in [0_u32, 1, 9] {
        let mut bench = Bench::at(Phase::Requesting);
        let mut ack = bench.answer(MessageType::Ack, Some(SERVER));
        ack.options
            .set(OptionCode::AddressLeaseTime, &seconds.to_be_bytes());
        ack.options.set(OptionCode::Renewal, &[0xff; 4]);
        bench.receive(&ack);
        let renewal = bench.machine.state_deadline().unwrap().since(bench.now);
        assert_eq!(renewal, Duration::from_secs(5), "{seconds}");
    }
}

/// A client that takes up what the one before it has left.
fn heir(age: u64) -> Bench {
    let mut before = Bench::at(Phase::Requesting);
    before.get(MessageType::Ack);
    let Some(Output::Configure(lease, since)) = before.others.pop() else {
        panic!("not configured");
    };
    let mut bench = Bench::new().change(|machine| machine.with_lease(lease, since));
    bench.now = since + Duration::from_secs(age);
    bench.handle(Input::LinkUp);
    bench
}

#[test]
fn a_lease_is_taken_up_and_confirmed() {
    let mut bench = heir(100);
    assert_eq!(bench.phase(), Phase::Rebooting);
    assert!(!bench.machine.is_ready());
    bench.get(MessageType::Ack);
    assert_eq!(bench.phase(), Phase::Bound);
    assert!(bench.machine.is_ready());
    let renewal = bench.machine.state_deadline().unwrap().since(bench.now);
    assert_eq!(renewal, Duration::from_secs(500), "it counts from now on");
}

#[test]
fn without_an_answer_a_lease_is_used_until_it_ends() {
    let mut bench = heir(100);
    let begin = bench.now;
    while bench.phase() == Phase::Rebooting {
        bench.expire();
    }
    assert_eq!(bench.phase(), Phase::Bound);
    assert!(bench.machine.is_ready() && bench.others.is_empty());
    assert!(bench.now.since(begin) < Duration::from_secs(1));
    let renewal = bench.machine.state_deadline().unwrap().since(begin);
    assert_eq!(renewal, Duration::from_secs(400), "as before");
    while bench.phase() != Phase::Selecting {
        bench.expire();
    }
    assert_eq!(bench.others, [Output::Deconfigure(Loss::Expired)]);
    assert_eq!(bench.now.since(begin), Duration::from_secs(LEASE - 100));
}

#[test]
fn a_lease_that_was_due_is_renewed_at_once() {
    for (age, phase) in [(600, Phase::Renewing), (900, Phase::Rebinding)] {
        let mut bench = heir(age);
        while bench.phase() == Phase::Rebooting {
            bench.expire();
        }
        assert_eq!(bench.phase(), phase);
    }
    let bench = heir(LEASE);
    assert_eq!(bench.phase(), Phase::Selecting);
    assert_eq!(bench.others, [Output::Deconfigure(Loss::Expired)]);
}

#[test]
fn a_refused_lease_is_given_up_at_once() {
    let mut bench = heir(100);
    bench.get(MessageType::Nak);
    assert_eq!(bench.others, [Output::Deconfigure(Loss::Refused)]);
    assert_eq!(bench.phase(), Phase::Selecting);
}

#[test]
fn a_lease_outlives_its_carrier_but_not_itself() {
    let mut bench = Bench::at(Phase::Bound);
    bench.handle(Input::LinkDown);
    assert!(!bench.machine.is_ready());
    for _ in 0..100 {
        if bench.machine.deadline().is_some() {
            bench.expire();
        }
    }
    assert_eq!(bench.phase(), Phase::Idle, "no DISCOVER without a link");
    assert_eq!(
        bench.others.last(),
        Some(&Output::Deconfigure(Loss::Expired))
    );
    bench.handle(Input::LinkUp);
    assert_eq!(bench.phase(), Phase::Rebooting, "the same address first");
}

#[test]
fn where_ipv6_alone_is_preferred_it_waits_as_long_as_it_is_told() {
    for (seconds, waits) in [(0_u32, 300), (299, 300), (1800, 1800), (u32::MAX, 86_400)] {
        let mut bench = Bench::at(Phase::Selecting);
        let mut offer = bench.answer(MessageType::Offer, Some(SERVER));
        offer.options.set(IPV6_ONLY, &seconds.to_be_bytes());
        bench.receive(&offer);
        assert!(bench.machine.is_ready(), "there is nothing to wait for");
        assert!(bench.machine.explain().contains("option 108"));
        assert!(bench.machine.trouble().is_some());
        let wait = bench.machine.deadline().unwrap().since(bench.now);
        assert_eq!(wait, Duration::from_secs(waits));
        bench.handle(Input::LinkDown);
        bench.handle(Input::LinkUp);
        assert_eq!(bench.phase(), Phase::Selecting, "another network, perhaps");
    }
    for bad in [&[][..], &[0, 0, 1], &[0; 5]] {
        let mut bench = Bench::at(Phase::Selecting);
        let mut offer = bench.answer(MessageType::Offer, Some(SERVER));
        offer.options.set(IPV6_ONLY, bad);
        bench.receive(&offer);
        assert_eq!(bench.phase(), Phase::Requesting, "{bad:?}");
    }
    let wants = Wants {
        yield_to_ipv6: false,
        ..Wants::default()
    };
    let mut bench = Bench::with(
        Config {
            wants,
            ..config(Timing::Fast)
        },
        1,
    );
    bench.handle(Input::LinkUp);
    let mut offer = bench.answer(MessageType::Offer, Some(SERVER));
    offer.options.set(IPV6_ONLY, &[0, 0, 7, 8]);
    bench.receive(&offer);
    assert_eq!(
        bench.phase(),
        Phase::Requesting,
        "who insists gets an address"
    );
}

#[test]
fn an_inform_gets_settings_and_no_lease() {
    let mut bench = Bench::at(Phase::Informing);
    let mut ack = bench.answer(MessageType::Ack, Some(SERVER));
    ack.yiaddr = Ipv4Addr::UNSPECIFIED;
    ack.options
        .set(OptionCode::DomainNameServer, &[10, 0, 2, 3]);
    bench.receive(&ack);
    let [Output::Inform(lease)] = &bench.others[..] else {
        panic!("{:?}", bench.others);
    };
    assert_eq!((lease.address, lease.prefix), (ADDRESS, 24));
    assert_eq!(lease.dns, [Ipv4Addr::new(10, 0, 2, 3)]);
    assert!(bench.machine.is_ready());
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn a_server_that_always_refuses_is_not_flooded() {
    let mut bench = Bench::new();
    bench.handle(Input::LinkUp);
    let end = bench.now + Duration::from_secs(600);
    while bench.now < end {
        match bench.phase() {
            Phase::Selecting => bench.get(MessageType::Offer),
            Phase::Requesting => bench.get(MessageType::Nak),
            _ => bench.expire(),
        }
    }
    assert!(bench.sent.len() < 50, "{} messages", bench.sent.len());
    assert!(
        bench.machine.explain().contains("NAK"),
        "{}",
        bench.machine.explain()
    );
}

#[test]
fn an_absent_server_is_asked_ever_less() {
    let mut bench = Bench::at(Phase::Selecting);
    let end = bench.now + Duration::from_secs(3600);
    while bench.now < end {
        bench.expire();
    }
    assert!(
        (50..90).contains(&bench.sent.len()),
        "{} messages",
        bench.sent.len()
    );
    assert!(bench.machine.explain().starts_with("no answer after "));
}

#[test]
fn says_why_there_is_no_lease() {
    assert_eq!(Bench::at(Phase::Idle).machine.explain(), "no carrier");
    assert_eq!(
        Bench::at(Phase::Selecting).machine.explain(),
        "no answer after 1 try"
    );
    assert_eq!(
        Bench::at(Phase::Requesting).machine.explain(),
        "10.0.2.2 offered 10.0.2.15 but did not confirm it after 1 try"
    );
    assert_eq!(Bench::at(Phase::Bound).machine.trouble(), None);
    assert_eq!(
        Bench::at(Phase::Waiting).machine.trouble().unwrap(),
        "the server refuses (NAK), 2 so far"
    );
}

#[test]
fn a_refusal_is_told_although_another_try_is_under_way() {
    let mut bench = Bench::at(Phase::Requesting);
    bench.get(MessageType::Nak);
    bench.get(MessageType::Offer);
    assert_eq!(bench.phase(), Phase::Requesting);
    assert_eq!(
        bench.machine.explain(),
        "the server refuses (NAK), 1 so far"
    );
}
