//! The descriptors from 3 on that a service's process has: those that came with the request, and the one
//! on which it says that it is ready. Invariant: there are no others.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::apply::Done;
use super::{Ours, blocking};
use crate::supervise::setup::Step;
use crate::sys::process;

/// Gives the process the descriptors that were kept for it, under their numbers, and `ready` under the
/// first number that is free; nothing else from 3 on. `ours` are moved out of the way.
pub(super) fn hand_over(
    kept: &[(i32, OwnedFd)],
    ready: Option<BorrowedFd<'_>>,
    ours: &mut Ours,
) -> Done {
    let highest = kept.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let above = highest.max(ready_number(kept)) + 1;
    let copy = |file: i32, step| process::dup_above(file, above).map_err(|errno| (step, errno));
    let mut copies = Vec::with_capacity(kept.len() + 1);
    for (number, file) in kept {
        let step = Step::Kept(u8::try_from(*number).unwrap_or(u8::MAX));
        copies.push((*number, copy(file.as_raw_fd(), step)?));
    }
    if let Some(ready) = ready {
        let _ = blocking(&ready);
        let number = ready_number(kept);
        copies.push((number, copy(ready.as_raw_fd(), Step::Kept(number as u8))?));
    }
    if !copies.is_empty() {
        let moved = |file: &OwnedFd| copy(file.as_raw_fd(), Step::Kept(0));
        ours.executed = moved(&ours.executed)?;
        ours.own = ours.own.as_ref().map(moved).transpose()?;
    }
    process::cloexec_from(3);
    for (number, file) in &copies {
        let step = Step::Kept(u8::try_from(*number).unwrap_or(u8::MAX));
        process::dup_onto(file.as_raw_fd(), *number).map_err(|errno| (step, errno))?;
    }
    Ok(())
}

/// The number of the readiness descriptor: 3, as some shells know no number of two digits, unless that
/// one was kept.
pub(super) fn ready_number(kept: &[(i32, OwnedFd)]) -> i32 {
    let free = |number: &i32| !kept.iter().any(|(kept, _)| kept == number);
    (3..).find(free).unwrap_or(3)
}
