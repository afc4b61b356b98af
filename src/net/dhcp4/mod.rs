//! DHCP for IPv4 (RFC 2131, 2132, 3396, 3442, 4039, 6842): [`frame`] and [`wire`] are bytes ↔ types,
//! [`options`] and [`lease`] say what a reply means, [`machine`] is the state machine, [`driver`] has
//! the sockets, [`apply`] configures the kernel. Invariant: a bad packet is dropped alone, a bad option
//! is dropped alone, and nothing that a server sends ends the client.

pub mod apply;
pub mod driver;
pub mod event;
pub mod frame;
pub mod lease;
pub mod machine;
pub mod options;
pub mod timing;
pub mod udp;
pub mod wire;
