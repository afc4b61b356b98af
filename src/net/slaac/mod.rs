//! Stateless address autoconfiguration (RFC 4861, 4862, 4191, 7559, 8106, 7217): [`learn`] says what an
//! advertisement means, [`machine`] is the state machine, [`lease`] what it knows, [`driver`] has the
//! sockets, [`apply`] configures the kernel, [`kernel`] its parameters. The bytes are [`super::nd`]'s.
//! Invariant: a bad message or option is dropped alone, and nothing that a router sends ends the client.

pub mod address;
pub mod apply;
pub mod driver;
pub mod event;
mod follow;
pub mod kernel;
pub mod learn;
pub mod lease;
pub mod machine;
mod secret;
pub mod timing;
