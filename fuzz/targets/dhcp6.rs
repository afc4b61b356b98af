//! DHCPv6: what servers send, as it is and with the ids that make the client read on, to a machine in any
//! phase; nothing that it hands out may be out of order or outlive its lifetime, and it never forgets its
//! deadline.
#![no_main]

use std::net::Ipv6Addr;
use std::time::Duration;

use initsh::net::dhcp6::event::{Config, Input, Output, Phase, Timing, WantedPrefix};
use initsh::net::dhcp6::machine::Machine;
use initsh::net::dhcp6::options::{excluded, hosts, search, time_servers};
use initsh::net::dhcp6::wire::Message;
use initsh::time::Instant;
use libfuzzer_sys::fuzz_target;

/// Client id and server id, as options.
const IDS: &[u8] = &[0, 1, 0, 4, 0, 3, 0, 1, 0, 2, 0, 4, 0, 3, 0, 2];

fn config() -> Config {
    let wanted = |iaid| WantedPrefix {
        iaid,
        prefix: Ipv6Addr::UNSPECIFIED,
        length: 56,
    };
    Config {
        duid: vec![0, 3, 0, 1],
        address: Some(1),
        prefixes: vec![wanted(1), wanted(2)],
        timing: Timing::Fast,
        rapid_commit: true,
        reconfigure: true,
        requested: vec![7],
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = Message::parse(bytes) {
        for (code, value) in message.options.iter() {
            let _ = (hosts(value), search(value), time_servers(value));
            let _ = excluded(value, Ipv6Addr::LOCALHOST, code as u8);
        }
    }
    let mut machine = Machine::new(config(), 1);
    let mut now = Instant::from_boot(Duration::from_secs(100));
    let mut xid = [0; 3];
    let mut rest = bytes;
    while let [event, length, tail @ ..] = rest {
        let (body, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let mut message = vec![2 + event / 16 % 2 * 5];
        message.extend(xid);
        message.extend(IDS);
        message.extend(body);
        match event % 16 {
            0 | 1 => machine.handle(Input::LinkUp, now),
            2 => machine.handle(Input::LinkDown, now),
            3 => machine.handle(Input::Release, now),
            4 => machine.handle(Input::Received(body), now),
            5..8 => {
                now = machine.deadline().unwrap_or(now).max(now);
                machine.handle(Input::Timeout, now);
            }
            8 => now = now + Duration::from_secs(u64::from(*length) * 100),
            _ => machine.handle(Input::Received(&message), now),
        }
        while let Some(output) = machine.poll() {
            match output {
                Output::Send(datagram) => xid.copy_from_slice(&datagram[1..4]),
                Output::Configure(lease, _) => {
                    for prefix in &lease.prefixes {
                        assert!((1..=128).contains(&prefix.length));
                        assert!(prefix.times.preferred <= prefix.times.valid);
                        assert!(prefix.times.valid > 0);
                    }
                    assert!(lease.renew <= lease.rebind || lease.rebind.is_none());
                }
                _ => {}
            }
        }
        let rests = matches!(machine.phase(), Phase::Idle | Phase::Bound);
        assert!(machine.deadline().is_some() || rests);
    }
});
