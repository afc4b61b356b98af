//! How `poweroff`, `reboot` and `halt` ask for the end: of the machine that this process runs on, and
//! only where initsh is its PID 1.

use super::client::Client;
use super::protocol::{Power, Urgency};
use crate::failure::Failure;

/// Asks PID 1 for the end and waits for it, so that nothing that follows in a script is begun: until
/// this process is ended, or, where it is none of PID 1's, until PID 1 is gone or has begun anew.
///
/// Errors: there is no PID 1 to ask; Ctrl-C.
pub fn end(power: Power, urgency: Urgency) -> Result<(), Failure> {
    let mut client = Client::required()?;
    client.end(power, urgency)?;
    client.until_closed()
}

/// What `--force`, given so many times, asks for.
pub fn urgency(forced: usize) -> Urgency {
    match forced {
        0 => Urgency::Orderly,
        1 => Urgency::Forced,
        _ => Urgency::AtOnce,
    }
}
