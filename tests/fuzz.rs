//! Every target of `fuzz/targets` compiles and holds for some inputs, without a fuzzer: `make fuzz` is what
//! looks for more. Invariant: the inputs are the same each time.

// The attribute that makes a target a program of its own means nothing in a module.
#![allow(unused_attributes, clippy::expect_used, clippy::unwrap_used)]

extern crate self as libfuzzer_sys;

#[path = "../fuzz/targets/cmdline.rs"]
mod cmdline;
#[path = "../fuzz/targets/control.rs"]
mod control;
#[path = "../fuzz/targets/dhcp4.rs"]
mod dhcp4;
#[path = "../fuzz/targets/dhcp6.rs"]
mod dhcp6;
#[path = "../fuzz/targets/modules.rs"]
mod modules;
#[path = "../fuzz/targets/netlink.rs"]
mod netlink;
#[path = "../fuzz/targets/script.rs"]
mod script;
#[path = "../fuzz/targets/services.rs"]
mod services;
#[path = "../fuzz/targets/slaac.rs"]
mod slaac;
#[path = "../fuzz/targets/unpack.rs"]
mod unpack;

/// As the fuzzer's, but for a function.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $kind:ty| $body:block) => {
        pub fn run($input: $kind) $body
    };
}

/// Numbers that look like none in particular (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Bytes of which many are small, as lengths and types are.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    (0..500).map(move |round| {
        let length = next(&mut state) as usize % (round + 1);
        let byte = |state: &mut u64| match next(state) {
            low if low % 3 == 0 => (low >> 8) as u8 % 32,
            any => (any >> 8) as u8,
        };
        (0..length).map(|_| byte(&mut state)).collect()
    })
}

#[test]
fn every_target_takes_what_comes() {
    for bytes in inputs() {
        cmdline::run(&bytes);
        control::run(&bytes);
        dhcp4::run(&bytes);
        dhcp6::run(&bytes);
        modules::run(&bytes);
        netlink::run(&bytes);
        script::run(&bytes);
        slaac::run(&bytes);
        unpack::run(&bytes);
        services::run(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_target_is_here_and_in_the_fuzzers_manifest() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let manifest = std::fs::read_to_string(format!("{root}/Cargo.toml")).unwrap();
    for entry in std::fs::read_dir(format!("{root}/targets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            manifest.contains(&format!("path = \"targets/{name}\"")),
            "{name}"
        );
        assert!(
            include_str!("fuzz.rs").contains(&format!("targets/{name}\"]")),
            "{name}"
        );
    }
}
