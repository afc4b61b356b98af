//! initsh: PID 1, boot script and serial shell of a small Linux VM, in one static binary.
//!
//! The binary plays one of several roles ([`role`]); everything else is a library so that tests and
//! fuzzers reach it. `docs/architecture.md` is the map.

pub mod cmd;
pub mod console;
pub mod failure;
pub mod json;
pub mod net;
pub mod paths;
pub mod role;
pub mod script;
pub mod sort;
pub mod supervise;
#[allow(unsafe_code)]
pub mod sys;
pub mod system;
pub mod time;
