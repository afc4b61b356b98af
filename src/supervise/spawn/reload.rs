//! The child that reads service files again after SIGHUP: PID 1 reads none. Invariant: it is a client like
//! any other, with the console to speak on.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use super::{Launcher, exec_own, variable};
use crate::supervise::helper;
use crate::sys::process;

impl Launcher {
    /// Starts `initsh service --reload`; its pid. Errors: EAGAIN, ENOMEM: try again later.
    pub fn reload(&self) -> Result<i32, Errno> {
        let own: Vec<_> = self.own.iter().map(AsFd::as_fd).collect();
        helper::help(c"initsh-reload", &own, || {
            // All descriptors but these were closed; this one ends with the exec.
            let own = helper::handed(0).ok().filter(|_| !own.is_empty());
            let own = own.and_then(|own| process::dup_above(own.as_raw_fd(), 3).ok());
            process::cloexec_from(3);
            self.boot_stdio();
            let env: Vec<_> = std::env::vars_os().map(variable).collect();
            let argv = ["initsh", "service", "--reload"];
            let argv = argv.map(|word| CString::new(word).unwrap_or_default());
            // Where this returns, there is nothing to read files with.
            let _ = exec_own(own.as_ref(), argv.into(), &env);
        })
    }
}
