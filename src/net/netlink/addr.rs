//! Interface addresses: RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR.

use std::net::{IpAddr, Ipv4Addr};

use super::socket::Socket;
use crate::failure::Failure;

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Interface index.
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length, 0–32 or 0–128.
    pub prefix: u8,
    /// IPv4 broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Seconds for which it is valid; `None`: for ever.
    pub valid: Option<u32>,
    /// Seconds for which it is preferred; `None`: for ever.
    pub preferred: Option<u32>,
}

/// Every address, of one interface or of all.
pub fn list(_socket: &mut Socket, _index: Option<u32>) -> Result<Vec<Address>, Failure> {
    Err(Failure::new("not built yet"))
}

/// Adds an address, or updates its lifetimes where it is there (NLM_F_REPLACE).
pub fn replace(_socket: &mut Socket, _address: &Address) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}

/// Removes an address. Errors: EADDRNOTAVAIL where it is not there.
pub fn remove(_socket: &mut Socket, _address: &Address) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
