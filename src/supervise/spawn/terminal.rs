//! A service's own terminal (`--tty`). Invariant: it is the controlling terminal of the service's session
//! and as sane as the first console, whatever the last process on it did.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::Given;
use crate::console::tty;
use crate::supervise::program::SHELL;
use crate::supervise::setup::Step;
use crate::supervise::spec::ServiceSpec;
use crate::sys::call::write;
use crate::sys::process::dup_onto;
use crate::sys::tty::claim;
/// Makes the terminal descriptors 0 to 2 of this session's leader; whether there is one. Says on it that
/// a process is not the first one there.
pub(super) fn attach(spec: &ServiceSpec, given: &Given<'_>) -> Result<bool, (Step, Errno)> {
    let Some(device) = &spec.setup.tty else {
        return Ok(false);
    };
    let line = tty::open_device(device).map_err(|errno| (Step::Terminal, errno))?;
    claim(&line).map_err(|errno| (Step::Control, errno))?;
    for number in 0..=2 {
        dup_onto(line.as_raw_fd(), number).map_err(|errno| (Step::Terminal, errno))?;
    }
    if let Some(exit) = given.last {
        let first = spec.argv.first();
        let what = match first.is_some_and(|word| word == SHELL) {
            true => "shell",
            false => spec.name.as_str(),
        };
        let text = format!("\r\ninitsh: a new {what} begins here; the last one ended: {exit}\r\n");
        let _ = write(&line, text.as_bytes());
    }
    Ok(true)
}
