//! A machine on a virtual clock, and answers to what it sent last.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::super::event::{Config, Input, Output, Phase, Timing, WantedPrefix};
use super::super::super::lease::{Lease, Other};
use super::super::super::wire::{ADVERTISE, Message, Options, REPLY, code};
use super::super::Machine;
use crate::time::Instant;

pub const DUID: [u8; 10] = [0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56];
pub const SERVER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
pub const STRANGER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 9];
pub const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x15);
pub const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0);
/// IAID of the IA_NA, and of the first IA_PD.
pub const IAID: u32 = 0x0012_3456;
pub const VALID: u32 = 1000;
pub const PREFERRED: u32 = 800;

pub fn config(timing: Timing, prefixes: u32) -> Config {
    Config {
        duid: DUID.to_vec(),
        address: Some(IAID),
        prefixes: (0..prefixes)
            .map(|at| WantedPrefix {
                iaid: IAID + at,
                prefix: Ipv6Addr::UNSPECIFIED,
                length: 56,
            })
            .collect(),
        timing,
        rapid_commit: true,
        reconfigure: false,
        requested: vec![],
    }
}

/// An option.
pub fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

pub fn status(code: u16) -> Vec<u8> {
    option(
        code::STATUS,
        &[&code.to_be_bytes()[..], b"says why"].concat(),
    )
}

/// IAID, T1, T2 and what is inside.
pub fn ia(prefix: bool, iaid: u32, [t1, t2]: [u32; 2], inside: &[Vec<u8>]) -> Vec<u8> {
    let words = [iaid, t1, t2].map(u32::to_be_bytes).concat();
    let code = if prefix { code::IA_PD } else { code::IA_NA };
    option(code, &[words, inside.concat()].concat())
}

pub fn address(ip: Ipv6Addr, preferred: u32, valid: u32) -> Vec<u8> {
    let times = [preferred, valid].map(u32::to_be_bytes).concat();
    option(code::IA_ADDRESS, &[&ip.octets()[..], &times].concat())
}

pub fn prefix(ip: Ipv6Addr, length: u8, preferred: u32, valid: u32) -> Vec<u8> {
    let times = [preferred, valid].map(u32::to_be_bytes).concat();
    option(
        code::IA_PREFIX,
        &[&times[..], &[length], &ip.octets()].concat(),
    )
}

/// The n-th delegated prefix.
pub fn nth(at: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() + (u128::from(at) << 72))
}

pub struct Bench {
    pub machine: Machine,
    pub now: Instant,
    pub sent: Vec<Vec<u8>>,
    pub outputs: Vec<Output>,
    /// What is in use, as a driver would have it.
    pub lease: Option<(Lease, Instant)>,
    pub inform: Option<Other>,
}

impl Bench {
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            machine: Machine::new(config, seed),
            now: Instant::BOOT + Duration::from_secs(100),
            sent: vec![],
            outputs: vec![],
            lease: None,
            inform: None,
        }
    }

    /// Fast, with an address and that many prefixes.
    pub fn wanting(prefixes: u32) -> Self {
        Self::new(config(Timing::Fast, prefixes), 1)
    }

    pub fn handle(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        while let Some(output) = self.machine.poll() {
            match &output {
                Output::Send(datagram) => self.sent.push(datagram.clone()),
                Output::Configure(lease, since) => {
                    assert!(!lease.addresses.is_empty() || !lease.prefixes.is_empty());
                    self.lease = Some((lease.clone(), *since));
                }
                Output::Inform(other) => self.inform = Some(other.clone()),
                Output::Deconfigure(_) => (self.lease, self.inform) = (None, None),
                _ => {}
            }
            if !matches!(output, Output::Send(_)) {
                self.outputs.push(output);
            }
        }
    }

    /// The last message that was sent; an empty one before the first.
    pub fn last(&self) -> Vec<u8> {
        self.sent.last().cloned().unwrap_or(vec![0; 4])
    }

    pub fn kind(&self) -> u8 {
        self.last()[0]
    }

    /// A message of a server with the last transaction.
    pub fn message(&self, kind: u8, server: &[u8], options: &[Vec<u8>]) -> Vec<u8> {
        let last = self.last();
        let mut message = vec![kind, last[1], last[2], last[3]];
        message.extend(option(code::CLIENT_ID, &DUID));
        message.extend(option(code::SERVER_ID, server));
        message.extend(options.concat());
        message
    }

    /// What the server grants, each IA of the configuration filled.
    pub fn grants(&self) -> Vec<Vec<u8>> {
        let config = &self.machine.config;
        let mut all = vec![];
        if let Some(iaid) = config.address {
            all.push(ia(
                false,
                iaid,
                [0, 0],
                &[address(ADDRESS, PREFERRED, VALID)],
            ));
        }
        for (at, wanted) in (0..).zip(&config.prefixes) {
            let inside = prefix(nth(at), 56, PREFERRED, VALID);
            all.push(ia(true, wanted.iaid, [0, 0], &[inside]));
        }
        all
    }

    pub fn receive(&mut self, message: &[u8]) {
        self.handle(Input::Received(message));
    }

    pub fn advertise(&mut self) {
        let message = self.message(ADVERTISE, &SERVER, &self.grants());
        self.receive(&message);
    }

    /// A REPLY that grants everything.
    pub fn grant(&mut self) {
        self.reply(&self.grants());
    }

    pub fn reply(&mut self, options: &[Vec<u8>]) {
        let message = self.message(REPLY, &SERVER, options);
        self.receive(&message);
    }

    /// Lets the deadline pass.
    pub fn expire(&mut self) {
        self.now = self.now.max(self.machine.deadline().unwrap());
        self.handle(Input::Timeout);
    }

    /// Lets deadlines pass until it is in that phase.
    pub fn until(&mut self, phase: Phase) {
        for _ in 0..2000 {
            if self.machine.phase() == phase {
                return;
            }
            self.expire();
        }
        panic!("never {phase:?}, but {:?}", self.machine.phase());
    }

    /// A machine in that phase, fast, with an address and that many prefixes.
    pub fn at(phase: Phase, prefixes: u32) -> Self {
        let stateless = matches!(phase, Phase::Asking | Phase::Informed);
        let mut config = config(Timing::Fast, prefixes);
        if stateless {
            (config.address, config.prefixes) = (None, vec![]);
        }
        let mut bench = Self::new(config, 1);
        if phase == Phase::Idle {
            return bench;
        }
        bench.handle(Input::LinkUp);
        if stateless {
            if phase == Phase::Informed {
                bench.reply(&[]);
            }
        } else if phase == Phase::Waiting {
            // The first setback does not wait.
            for _ in 0..2 {
                bench.advertise();
                bench.reply(&[status(4)]);
            }
        } else if phase != Phase::Soliciting {
            bench.advertise();
            if phase != Phase::Requesting {
                bench.grant();
            }
            match phase {
                Phase::Renewing | Phase::Rebinding => bench.until(phase),
                Phase::Confirming => {
                    bench.handle(Input::LinkDown);
                    bench.handle(Input::LinkUp);
                }
                Phase::Releasing => bench.handle(Input::Release),
                Phase::Declining => bench.handle(Input::Conflict(ADDRESS)),
                _ => {}
            }
        }
        assert_eq!(bench.machine.phase(), phase);
        bench
    }

    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        let lease = self.lease.iter().flat_map(|(lease, _)| &lease.addresses);
        lease.map(|address| address.ip).collect()
    }

    pub fn prefixes(&self) -> Vec<(u32, Ipv6Addr)> {
        let lease = self.lease.iter().flat_map(|(lease, _)| &lease.prefixes);
        lease.map(|prefix| (prefix.iaid, prefix.prefix)).collect()
    }

    /// The reasons of what was dropped.
    pub fn dropped(&self) -> Vec<&'static str> {
        let reasons = self.outputs.iter().filter_map(|output| match output {
            Output::Dropped(reason) => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }
}

/// The values of all options of that code in a message.
pub fn values(message: &[u8], code: u16) -> Vec<Vec<u8>> {
    let message = Message::parse(message).unwrap();
    inside(message.options.0, code)
}

/// The same in the inner options of an option.
pub fn inside(options: &[u8], code: u16) -> Vec<Vec<u8>> {
    let all = Options(options).iter().filter(|(found, _)| *found == code);
    all.map(|(_, value)| value.to_vec()).collect()
}
