//! Boots the packed image in QEMU. Needs `make initrd` and qemu-system-x86_64; `INITSH_SKIP_BOOT=1`
//! skips all of it, anything else that is lacking fails it. Two guests at a time are plenty:
//! `cargo test --test boot -- --test-threads=2`.
// A test that cannot go on has failed; helpers are not marked as tests.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod attention;
mod console;
mod crash;
mod ends;
mod guest;
mod machine;
mod modules;
mod network;
mod old_style;
mod provider;
mod services;
mod shutdown;
mod start;
mod supervision;
mod switch_root;
mod watchdog;

// What the tests of the network clients have: namespaces and real servers.
#[allow(dead_code)]
#[path = "../net/dhcp_server.rs"]
mod dhcp_server;
#[path = "../net/servers/mod.rs"]
mod servers;
#[path = "../net/support.rs"]
mod support;
