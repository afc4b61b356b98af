use super::*;
use crate::net::dhcp4::arp::Arp;
use crate::net::dhcp4::event::Wants;
use crate::net::dhcp4::options::IPV6_ONLY;
use crate::net::dhcp4::wire::REPLY;

mod conflict;
mod line;
mod sent;
mod table;
mod times;

const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const OTHER: Mac = [2, 0, 0, 0, 0, 9];
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 99);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const LEASE: u64 = 1000;

fn config(timing: Timing) -> Config {
    Config {
        mac: MAC,
        client_id: [&[1], &MAC[..]].concat(),
        timing,
        rapid_commit: true,
        broadcast: false,
        inform: None,
        wants: Wants::default(),
    }
}

/// A machine on a virtual clock, with what it sent.
struct Bench {
    machine: Machine,
    now: Instant,
    sent: Vec<(Message, Destination)>,
    arps: Vec<Arp>,
    dropped: Vec<&'static str>,
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
            arps: vec![],
            dropped: vec![],
            others: vec![],
        }
    }

    fn change(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        let machine = std::mem::replace(&mut self.machine, Machine::new(config(Timing::Fast), 1));
        self.machine = change(machine);
        self
    }

    fn handle(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(message, to) => self.sent.push((message, to)),
                Output::Arp(arp) => self.arps.push(arp),
                Output::Dropped(reason) => self.dropped.push(reason),
                other => self.others.push(other),
            }
        }
    }

    fn last(&self) -> &Message {
        &self.sent.last().unwrap().0
    }

    fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// The server's answer to what was sent last.
    fn answer(&self, kind: MessageType, server: Option<Ipv4Addr>) -> Message {
        let xid = self.sent.last().map_or(0, |(message, _)| message.xid);
        let mut reply = Message::request(xid, &MAC);
        reply.op = REPLY;
        reply.yiaddr = ADDRESS;
        let lease = (LEASE as u32).to_be_bytes();
        reply.options.set(OptionCode::MessageType, &[kind.into()]);
        reply.options.set(OptionCode::AddressLeaseTime, &lease);
        if let Some(server) = server {
            let server = server.octets();
            reply.options.set(OptionCode::ServerIdentifier, &server);
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

    /// Lets the deadline of the state pass, and those of the ARP packets before it.
    fn expire(&mut self) {
        let end = self.machine.state_deadline().unwrap();
        while self.machine.deadline().unwrap() < end {
            self.now = self.now.max(self.machine.deadline().unwrap());
            self.handle(Input::Timeout);
        }
        self.now = self.now.max(end);
        self.handle(Input::Timeout);
    }

    /// A machine in that state; `Rebooting` without a lease that is in use.
    fn at(phase: Phase) -> Self {
        let mut bench = match phase {
            Phase::Rebooting => Self::new().change(|machine| machine.with_hint(ADDRESS)),
            Phase::Informing => {
                let inform = Some((ADDRESS, 24));
                Self::with(
                    Config {
                        inform,
                        ..config(Timing::Fast)
                    },
                    1,
                )
            }
            _ => Self::new(),
        };
        if phase == Phase::Idle {
            return bench;
        }
        bench.handle(Input::LinkUp);
        match phase {
            Phase::Selecting | Phase::Rebooting | Phase::Informing => {}
            // The first setback does not wait.
            Phase::Waiting => {
                for _ in 0..2 {
                    bench.get(MessageType::Offer);
                    bench.get(MessageType::Nak);
                }
            }
            Phase::Requesting => bench.get(MessageType::Offer),
            _ => {
                bench.get(MessageType::Offer);
                bench.get(MessageType::Ack);
                while bench.phase() != phase {
                    bench.expire();
                }
            }
        }
        assert_eq!(bench.phase(), phase);
        bench
    }

    /// A machine that asks whether the lease that it uses is still good.
    fn rebooting() -> Self {
        let mut bench = Self::at(Phase::Bound);
        bench.handle(Input::LinkDown);
        bench.handle(Input::LinkUp);
        assert_eq!(bench.phase(), Phase::Rebooting);
        bench
    }
}

const PHASES: [Phase; 9] = [
    Phase::Idle,
    Phase::Waiting,
    Phase::Selecting,
    Phase::Requesting,
    Phase::Rebooting,
    Phase::Bound,
    Phase::Renewing,
    Phase::Rebinding,
    Phase::Informing,
];
