//! The only `unsafe` of the project: thin, safe wrappers of system calls that `nix` lacks or marks
//! unsafe. Each file is one subject; each `unsafe` block says why it is sound.

pub mod alarm;
pub mod call;
pub mod child;
pub mod cpuid;
pub mod crash;
#[cfg(debug_assertions)]
pub mod crash_test;
mod datagram;
pub mod entry;
pub mod environment;
pub mod fault;
pub mod icmp6;
pub mod inherited;
pub mod klog;
pub mod landlock;
pub mod limits;
pub mod notify;
pub mod packet;
pub mod power;
pub mod priority;
pub mod privileges;
pub mod process;
pub mod random;
pub mod seccomp;
pub mod seqpacket;
pub mod signal;
pub mod tty;
pub mod tun;
pub mod unsent;
#[cfg(panic = "abort")]
mod unwind;
pub mod watchdog;
