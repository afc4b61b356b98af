//! Network interfaces: RTM_GETLINK, RTM_NEWLINK, RTM_DELLINK.

use super::socket::Socket;
use crate::failure::Failure;

/// One interface as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Name, 15 bytes at most.
    pub name: String,
    /// Hardware address; empty for interfaces without one.
    pub mac: Vec<u8>,
    /// ARPHRD_* (if_arp.h); 1 is Ethernet.
    pub hardware: u16,
    /// Bytes.
    pub mtu: u32,
    /// IFF_UP: administratively up.
    pub up: bool,
    /// IFF_LOWER_UP: there is a carrier.
    pub carrier: bool,
    /// IFLA_INFO_KIND: `bridge`, `veth`, `vlan`, `tun`, `dummy`; `None` for real hardware.
    pub kind: Option<String>,
}

/// Every interface, by index.
pub fn list(_socket: &mut Socket) -> Result<Vec<Link>, Failure> {
    Err(Failure::new("not built yet"))
}

/// The interface of that name. Errors: ENODEV, naming it.
pub fn by_name(_socket: &mut Socket, _name: &str) -> Result<Link, Failure> {
    Err(Failure::new("not built yet"))
}

/// Sets it up or down.
pub fn set_up(_socket: &mut Socket, _index: u32, _up: bool) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}

/// Sets its MTU in bytes.
pub fn set_mtu(_socket: &mut Socket, _index: u32, _mtu: u32) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
