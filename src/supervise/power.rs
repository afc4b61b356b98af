//! How `poweroff`, `reboot` and `halt` ask for the end: of the machine that this process runs on, and
//! only where initsh is its PID 1.

use std::time::Duration;

use super::client::Client;
use super::protocol::Power;
use crate::failure::Failure;
use crate::sys::signal::sleep_until;
use crate::time::Instant;

/// Longer than any orderly end takes.
const END: Duration = Duration::from_secs(60);

/// Asks PID 1 for the end and waits for it, so that nothing that follows in a script is begun.
///
/// Errors: there is no PID 1 to ask; Ctrl-C; a minute later we are still here.
pub fn end(power: Power) -> Result<(), Failure> {
    Client::required()?.power(power)?;
    sleep_until(Some(Instant::now() + END))?;
    Err(Failure::new(
        "PID 1 was asked, but a minute later it has not ended",
    ))
}
