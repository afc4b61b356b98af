//! DHCP for IPv6 (RFC 8415, RFC 9915, 3646, 6603, 8910): `wire` is bytes ↔ types, [`lease`] says what a
//! reply means, `machine` is the state machine, `driver` has the sockets, `apply` configures the
//! kernel. Invariant: a bad message or option is dropped alone, and nothing that a server sends ends the
//! client.

pub mod apply;
pub mod authentication;
pub mod driver;
pub mod duid;
pub mod event;
pub mod held;
pub mod identity;
pub mod lease;
pub mod machine;
pub mod md5;
pub mod options;
pub mod record;
pub mod reply;
pub mod timing;
pub mod udp;
pub mod wire;
