//! Router advertisements and solicitations, as they are and with a head that makes the host read on, to a
//! machine in any phase; what it knows stays bounded and in order, and it never forgets its deadline.
#![no_main]

use std::net::Ipv6Addr;
use std::time::Duration;

use initsh::net::nd::wire::{Packet, RouterAdvertisement, RouterSolicitation};
use initsh::net::slaac::address::Identifier;
use initsh::net::slaac::event::{Config, Input, Output, Phase};
use initsh::net::slaac::lease::Settings;
use initsh::net::slaac::machine::Machine;
use initsh::net::slaac::timing::Timing;
use initsh::time::Instant;
use libfuzzer_sys::fuzz_target;

/// An advertisement with a router lifetime and no options.
const HEAD: &[u8] = &[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];

fn read(bytes: &[u8], source: Ipv6Addr) -> Option<RouterAdvertisement> {
    let packet = Packet {
        source,
        hop_limit: 255,
        bytes,
    };
    let _ = RouterSolicitation::parse(&packet);
    let said = RouterAdvertisement::parse(&packet, &mut |_| {}).ok()?;
    let emitted = said.emit();
    let again = Packet {
        bytes: &emitted,
        ..packet
    };
    assert!(RouterAdvertisement::parse(&again, &mut |_| {}).is_ok());
    Some(said)
}

fuzz_target!(|bytes: &[u8]| {
    let config = Config {
        mac: [2, 0, 0, 0, 0, 1],
        identifier: Identifier::Eui64,
        mtu: 1500,
        timing: Timing::Fast,
    };
    let mut machine = Machine::new(config, 1);
    let mut now = Instant::from_boot(Duration::from_secs(100));
    let mut own = Ipv6Addr::LOCALHOST;
    let _ = read(bytes, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
    let mut rest = bytes;
    while let [event, length, tail @ ..] = rest {
        let (body, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(event / 16));
        match event % 16 {
            0 | 1 => machine.handle(Input::LinkUp, now),
            2 => machine.handle(Input::LinkDown, now),
            3 => machine.handle(Input::Duplicate(own), now),
            4..8 => {
                now = machine.deadline().unwrap_or(now).max(now);
                machine.handle(Input::Timeout, now);
            }
            8 => now = now + Duration::from_secs(u64::from(*length) * 100),
            _ => {
                if let Some(said) = read(&[HEAD, body].concat(), router) {
                    machine.handle(Input::Advertisement(router, &said), now);
                }
            }
        }
        while let Some(output) = machine.poll() {
            if let Output::Configure(settings) = output {
                let record = settings.record();
                assert_eq!(Settings::read(&record).record().text(), record.text());
                assert!(record.text().len() < 100_000);
                let addresses = record.get("ip6").unwrap_or_default();
                let first = addresses.split(['/', ' ']).next().unwrap_or_default();
                own = first.parse().unwrap_or(own);
            }
        }
        assert!(machine.deadline().is_some() || machine.phase() != Phase::Soliciting);
    }
});
