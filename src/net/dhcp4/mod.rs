//! DHCP for IPv4 (RFC 2131, 2132, 3396, 3442, 4039, 5227, 6842, 8925): [`frame`], [`wire`] and [`arp`] are
//! bytes ↔ types, [`options`] and [`lease`] say what a reply means, [`machine`] is the state machine with
//! [`conflict`] beside it, [`sockets`] and [`driver`] are its edge, [`apply`] configures the kernel and
//! [`kept`] the files. Invariant: a bad packet is dropped alone, a bad option
//! is dropped alone, and nothing that a server sends ends the client.

pub mod apply;
pub mod arp;
pub mod conflict;
pub mod driver;
pub mod event;
pub mod frame;
pub mod kept;
mod labels;
pub mod lease;
pub mod machine;
pub mod options;
pub mod sockets;
pub mod timing;
pub mod udp;
pub mod wire;
