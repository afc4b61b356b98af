//! The machine on a virtual clock: `bench` is the machine with a server's answers, the others test.

mod bench;
mod exchanges;
mod leases;
mod simulation;
mod table;
