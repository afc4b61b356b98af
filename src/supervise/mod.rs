//! Supervision: what a service is ([`spec`]), how its state changes, and how other processes ask PID 1
//! about it ([`client`]).

pub mod client;
pub mod spec;
