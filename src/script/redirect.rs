//! Redirections around a command. Invariant: what they changed is put back by [`Saved::restore`],
//! whatever the command did; copies are kept close-on-exec at high numbers.

use std::ffi::OsStr;
use std::io::{Seek, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::stat::{Mode, SFlag, stat};

use super::ast::{Redirect, RedirectKind};
use super::expand::{self, Error};
use super::options::Flag;
use super::shell::Shell;
use crate::cmd::call::write_all;
use crate::failure::{Doing, Failure};
use crate::sys::process;

/// Copies of descriptors go here or above, out of the way of numbers that scripts use.
const HIGH: RawFd = 64;

/// A pipe takes at least this much without a reader (pipe(7): one page).
const PIPE: usize = 4096;

/// What redirections replaced.
#[derive(Debug, Default)]
pub struct Saved {
    /// Number and what it was; `None`: closed.
    list: Vec<(RawFd, Option<OwnedFd>)>,
}

impl Saved {
    /// Puts every descriptor back.
    pub fn restore(self) {
        for (fd, saved) in self.list.into_iter().rev() {
            let _ = match saved {
                Some(saved) => process::dup_onto(saved.as_raw_fd(), fd),
                None => process::close_number(fd),
            };
        }
    }

    /// Whether this descriptor was redirected.
    pub fn holds(&self, fd: RawFd) -> bool {
        self.list.iter().any(|(saved, _)| *saved == fd)
    }

    /// Writes to standard error as it was before the redirections.
    pub fn tell(&self, text: &str) {
        let before = self.list.iter().find(|(fd, _)| *fd == 2);
        let _ = match before.and_then(|(_, saved)| saved.as_ref()) {
            Some(saved) => write_all(saved, text.as_bytes()),
            None => write_all(&std::io::stderr(), text.as_bytes()),
        };
    }

    fn save(&mut self, fd: RawFd) -> Result<(), Errno> {
        if self.holds(fd) {
            return Ok(());
        }
        let saved = match copy(fd) {
            Ok(saved) => Some(saved),
            Err(Errno::EBADF) => None,
            Err(errno) => return Err(errno),
        };
        self.list.push((fd, saved));
        Ok(())
    }
}

/// A close-on-exec copy at a high number, or as high as the limit of open files allows.
fn copy(fd: RawFd) -> Result<OwnedFd, Errno> {
    match process::dup_above(fd, HIGH) {
        Err(Errno::EINVAL | Errno::EMFILE) => process::dup_above(fd, 10),
        other => other,
    }
}

/// A pipe whose ends are above 2, so that moving one onto 0–2 cannot hit the other.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    let ends = nix::unistd::pipe2(OFlag::O_CLOEXEC).doing(|| "make a pipe")?;
    let high = |fd: OwnedFd| {
        if fd.as_raw_fd() > 2 {
            return Ok(fd);
        }
        copy(fd.as_raw_fd()).doing(|| "make a pipe")
    };
    Ok((high(ends.0)?, high(ends.1)?))
}

/// Applies redirections in order; what they replace goes to `saved` even where one fails.
///
/// Errors: a file cannot be opened, a word is not a descriptor.
pub fn apply(
    shell: &mut Shell,
    redirects: &[Redirect],
    saved: &mut Saved,
) -> Result<(), Box<Error>> {
    for redirect in redirects {
        one(shell, redirect, saved).map_err(|mut error| {
            // Status 2, as dash has it.
            if !error.failure.is_silent() {
                error.failure = error.failure.clone().with_status(2);
            }
            error
        })?;
    }
    Ok(())
}

fn one(shell: &mut Shell, redirect: &Redirect, saved: &mut Saved) -> Result<(), Box<Error>> {
    let input = matches!(
        redirect.kind,
        RedirectKind::Read(_)
            | RedirectKind::ReadWrite(_)
            | RedirectKind::DuplicateIn(_)
            | RedirectKind::Here(_)
    );
    let wrap = |failure| Error::new(redirect.span, failure);
    let number = redirect.fd.unwrap_or(u32::from(!input));
    let target = RawFd::try_from(number)
        .map_err(|_| wrap(Failure::usage(format!("descriptor {number}: too high"))))?;
    let opened = match &redirect.kind {
        RedirectKind::DuplicateIn(word) | RedirectKind::DuplicateOut(word) => {
            let text = expand::text(shell, word)?;
            return duplicate(&text, target, saved).map_err(wrap);
        }
        RedirectKind::Here(word) => {
            let body = expand::text(shell, word)?;
            here(&body).map_err(wrap)?
        }
        RedirectKind::Read(word)
        | RedirectKind::Write(word)
        | RedirectKind::Append(word)
        | RedirectKind::ReadWrite(word) => {
            let path = expand::text(shell, word)?;
            let forced = shell.text_at(redirect.span).contains(">|");
            let clobber = forced || !shell.options.has(Flag::NoClobber);
            file(&redirect.kind, &path, clobber).map_err(wrap)?
        }
    };
    onto(opened, target, saved).map_err(wrap)
}

fn onto(opened: OwnedFd, target: RawFd, saved: &mut Saved) -> Result<(), Failure> {
    let doing = || format!("redirect descriptor {target}");
    if opened.as_raw_fd() == target {
        // The number was closed before, and is what open(2) gave.
        saved.list.push((target, None));
        fcntl(&opened, FcntlArg::F_SETFD(FdFlag::empty())).doing(doing)?;
        let _ = opened.into_raw_fd();
        return Ok(());
    }
    saved.save(target).doing(doing)?;
    process::dup_onto(opened.as_raw_fd(), target).doing(doing)
}

fn duplicate(text: &[u8], target: RawFd, saved: &mut Saved) -> Result<(), Failure> {
    let shown = String::from_utf8_lossy(text);
    let doing = || format!("redirect descriptor {target}");
    if text == b"-" {
        saved.save(target).doing(doing)?;
        // It may have been closed before.
        let _ = process::close_number(target);
        return Ok(());
    }
    let from: RawFd = shown
        .parse()
        .map_err(|_| Failure::usage(format!("'{shown}' is not a descriptor's number or '-'")))?;
    if from == target {
        return Ok(());
    }
    saved.save(target).doing(doing)?;
    process::dup_onto(from, target).doing(|| format!("use descriptor {from}"))
}

fn file(kind: &RedirectKind, path: &[u8], clobber: bool) -> Result<OwnedFd, Failure> {
    let shown = || String::from_utf8_lossy(path).into_owned();
    let create = OFlag::O_WRONLY | OFlag::O_CREAT;
    let (flags, doing) = match kind {
        RedirectKind::Append(_) => (create | OFlag::O_APPEND, "append to"),
        RedirectKind::Write(_) if !clobber && regular(path) => {
            let failure = Failure::new(format!("create {}: the file exists", shown()));
            return Err(failure.with_hint("'set +C' allows overwriting, '>|' does it once"));
        }
        RedirectKind::Write(_) => (create | OFlag::O_TRUNC, "create"),
        RedirectKind::ReadWrite(_) => (OFlag::O_RDWR | OFlag::O_CREAT, "open"),
        _ => (OFlag::O_RDONLY, "open"),
    };
    let mode = Mode::from_bits_truncate(0o666);
    loop {
        match open(OsStr::from_bytes(path), flags | OFlag::O_CLOEXEC, mode) {
            Err(Errno::EINTR) if crate::sys::signal::interrupted() => {
                return Err(Failure::interrupted());
            }
            Err(Errno::EINTR) => {}
            other => return other.doing(|| format!("{doing} {}", shown())),
        }
    }
}

fn regular(path: &[u8]) -> bool {
    stat(OsStr::from_bytes(path)).is_ok_and(|found| {
        SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
    })
}

/// A descriptor from which `body` is read.
fn here(body: &[u8]) -> Result<OwnedFd, Failure> {
    let doing = || "here-document";
    if body.len() <= PIPE {
        let (read, write) = pipe()?;
        write_all(&write, body)?;
        return Ok(read);
    }
    let memory =
        nix::sys::memfd::memfd_create(c"here-document", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)
            .doing(doing)?;
    let mut file = std::fs::File::from(memory);
    file.write_all(body).doing(doing)?;
    file.rewind().doing(doing)?;
    Ok(file.into())
}
