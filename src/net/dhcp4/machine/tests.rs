use super::*;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 99);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const LEASE: u64 = 1000;

fn config(timing: Timing) -> Config {
    Config {
        mac: MAC.to_vec(),
        client_id: [&[1], &MAC[..]].concat(),
        hostname: None,
        timing,
        rapid_commit: true,
    }
}

/// A machine on a virtual clock, with the last message that it sent.
struct Bench {
    machine: Machine,
    now: Instant,
    sent: Vec<(Message, Destination)>,
    others: Vec<Output>,
}

impl Bench {
    fn new() -> Self {
        Self::with(config(Timing::Fast), 1)
    }

    fn with(config: Config, seed: u64) -> Self {
        Self {
            machine: Machine::new(config, seed),
            now: Instant::BOOT + Duration::from_secs(100),
            sent: vec![],
            others: vec![],
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message, to) => self.sent.push((message, to)),
                other => self.others.push(other),
            }
        }
    }

    fn last(&self) -> &Message {
        &self.sent.last().unwrap().0
    }

    /// The server's answer to what was sent last.
    fn answer(&self, kind: MessageType, server: Option<Ipv4Addr>) -> Message {
        let mut reply = Message::request(self.last().xid, &MAC);
        reply.op = REPLY;
        reply.yiaddr = ADDRESS;
        let lease = (LEASE as u32).to_be_bytes();
        reply.options.set(OptionCode::MessageType, &[kind.into()]);
        reply.options.set(OptionCode::AddressLeaseTime, &lease);
        if let Some(server) = server {
            reply
                .options
                .set(OptionCode::ServerIdentifier, &server.octets());
        }
        reply
    }

    fn receive(&mut self, message: &Message) {
        self.handle(Input::Received(message));
    }

    fn get(&mut self, kind: MessageType) {
        let message = self.answer(kind, Some(SERVER));
        self.receive(&message);
    }

    /// Lets the deadline pass.
    fn expire(&mut self) {
        self.now = self.machine.deadline().unwrap();
        self.handle(Input::Timeout);
    }

    /// A machine in that state.
    fn at(phase: Phase) -> Self {
        let mut bench = Self::new();
        if phase == Phase::Idle {
            return bench;
        }
        bench.handle(Input::LinkUp);
        if phase == Phase::Waiting {
            // The first setback does not wait.
            for _ in 0..2 {
                bench.get(MessageType::Offer);
                bench.get(MessageType::Nak);
            }
        } else if phase != Phase::Selecting {
            bench.get(MessageType::Offer);
            if phase != Phase::Requesting {
                bench.get(MessageType::Ack);
                while bench.machine.phase() != phase {
                    bench.expire();
                }
            }
        }
        assert_eq!(bench.machine.phase(), phase);
        bench
    }
}

const PHASES: [Phase; 7] = [
    Phase::Idle,
    Phase::Waiting,
    Phase::Selecting,
    Phase::Requesting,
    Phase::Bound,
    Phase::Renewing,
    Phase::Rebinding,
];

/// Every state × every event → the next state. A reply whose row says nothing changes nothing.
#[test]
fn every_event_in_every_state() {
    use MessageType::{Ack, Nak, Offer};
    use Phase::*;
    type Event = (&'static str, fn(&mut Bench), [Phase; 7]);
    let same = PHASES;
    fn answered(bench: &mut Bench, kind: MessageType, change: fn(&mut Message)) {
        if bench.sent.is_empty() {
            bench
                .sent
                .push((Message::request(0, &MAC), Destination::Link));
        }
        let mut message = bench.answer(kind, Some(SERVER));
        change(&mut message);
        bench.receive(&message);
    }
    fn from(message: &mut Message, server: Ipv4Addr) {
        message
            .options
            .set(OptionCode::ServerIdentifier, &server.octets());
    }
    //                                      Idle Waiting Selecting Requesting Bound Renewing Rebinding
    let events: [Event; 20] = [
        (
            "link up",
            |b| b.handle(Input::LinkUp),
            [
                Selecting, Waiting, Selecting, Requesting, Bound, Renewing, Rebinding,
            ],
        ),
        (
            "link down",
            |b| b.handle(Input::LinkDown),
            [Idle, Idle, Idle, Idle, Bound, Renewing, Rebinding],
        ),
        ("early timeout", |b| b.handle(Input::Timeout), same),
        (
            "timeout",
            |b| {
                if b.machine.deadline().is_some() {
                    b.expire()
                }
            },
            [
                Idle, Selecting, Selecting, Requesting, Renewing, Renewing, Rebinding,
            ],
        ),
        (
            "lease over",
            |b| {
                b.now = b.now + Duration::from_secs(LEASE + 1);
                b.handle(Input::Timeout)
            },
            [
                Idle, Selecting, Selecting, Requesting, Selecting, Selecting, Selecting,
            ],
        ),
        (
            "offer",
            |b| answered(b, Offer, |_| ()),
            [
                Idle, Waiting, Requesting, Requesting, Bound, Renewing, Rebinding,
            ],
        ),
        (
            "offer with option 80",
            |b| answered(b, Offer, |m| m.options.set(OptionCode::RapidCommit, &[])),
            [
                Idle, Waiting, Requesting, Requesting, Bound, Renewing, Rebinding,
            ],
        ),
        (
            "offer without server",
            |b| answered(b, Offer, |m| m.options.unset(OptionCode::ServerIdentifier)),
            same,
        ),
        (
            "offer of no address",
            |b| answered(b, Offer, |m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
            same,
        ),
        (
            "ack",
            |b| answered(b, Ack, |_| ()),
            [Idle, Waiting, Selecting, Bound, Bound, Bound, Bound],
        ),
        (
            "ack with option 80",
            |b| answered(b, Ack, |m| m.options.set(OptionCode::RapidCommit, &[])),
            [Idle, Waiting, Bound, Bound, Bound, Bound, Bound],
        ),
        (
            "ack without server",
            |b| answered(b, Ack, |m| m.options.unset(OptionCode::ServerIdentifier)),
            [Idle, Waiting, Selecting, Bound, Bound, Bound, Bound],
        ),
        (
            "ack from another server",
            |b| answered(b, Ack, |m| from(m, STRANGER)),
            [Idle, Waiting, Selecting, Requesting, Bound, Renewing, Bound],
        ),
        (
            "ack of no address",
            |b| answered(b, Ack, |m| m.yiaddr = Ipv4Addr::BROADCAST),
            same,
        ),
        (
            "nak",
            |b| answered(b, Nak, |_| ()),
            [
                Idle, Waiting, Selecting, Selecting, Bound, Selecting, Selecting,
            ],
        ),
        (
            "nak without server",
            |b| answered(b, Nak, |m| m.options.unset(OptionCode::ServerIdentifier)),
            [
                Idle, Waiting, Selecting, Selecting, Bound, Selecting, Selecting,
            ],
        ),
        (
            "nak from another server",
            |b| answered(b, Nak, |m| from(m, STRANGER)),
            [
                Idle, Waiting, Selecting, Requesting, Bound, Renewing, Selecting,
            ],
        ),
        (
            "ack with another xid",
            |b| answered(b, Ack, |m| m.xid ^= 1),
            same,
        ),
        (
            "ack for another client",
            |b| {
                answered(b, Ack, |m| {
                    m.options.set(OptionCode::ClientIdentifier, &[1, 2])
                })
            },
            same,
        ),
        (
            "ack for another mac",
            |b| answered(b, Ack, |m| m.chaddr[5] ^= 1),
            same,
        ),
    ];
    for (name, event, expected) in events {
        for (phase, expected) in PHASES.into_iter().zip(expected) {
            let mut bench = Bench::at(phase);
            event(&mut bench);
            assert_eq!(bench.machine.phase(), expected, "{name} in {phase:?}");
            let waits_for_link = bench.machine.phase() == Idle;
            assert_eq!(
                bench.machine.deadline().is_none(),
                waits_for_link,
                "{name} in {phase:?}"
            );
        }
    }
}

#[test]
fn a_request_never_counts_as_a_reply() {
    for phase in PHASES {
        let mut bench = Bench::at(phase);
        if let Some((message, _)) = bench.sent.last().cloned() {
            bench.receive(&message);
        }
        assert_eq!(bench.machine.phase(), phase);
    }
}

#[test]
fn what_is_sent_in_each_state() {
    let kind = |message: &Message| message.options.message_type();
    let has = |message: &Message, code| message.options.get(code).is_some();

    let bench = Bench::at(Phase::Selecting);
    let (message, to) = &bench.sent[0];
    assert_eq!(
        (kind(message), *to),
        (Some(MessageType::Discover), Destination::Link)
    );
    assert!(!has(message, OptionCode::ServerIdentifier));
    assert!(!has(message, OptionCode::RequestedIpAddress));

    let bench = Bench::at(Phase::Requesting);
    let (message, to) = &bench.sent[1];
    assert_eq!(
        (kind(message), *to),
        (Some(MessageType::Request), Destination::Link)
    );
    assert_eq!(message.xid, bench.sent[0].0.xid);
    assert_eq!(
        message.options.get(OptionCode::RequestedIpAddress),
        Some(&ADDRESS.octets()[..])
    );
    assert_eq!(
        message.options.get(OptionCode::ServerIdentifier),
        Some(&SERVER.octets()[..])
    );
    assert!(message.ciaddr.is_unspecified());

    for (phase, destination) in [
        (Phase::Renewing, Destination::Server(SERVER)),
        (Phase::Rebinding, Destination::Everyone),
    ] {
        let bench = Bench::at(phase);
        let (message, to) = bench.sent.last().unwrap();
        assert_eq!(
            (kind(message), *to),
            (Some(MessageType::Request), destination)
        );
        assert_eq!(message.ciaddr, ADDRESS);
        // RFC 2131 §4.3.2: MUST NOT be filled in.
        assert!(!has(message, OptionCode::ServerIdentifier));
        assert!(!has(message, OptionCode::RequestedIpAddress));
    }
    for (message, _) in Bench::at(Phase::Rebinding).sent {
        assert_eq!(
            message
                .options
                .get(OptionCode::ClientIdentifier)
                .map(<[u8]>::len),
            Some(7)
        );
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
        .map(|(message, _)| message.options.get(OptionCode::RapidCommit).is_some())
        .collect();
    assert_eq!(asked, [true, false, false]);
}

#[test]
fn renews_rebinds_expires_on_time() {
    let mut bench = Bench::at(Phase::Bound);
    let bound = bench.now;
    bench.expire();
    assert_eq!(bench.now.since(bound), Duration::from_secs(500));
    while bench.machine.phase() == Phase::Renewing {
        bench.expire();
    }
    assert_eq!(bench.now.since(bound), Duration::from_secs(875));
    while bench.machine.phase() == Phase::Rebinding {
        bench.expire();
    }
    assert_eq!(bench.now.since(bound), Duration::from_secs(LEASE));
    assert_eq!(
        bench.others.last(),
        Some(&Output::Deconfigure(Loss::Expired))
    );
    assert_eq!(bench.machine.phase(), Phase::Selecting);
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
        (bench.machine.phase(), bench.machine.deadline()),
        (Phase::Bound, None)
    );
}

#[test]
fn a_server_that_always_refuses_is_not_flooded() {
    let mut bench = Bench::new();
    bench.handle(Input::LinkUp);
    let end = bench.now + Duration::from_secs(600);
    while bench.now < end {
        match bench.machine.phase() {
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
    assert_eq!(bench.machine.phase(), Phase::Requesting);
    assert_eq!(
        bench.machine.explain(),
        "the server refuses (NAK), 1 so far"
    );
}

/// A server on a bad line, on the machine's own clock.
struct Line {
    random: Random,
    /// Percent of packets that are lost, come twice, or come late.
    loss: u32,
    in_flight: Vec<(Instant, Message)>,
}

impl Line {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.below(100) < percent
    }

    /// What the server does about a request.
    fn serve(&mut self, bench: &Bench, request: &Message) {
        let kind = match request.options.message_type() {
            Some(MessageType::Discover)
                if request.options.get(OptionCode::RapidCommit).is_some() && self.chance(30) =>
            {
                MessageType::Ack
            }
            Some(MessageType::Discover) => MessageType::Offer,
            _ if self.chance(5) => MessageType::Nak,
            _ => MessageType::Ack,
        };
        let mut reply = bench.answer(kind, Some(SERVER));
        reply.xid = request.xid;
        if kind == MessageType::Ack && request.options.message_type() == Some(MessageType::Discover)
        {
            reply.options.set(OptionCode::RapidCommit, &[]);
        }
        let copies = if self.chance(10) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.chance(self.loss) {
                let delay = Duration::from_millis(u64::from(self.random.below(400)));
                self.in_flight.push((bench.now + delay, reply.clone()));
            }
        }
    }
}

/// One seed: half a day of a lossy, duplicating, reordering line, then a good one.
fn simulate(seed: u64) {
    let mut bench = Bench::with(config(Timing::Fast), seed);
    let mut line = Line {
        random: Random::new(seed ^ 0xdead),
        loss: 50,
        in_flight: vec![],
    };
    bench.handle(Input::LinkUp);
    let mut served = 0;
    let (bad, good) = (
        bench.now + Duration::from_secs(9000),
        bench.now + Duration::from_secs(10_000),
    );
    while bench.now < good {
        if bench.now >= bad {
            line.loss = 0;
        }
        for at in served..bench.sent.len() {
            let request = bench.sent[at].0.clone();
            if !line.chance(line.loss) {
                line.serve(&bench, &request);
            }
        }
        served = bench.sent.len();
        line.in_flight.sort_by_key(|(at, _)| *at);
        let deadline = bench
            .machine
            .deadline()
            .expect("a deadline while the link is up");
        assert!(deadline >= bench.now, "seed {seed}: overlooked");
        match line.in_flight.first() {
            Some((at, _)) if *at <= deadline => {
                let (at, message) = line.in_flight.remove(0);
                bench.now = bench.now.max(at);
                bench.receive(&message);
            }
            _ => bench.expire(),
        }
    }
    assert!(
        bench.sent.len() < 6000,
        "seed {seed}: {} messages",
        bench.sent.len()
    );
    let held = matches!(
        bench.machine.phase(),
        Phase::Bound | Phase::Renewing | Phase::Rebinding
    );
    // A NAK may have come just before the end.
    assert!(
        held || bench.machine.explain().contains("NAK") || bench.machine.discovers <= 2,
        "seed {seed}: {:?}",
        bench.machine.phase()
    );
}

#[test]
fn ends_bound_over_a_bad_line() {
    for seed in 0..300 {
        simulate(seed);
    }
}

proptest::proptest! {
    /// Any messages, in any order, at any time: it neither panics nor forgets its deadline.
    #[test]
    fn no_messages_panic(
        seed: u64,
        events in proptest::collection::vec((0_u8..6, proptest::collection::vec(0_u8.., 0..80), 0_u64..100_000), 0..40),
    ) {
        let mut bench = Bench::with(config(Timing::Rfc), seed);
        for (kind, bytes, wait) in events {
            bench.now = bench.now + Duration::from_millis(wait);
            match kind {
                0 => bench.handle(Input::LinkUp),
                1 => bench.handle(Input::LinkDown),
                2 => bench.handle(Input::Timeout),
                _ => {
                    let xid = bench.sent.last().map_or(0, |(message, _)| message.xid);
                    let mut whole = Message::request(xid, &MAC);
                    whole.op = REPLY;
                    whole.yiaddr = ADDRESS;
                    whole.options.set(OptionCode::MessageType, &[kind + bytes.first().unwrap_or(&0) % 4]);
                    let mut wire = whole.emit();
                    wire.truncate(243);
                    wire.extend_from_slice(&bytes);
                    bench.receive(&Message::parse(&wire).unwrap());
                }
            }
            let idle = bench.machine.phase() == Phase::Idle;
            let deadline = bench.machine.deadline();
            proptest::prop_assert!(deadline.is_some() || idle || bench.machine.phase() == Phase::Bound);
        }
    }
}
