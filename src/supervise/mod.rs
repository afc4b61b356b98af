//! Supervision: what a service is ([`spec`]), how its state changes ([`machine`]), which there are
//! ([`table`]), how PID 1 acts on it ([`supervisor`], [`spawn`]), how other processes ask PID 1
//! ([`client`], [`protocol`], [`server`]), and how a machine ends ([`shutdown`], [`finish`]).

pub mod accounts;
pub mod capabilities;
pub mod cgroup;
pub mod client;
pub mod describe;
pub mod descriptors;
pub mod exits;
pub mod finish;
pub mod flow;
pub mod groups;
pub mod handover;
mod hearing;
mod helper;
pub mod journal;
pub mod limits;
pub mod listener;
pub mod log;
pub mod machine;
pub mod mounts;
pub mod order;
pub mod power;
pub mod program;
pub mod progress;
pub mod protocol;
pub mod readiness;
pub mod reload;
mod report;
mod requests;
pub mod rights;
pub mod server;
pub mod service_file;
pub mod settings;
pub mod setup;
pub mod shutdown;
pub mod spawn;
pub mod spec;
pub mod supervisor;
pub mod table;
pub mod voice;
pub mod waits;
pub mod watchdog;
pub mod wire;
