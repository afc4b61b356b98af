//! The descriptors that a client hands over with a service (`--keep-fds`): which there are, and which may
//! not be. Invariant: PID 1 gets none whose closing could keep it waiting for a server.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag};

use crate::failure::Failure;
use crate::sys::call::{fcntl, fstatfs};
use crate::sys::process::borrow_number;

/// The most descriptors of one service.
pub const MOST: usize = 16;

/// Filesystems that ask a server when a file of theirs is closed (`include/uapi/linux/magic.h`).
const ASKING: &[(u32, &str)] = &[
    (0x6573_5546, "FUSE"),
    (0x6969, "NFS"),
    (0x0102_1997, "9p"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x00c3_6400, "Ceph"),
];

/// The numbers from 3 on that this process would pass to a program that it executed.
///
/// Errors: there are none, or too many; one is on a filesystem that asks a server.
pub fn open_numbers() -> Result<Vec<u8>, Failure> {
    let numbers: Vec<u8> = (3..=u8::MAX)
        .filter(|number| is_passed_on(*number))
        .collect();
    if numbers.is_empty() {
        let text = "--keep-fds: no descriptor from 3 on is open";
        return Err(Failure::new(text).with_hint("spawn --keep-fds PROGRAM 3<FILE opens one"));
    }
    if numbers.len() > MOST {
        let text = format!(
            "--keep-fds: {} descriptors are open; PID 1 takes {MOST}",
            numbers.len()
        );
        return Err(Failure::new(text));
    }
    for number in &numbers {
        if let Some(kind) = asks(*number) {
            let text = format!("--keep-fds: descriptor {number} is a file on {kind}");
            let why = "PID 1 would have to wait for the server when it closes it";
            return Err(Failure::new(text).with_hint(why));
        }
    }
    Ok(numbers)
}

fn is_passed_on(number: u8) -> bool {
    let flags = borrow_number(i32::from(number)).map(|file| fcntl(file, FcntlArg::F_GETFD));
    let closed = |flags| FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC);
    matches!(flags, Some(Ok(flags)) if !closed(flags))
}

fn asks(number: u8) -> Option<&'static str> {
    let file = borrow_number(i32::from(number)).ok_or(Errno::EBADF);
    let found = file.and_then(fstatfs).ok()?;
    // The type of the number differs between C libraries; all of these have 32 bits.
    let kind = (found.filesystem_type().0 & 0xffff_ffff) as u32;
    let known = ASKING.iter().find(|(magic, _)| *magic == kind);
    known.map(|(_, name)| *name)
}

/// The descriptors that came with a request under the numbers that it gives them.
///
/// Errors: a number that is no such one; not all of them have come (EMFILE).
pub fn under(numbers: &[u8], handed: Vec<OwnedFd>) -> Result<Vec<(i32, OwnedFd)>, Failure> {
    let once = |at: usize| !numbers[..at].contains(&numbers[at]);
    if numbers.len() > MOST || (0..numbers.len()).any(|at| numbers[at] < 3 || !once(at)) {
        return Err(Failure::usage("--keep-fds: these numbers are none"));
    }
    if handed.len() != numbers.len() {
        let text = format!(
            "{} of {} descriptors have come",
            handed.len(),
            numbers.len()
        );
        return Err(Failure::errno(format!("--keep-fds: {text}"), Errno::EMFILE));
    }
    let numbers = numbers.iter().copied().map(i32::from);
    Ok(numbers.zip(handed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn as_many_as_were_announced_under_numbers_that_are_free() {
        let two = under(&[3, 9], vec![file(), file()]).unwrap();
        assert_eq!(
            two.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [3, 9]
        );
        assert!(under(&[], Vec::new()).unwrap().is_empty());
        let many: Vec<u8> = (3..20).collect();
        for (numbers, count) in [(&[2_u8][..], 1), (&[3, 3], 2), (&many, 17)] {
            let handed = (0..count).map(|_| file()).collect();
            let error = under(numbers, handed).unwrap_err();
            assert_eq!(error.status(), 2, "{numbers:?}");
        }
        for (numbers, count) in [(&[3_u8][..], 0), (&[3], 2), (&[], 1)] {
            let handed = (0..count).map(|_| file()).collect();
            let error = under(numbers, handed).unwrap_err();
            assert!(error.to_string().contains("have come"), "{error}");
        }
    }
}
