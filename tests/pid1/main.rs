//! PID 1 in PID namespaces of its own: the binary as it is, another program in the place of the boot
//! role. Needs root and util-linux's `unshare`; every namespace ends with its test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout
)] // In a test, a panic is how it fails.

mod clumsy;
mod contained;
mod container;
mod container_tty;
mod dependencies;
mod ends;
mod faults;
mod handover;
mod hostile;
mod logs;
mod power;
mod readiness;
mod reaping;
mod scale;
mod service_files;
mod services;
mod setup;
mod support;
mod upgrade;
