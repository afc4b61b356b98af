//! What is sent in each state: RFC 2131 table 5.

use super::*;

fn kind(message: &Message) -> Option<MessageType> {
    message.options.message_type()
}

fn has(message: &Message, code: OptionCode) -> bool {
    message.options.get(code).is_some()
}

#[test]
fn what_is_sent_in_each_state() {
    use Destination::{Everyone, Link, Server};
    use MessageType::{Discover, Inform, Request};
    for (phase, sent, destination, ciaddr, requested, server) in [
        (Phase::Selecting, Discover, Link, false, false, false),
        (Phase::Requesting, Request, Link, false, true, true),
        (Phase::Rebooting, Request, Link, false, true, false),
        (Phase::Renewing, Request, Server(SERVER), true, false, false),
        (Phase::Rebinding, Request, Everyone, true, false, false),
        (Phase::Informing, Inform, Everyone, true, false, false),
    ] {
        let bench = Bench::at(phase);
        let (message, to) = bench.sent.last().unwrap();
        assert_eq!((kind(message), *to), (Some(sent), destination), "{phase:?}");
        assert_eq!(message.ciaddr == ADDRESS, ciaddr, "{phase:?}");
        assert_eq!(message.ciaddr.is_unspecified(), !ciaddr, "{phase:?}");
        let expected = requested.then_some(ADDRESS);
        let asked = message.options.get(OptionCode::RequestedIpAddress);
        assert_eq!(
            asked.map(<[u8]>::to_vec),
            expected.map(|ip| ip.octets().to_vec())
        );
        assert_eq!(
            has(message, OptionCode::ServerIdentifier),
            server,
            "{phase:?}"
        );
        assert!(!has(message, OptionCode::AddressLeaseTime));
        assert!(has(message, OptionCode::ParameterRequestList));
        let id = message.options.get(OptionCode::ClientIdentifier);
        assert_eq!(id.map(<[u8]>::len), Some(7));
    }
    let held = Bench::rebooting();
    assert!(held.last().ciaddr.is_unspecified());
    let requesting = Bench::at(Phase::Requesting);
    assert_eq!(requesting.sent[0].0.xid, requesting.sent[1].0.xid);
}

#[test]
fn a_release_and_a_decline_name_the_server_and_ask_for_nothing() {
    let mut bench = Bench::at(Phase::Bound);
    let before = bench.last().xid;
    bench.handle(Input::Release);
    let (message, to) = bench.sent.last().unwrap();
    assert_eq!(kind(message), Some(MessageType::Release));
    assert_eq!(*to, Destination::Server(SERVER));
    assert_eq!(message.ciaddr, ADDRESS);
    assert_ne!(message.xid, before);
    assert!(!has(message, OptionCode::RequestedIpAddress));
    assert_eq!(
        bench.others.last(),
        Some(&Output::Deconfigure(Loss::Released))
    );

    let mut bench = Bench::at(Phase::Bound);
    bench.handle(Input::Arp(&Arp::announcement(OTHER, ADDRESS)));
    let decline = &bench.sent[bench.sent.len() - 2];
    assert_eq!(kind(&decline.0), Some(MessageType::Decline));
    assert_eq!(decline.1, Destination::Link);
    assert!(decline.0.ciaddr.is_unspecified());
    assert!(has(&decline.0, OptionCode::RequestedIpAddress));
    for message in [&decline.0, &bench.sent.last().unwrap().0] {
        assert!(has(message, OptionCode::ClientIdentifier));
    }
    assert!(has(&decline.0, OptionCode::ServerIdentifier));
    for code in [
        OptionCode::ParameterRequestList,
        OptionCode::MaxMessageSize,
        OptionCode::Hostname,
    ] {
        assert!(!has(&decline.0, code), "{code:?}");
    }
}

#[test]
fn nothing_is_released_where_there_is_nothing() {
    for phase in [
        Phase::Idle,
        Phase::Selecting,
        Phase::Requesting,
        Phase::Rebooting,
    ] {
        let mut bench = Bench::at(phase);
        let sent = bench.sent.len();
        bench.handle(Input::Release);
        assert_eq!(bench.sent.len(), sent);
        assert_eq!(bench.machine.deadline(), None);
    }
}

#[test]
fn rapid_commit_is_asked_for_once() {
    let mut bench = Bench::at(Phase::Selecting);
    bench.expire();
    bench.expire();
    let asked: Vec<_> = bench
        .sent
        .iter()
        .map(|(message, _)| has(message, OptionCode::RapidCommit))
        .collect();
    assert_eq!(asked, [true, false, false]);
}

#[test]
fn replies_are_wanted_broadcast_where_unicast_was_silent() {
    let mut bench = Bench::at(Phase::Selecting);
    for _ in 0..4 {
        bench.expire();
    }
    let wanted: Vec<_> = bench
        .sent
        .iter()
        .map(|(message, _)| message.broadcast)
        .collect();
    assert_eq!(wanted, [false, false, false, true, true]);
    let broadcast = Config {
        broadcast: true,
        ..config(Timing::Fast)
    };
    let mut bench = Bench::with(broadcast, 1);
    bench.handle(Input::LinkUp);
    assert!(bench.last().broadcast);
}

#[test]
fn what_is_asked_for() {
    let list = |wants: Wants| {
        let mut bench = Bench::with(
            Config {
                wants,
                ..config(Timing::Fast)
            },
            1,
        );
        bench.handle(Input::LinkUp);
        let list = bench.last().options.get(OptionCode::ParameterRequestList);
        list.unwrap().to_vec()
    };
    let usual = list(Wants::default());
    for code in [
        1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 58, 59, 108, 119, 121, 249,
    ] {
        assert_eq!(
            usual.iter().filter(|&&known| known == code).count(),
            1,
            "{code}"
        );
    }
    let wants = Wants {
        request: vec![66, 6],
        raw: vec![67, 66],
        classless: false,
        yield_to_ipv6: false,
        ..Wants::default()
    };
    let other = list(wants);
    assert_eq!(&other[other.len() - 2..], [66, 67]);
    for code in [108, 121, 249] {
        assert!(!other.contains(&code), "{code}");
    }
    let many = Wants {
        request: (0..=255).collect(),
        ..Wants::default()
    };
    assert_eq!(list(many).len(), 256);
}

#[test]
fn an_address_that_it_had_is_asked_for_first_and_suggested_later() {
    let mut bench = Bench::at(Phase::Rebooting);
    while bench.phase() == Phase::Rebooting {
        bench.expire();
    }
    assert_eq!(bench.phase(), Phase::Selecting);
    assert_eq!(bench.sent.len(), 3, "two tries, then DISCOVER");
    assert_eq!(kind(bench.last()), Some(MessageType::Discover));
    assert!(has(bench.last(), OptionCode::RequestedIpAddress));

    let mut bench = Bench::at(Phase::Rebooting);
    bench.get(MessageType::Nak);
    assert!(!has(bench.last(), OptionCode::RequestedIpAddress));
    assert!(bench.others.is_empty(), "nothing was in use");
}
