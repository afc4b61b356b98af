//! Router advertisements for a downstream link (RFC 4861 §6.2, RFC 4191, RFC 8106, RFC 7084, RFC 9096):
//! [`machine`] says what is sent when, [`content`] what is in it, [`driver`] has the socket and reads the
//! kernel. The bytes are `net/nd`'s. Invariant: hosts are told of everything that ends, before nobody tells
//! them any more.

pub mod content;
pub mod driver;
pub mod event;
pub mod machine;
