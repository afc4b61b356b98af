//! Routes: RTM_GETROUTE, RTM_NEWROUTE, RTM_DELROUTE.

use std::net::IpAddr;

use super::socket::Socket;
use crate::failure::Failure;

/// One route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Destination network address (unspecified address and prefix 0 for the default route).
    pub destination: IpAddr,
    /// Prefix length of the destination.
    pub prefix: u8,
    /// Next hop; `None` for a directly connected network.
    pub gateway: Option<IpAddr>,
    /// Outgoing interface.
    pub index: Option<u32>,
    /// Priority: the smallest wins. `None`: the kernel's default.
    pub metric: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// RTNH_F_ONLINK: the gateway is on this link even though no route says so.
    pub onlink: bool,
    /// RTPROT_* (rtnetlink(7)): who installed it. 3 is boot, 16 is dhcp.
    pub protocol: u8,
}

/// Every unicast route of the main table.
pub fn list(_socket: &mut Socket) -> Result<Vec<Route>, Failure> {
    Err(Failure::new("not built yet"))
}

/// Adds a route, or replaces the one with the same destination and metric.
pub fn replace(_socket: &mut Socket, _route: &Route) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}

/// Removes a route. Errors: ESRCH where it is not there.
pub fn remove(_socket: &mut Socket, _route: &Route) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
