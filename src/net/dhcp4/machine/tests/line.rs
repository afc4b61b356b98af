//! A server on a bad line, on the machine's own clock.

use super::*;

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
        let asked = request.options.message_type();
        let rapid = request.options.get(OptionCode::RapidCommit).is_some();
        let kind = match asked {
            Some(MessageType::Decline | MessageType::Release) => return,
            Some(MessageType::Discover) if rapid && self.chance(30) => MessageType::Ack,
            Some(MessageType::Discover) => MessageType::Offer,
            _ if self.chance(5) => MessageType::Nak,
            _ => MessageType::Ack,
        };
        let mut reply = bench.answer(kind, Some(SERVER));
        reply.xid = request.xid;
        // Now and then it has another address.
        reply.yiaddr = if self.chance(2) { STRANGER } else { ADDRESS };
        if kind == MessageType::Ack && asked == Some(MessageType::Discover) {
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

    /// The first of what is under way that comes before `deadline`.
    fn arrival(&mut self, deadline: Instant) -> Option<(Instant, Message)> {
        let times = self.in_flight.iter().map(|(at, _)| *at).enumerate();
        let (first, at) = times.min_by_key(|(_, at)| *at)?;
        (at <= deadline).then(|| self.in_flight.swap_remove(first))
    }
}

/// One seed: an hour of a lossy, duplicating, reordering line, with claims of the address and a cable that
/// is pulled, then a good one.
fn simulate(seed: u64) {
    let mut bench = Bench::with(config(Timing::Fast), seed);
    let mut line = Line {
        random: Random::new(seed ^ 0xdead),
        loss: 50,
        in_flight: vec![],
    };
    bench.handle(Input::LinkUp);
    let mut served = 0;
    let bad = bench.now + Duration::from_secs(3600);
    let good = bad + Duration::from_secs(600);
    while bench.now < good {
        let trouble = bench.now < bad;
        if !trouble {
            line.loss = 0;
        }
        for at in served..bench.sent.len() {
            let request = bench.sent[at].0.clone();
            if !line.chance(line.loss) {
                line.serve(&bench, &request);
            }
        }
        served = bench.sent.len();
        let deadline = bench
            .machine
            .deadline()
            .expect("a deadline while the link is up");
        assert!(deadline >= bench.now, "seed {seed}: overlooked");
        match line.arrival(deadline) {
            Some((at, message)) => {
                bench.now = bench.now.max(at);
                bench.receive(&message);
            }
            None => {
                bench.now = deadline;
                bench.handle(Input::Timeout);
            }
        }
        if trouble && line.chance(1) {
            bench.handle(Input::LinkDown);
            bench.now = bench.now + Duration::from_secs(line.random.below(60).into());
            bench.handle(Input::LinkUp);
        }
        if trouble && line.chance(1) {
            bench.handle(Input::Arp(&Arp::announcement(OTHER, ADDRESS)));
        }
    }
    let messages = bench.sent.len();
    assert!(messages < 3000, "seed {seed}: {messages} messages");
    let held = matches!(
        bench.phase(),
        Phase::Bound | Phase::Renewing | Phase::Rebinding
    );
    // A NAK may have come just before the end.
    assert!(
        held || bench.machine.explain().contains("NAK") || bench.machine.discovers <= 2,
        "seed {seed}: {:?} {}",
        bench.phase(),
        bench.machine.explain()
    );
    // What is configured is what the machine holds.
    let configured = bench.others.iter().rev().find_map(|output| match output {
        Output::Configure(lease, _) => Some(Some(lease.address)),
        Output::Deconfigure(_) => Some(None),
        _ => None,
    });
    let lease = bench.machine.take_lease().map(|lease| lease.address);
    assert_eq!(configured.flatten(), lease, "seed {seed}");
}

#[test]
fn ends_bound_over_a_bad_line() {
    for seed in 0..10_000 {
        simulate(seed);
    }
}

proptest::proptest! {
    /// Any messages, in any order, at any time: it neither panics nor forgets its deadline.
    #[test]
    fn no_messages_panic(
        seed: u64,
        events in proptest::collection::vec((0_u8..9, proptest::collection::vec(0_u8.., 0..80), 0_u64..100_000), 0..40),
    ) {
        let mut bench = Bench::with(config(Timing::Rfc), seed);
        for (kind, bytes, wait) in events {
            bench.now = bench.now + Duration::from_millis(wait);
            match kind {
                0 => bench.handle(Input::LinkUp),
                1 => bench.handle(Input::LinkDown),
                2 => bench.handle(Input::Timeout),
                3 => bench.handle(Input::Arp(&Arp::announcement(OTHER, ADDRESS))),
                4 if bytes.len() > 70 => bench.handle(Input::Release),
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
            let idle = matches!(bench.phase(), Phase::Idle | Phase::Bound);
            proptest::prop_assert!(bench.machine.deadline().is_some() || idle);
        }
    }
}
