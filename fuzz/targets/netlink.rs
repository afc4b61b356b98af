//! A netlink datagram: messages, verdicts, attributes three deep. Nothing is read twice.
#![no_main]

use initsh::net::netlink::wire::{attributes, messages, text_of, verdict};
use libfuzzer_sys::fuzz_target;

fn walk(bytes: &[u8], depth: u8) -> usize {
    attributes(bytes)
        .map(|(_, value)| {
            let _ = text_of(value);
            1 + if depth == 0 {
                0
            } else {
                walk(value, depth - 1)
            }
        })
        .sum()
}

fuzz_target!(|bytes: &[u8]| {
    for message in messages(bytes) {
        let _ = verdict(&message);
        assert!(walk(message.body, 2) <= bytes.len());
    }
    walk(bytes, 2);
});
