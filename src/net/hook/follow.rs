//! One hook at work: a watch on the records, and the script for each event. Invariant: what it has seen
//! is remembered only after the script has run, so that a hook that is started again runs for what it
//! had not finished (at least once), and for nothing else.

use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags};

use super::Hook;
use super::changes::{Change, Snapshot, changes};
use crate::failure::Failure;
use crate::net::lease_watch::LeaseWatch;
use crate::net::store;
use crate::paths;
use crate::sys::signal::poll_until;

/// Runs the script for each event, one after the other, for ever.
///
/// Errors: those of `run`, which end it; the records cannot be watched; Ctrl-C.
pub fn follow(
    hook: &Hook,
    run: &mut dyn FnMut(Change) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let watch = LeaseWatch::open()?;
    let mut seen = recall(&hook.name);
    loop {
        // Before the look, so that no change falls between the two.
        watch.changed();
        let new = Snapshot::take(&hook.interface);
        for change in changes(&seen, &new) {
            if hook.events.contains(&change.event) {
                run(change)?;
            }
        }
        if new != seen {
            remember(&hook.name, &new)?;
            seen = new;
        }
        poll_until(&mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)], None)?;
    }
}

/// Forgets what a hook has seen: it runs for whatever there is.
///
/// Errors: the file cannot be removed.
pub fn forget(name: &str) -> Result<(), Failure> {
    store::remove(&path(name))
}

fn path(name: &str) -> PathBuf {
    paths::run_dir().join("hooks").join(name)
}

fn recall(name: &str) -> Snapshot {
    let text = std::fs::read(path(name)).unwrap_or_default();
    Snapshot::parse(&String::from_utf8_lossy(&text))
}

fn remember(name: &str, seen: &Snapshot) -> Result<(), Failure> {
    match name {
        "" => Ok(()),
        name => store::replace(&path(name), seen.text().as_bytes()),
    }
}
