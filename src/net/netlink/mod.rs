//! rtnetlink(7): links, addresses and routes. Only the attributes that are used are parsed; a reply
//! that cannot be understood is skipped, never fatal.
//!
//! `wire` is bytes, `socket` an exchange with the kernel, the others one kind of object each.

pub mod addr;
pub mod link;
pub mod neigh;
pub mod route;
pub mod socket;
pub mod watch;
pub mod wire;

#[cfg(test)]
mod tests;
