//! Every state × every event → the next state and what was dropped.

use super::*;
use MessageType::{Ack, Nak, Offer};

/// The columns: each state, `Rebooting` without and with a lease that is in use.
const COLUMNS: &str = "I W S Q o O B N E F";

fn at(column: &str) -> Bench {
    match column {
        "I" => Bench::at(Phase::Idle),
        "W" => Bench::at(Phase::Waiting),
        "S" => Bench::at(Phase::Selecting),
        "Q" => Bench::at(Phase::Requesting),
        "o" => Bench::at(Phase::Rebooting),
        "O" => Bench::rebooting(),
        "B" => Bench::at(Phase::Bound),
        "N" => Bench::at(Phase::Renewing),
        "E" => Bench::at(Phase::Rebinding),
        _ => Bench::at(Phase::Informing),
    }
}

fn letter(bench: &Bench) -> &'static str {
    match &bench.machine.state {
        State::Idle => "I",
        State::Waiting { .. } => "W",
        State::Selecting { .. } => "S",
        State::Requesting { .. } => "Q",
        State::Rebooting { held: None, .. } => "o",
        State::Rebooting { .. } => "O",
        State::Bound { .. } => "B",
        State::Renewing { .. } => "N",
        State::Rebinding { .. } => "E",
        State::Informing { .. } => "F",
        State::Informed => "D",
    }
}

fn answered(bench: &mut Bench, kind: MessageType, change: fn(&mut Message)) {
    let mut message = bench.answer(kind, Some(SERVER));
    change(&mut message);
    bench.receive(&message);
}

fn from(message: &mut Message, server: Ipv4Addr) {
    let server = server.octets();
    message.options.set(OptionCode::ServerIdentifier, &server);
}

fn anonymous(message: &mut Message) {
    message.options.unset(OptionCode::ServerIdentifier);
}

fn rapid(message: &mut Message) {
    message.options.set(OptionCode::RapidCommit, &[]);
}

fn ipv6_only(message: &mut Message) {
    message.options.set(IPV6_ONLY, &[0, 0, 7, 8]);
}

type Event = (&'static str, fn(&mut Bench), &'static str);

#[rustfmt::skip]
const EVENTS: [Event; 34] = [
    // An event, and what becomes of           I W S Q o O B N E F
    ("link up", |b| b.handle(Input::LinkUp),  "S W S Q o O O O O F"),
    ("link down", |b| b.handle(Input::LinkDown), "I I I I I B B N E I"),
    ("early timeout", |b| b.handle(Input::Timeout), "I W S Q o O B N E F"),
    ("timeout", |b| if b.machine.state_deadline().is_some() { b.expire() },
                                              "I S S Q o O N N E F"),
    ("lease over", |b| { b.now = b.now + Duration::from_secs(LEASE + 1); b.handle(Input::Timeout) },
                                              "I S S Q o S S S S F"),
    ("release", |b| b.handle(Input::Release), "I I I I I I I I I I"),
    ("offer", |b| answered(b, Offer, |_| ()), "I W Q Q o O B N E F"),
    ("offer with option 80", |b| answered(b, Offer, rapid), "I W Q Q o O B N E F"),
    ("offer without server", |b| answered(b, Offer, anonymous), "I W S Q o O B N E F"),
    ("offer of no address", |b| answered(b, Offer, |m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
                                              "I W S Q o O B N E F"),
    ("offer with option 108", |b| answered(b, Offer, ipv6_only), "I W W Q o O B N E F"),
    ("offer of option 108 alone", |b| answered(b, Offer, |m| { ipv6_only(m); m.yiaddr = Ipv4Addr::UNSPECIFIED }),
                                              "I W W Q o O B N E F"),
    ("ack", |b| answered(b, Ack, |_| ()),     "I W S B B B B B B D"),
    ("ack with option 80", |b| answered(b, Ack, rapid), "I W B B B B B B B D"),
    ("ack with options 80 and 108", |b| answered(b, Ack, |m| { rapid(m); ipv6_only(m) }),
                                              "I W W W W W B B B D"),
    ("ack without server", |b| answered(b, Ack, anonymous), "I W S B B B B B B D"),
    ("ack from another server", |b| answered(b, Ack, |m| from(m, STRANGER)),
                                              "I W S Q B B B N B D"),
    ("ack of no address", |b| answered(b, Ack, |m| m.yiaddr = Ipv4Addr::BROADCAST),
                                              "I W S Q o O B N E D"),
    ("ack of another address", |b| answered(b, Ack, |m| m.yiaddr = STRANGER), "I W S B B B B B B D"),
    ("nak", |b| answered(b, Nak, |_| ()),     "I W S S S S B S S F"),
    ("nak without server", |b| answered(b, Nak, anonymous), "I W S S S S B S S F"),
    ("nak from another server", |b| answered(b, Nak, |m| from(m, STRANGER)),
                                              "I W S Q S S B N S F"),
    ("forcerenew", |b| answered(b, MessageType::ForceRenew, |_| ()), "I W S Q o O B N E F"),
    ("a message of an unknown type", |b| answered(b, Ack, |m| m.options.set(OptionCode::MessageType, &[77])),
                                              "I W S Q o O B N E F"),
    ("a message without type", |b| answered(b, Ack, |m| m.options.unset(OptionCode::MessageType)),
                                              "I W S Q o O B N E F"),
    ("a type of two bytes", |b| answered(b, Ack, |m| m.options.set(OptionCode::MessageType, &[5, 5])),
                                              "I W S Q o O B N E F"),
    ("ack with another xid", |b| answered(b, Ack, |m| m.xid ^= 1), "I W S Q o O B N E F"),
    ("ack for another client", |b| answered(b, Ack, |m| m.options.set(OptionCode::ClientIdentifier, &[1, 2])),
                                              "I W S Q o O B N E F"),
    ("ack for another mac", |b| answered(b, Ack, |m| m.chaddr[5] ^= 1), "I W S Q o O B N E F"),
    ("a request", |b| answered(b, MessageType::Request, |m| m.op = 1), "I W S Q o O B N E F"),
    ("a discover that says that it is a reply", |b| answered(b, MessageType::Discover, |_| ()),
                                              "I W S Q o O B N E F"),
    ("somebody else's arp", |b| b.handle(Input::Arp(&Arp::announcement(OTHER, STRANGER))),
                                              "I W S Q o O B N E F"),
    ("one claim of the address", |b| b.handle(Input::Arp(&Arp::announcement(OTHER, ADDRESS))),
                                              "I W S Q o O S N E F"),
    ("two claims of the address", |b| for _ in 0..2 { b.handle(Input::Arp(&Arp::announcement(OTHER, ADDRESS))) },
                                              "I W S Q o O S S S F"),
];

#[test]
fn every_event_in_every_state() {
    for (name, event, expected) in EVENTS {
        for (column, expected) in COLUMNS.split(' ').zip(expected.split(' ')) {
            let mut bench = at(column);
            let reply = ["ack", "nak", "offer", "a ", "force"];
            let is_reply = reply.iter().any(|prefix| name.starts_with(prefix));
            let before = bench.others.len() + bench.sent.len();
            event(&mut bench);
            assert_eq!(letter(&bench), expected, "{name} in {column}");
            let waits = ["I", "D"].contains(&expected) || !bench.machine.up;
            assert_eq!(
                bench.machine.deadline().is_none(),
                waits && !"B N E".contains(expected),
                "{name} in {column}"
            );
            // Whatever changes nothing has been dropped, and says why.
            let changed = bench.others.len() + bench.sent.len() > before || column != expected;
            if is_reply {
                assert_eq!(bench.dropped.is_empty(), changed, "{name} in {column}");
            }
        }
    }
}

#[test]
fn a_message_of_its_own_never_counts_as_a_reply() {
    for phase in PHASES {
        let mut bench = Bench::at(phase);
        if let Some((message, _)) = bench.sent.last().cloned() {
            bench.receive(&message);
            assert_eq!(bench.dropped, ["dropped-op"]);
        }
        assert_eq!(bench.phase(), phase);
    }
}

#[test]
fn says_why_a_message_was_dropped() {
    type Case = (Phase, fn(&mut Message), &'static str);
    let cases: [Case; 10] = [
        (Phase::Requesting, |m| m.op = 1, "dropped-op"),
        (Phase::Requesting, |m| m.xid ^= 1, "dropped-xid"),
        (Phase::Requesting, |m| m.chaddr[0] ^= 1, "dropped-chaddr"),
        (Phase::Requesting, |m| from(m, STRANGER), "dropped-server"),
        (Phase::Renewing, |m| from(m, STRANGER), "dropped-server"),
        (
            Phase::Requesting,
            |m| m.yiaddr = [127, 0, 0, 1].into(),
            "dropped-address",
        ),
        (
            Phase::Requesting,
            |m| m.options.set(OptionCode::ClientIdentifier, b"x"),
            "dropped-client-id",
        ),
        (
            Phase::Requesting,
            |m| m.options.unset(OptionCode::MessageType),
            "dropped-type",
        ),
        (
            Phase::Renewing,
            |m| m.options.set(OptionCode::MessageType, &[9]),
            "dropped-forcerenew",
        ),
        (Phase::Selecting, |_| (), "dropped-state"),
    ];
    for (phase, change, reason) in cases {
        let mut bench = Bench::at(phase);
        answered(&mut bench, Ack, change);
        assert_eq!(bench.dropped, [reason], "{phase:?}");
        assert_eq!(bench.phase(), phase);
    }
}
