//! Neighbor discovery (RFC 4861) as far as hosts and advertising routers need it from user space:
//! [`wire`] is bytes ↔ types, [`socket`] sends and receives them. The host is `net/slaac`, the router `net/ra`.

pub mod socket;
pub mod wire;
