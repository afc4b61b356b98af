//! Supervision: what a service is ([`spec`]), how its state changes ([`machine`]), which there are
//! ([`table`]), and how other processes ask PID 1 about it ([`client`], [`protocol`], [`server`]).

pub mod client;
pub mod exits;
pub mod machine;
pub mod protocol;
pub mod spec;
pub mod wire;
