//! The secret of stable addresses (RFC 7217 §5). Invariant: it is made once and then stays, for as long as
//! the place where it is kept does; nobody but root reads it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::{Doing, Failure};
use crate::paths;
use crate::sys::random;

/// Its file in the state directory, or below `$INITSH_RUN` where there is none: then every boot has its own
/// addresses.
const FILE: &str = "ipv6-secret";

/// The secret, made where there is none yet. Errors: it cannot be written or read.
pub fn obtain() -> Result<[u8; 16], Failure> {
    let directory = paths::state_dir().unwrap_or_else(paths::run_dir);
    let path = directory.join(FILE);
    if let Some(secret) = read(&path) {
        return Ok(secret);
    }
    let what = || format!("write {}", path.display());
    fs::create_dir_all(&directory).doing(what)?;
    let temporary = directory.join(format!(".{FILE}.{}", nix::unistd::getpid()));
    let _ = fs::remove_file(&temporary);
    let mut options = fs::OpenOptions::new();
    let made = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary);
    let text = format!("{:016x}{:016x}\n", random::bits(), random::bits());
    made.and_then(|mut file| file.write_all(text.as_bytes()))
        .doing(what)?;
    let _ = fs::File::open(&temporary).and_then(|file| file.sync_all());
    // Whoever is first has made it; one that cannot be read is replaced.
    let mut kept = fs::hard_link(&temporary, &path);
    if kept
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
        && read(&path).is_none()
    {
        kept = fs::rename(&temporary, &path);
    }
    let _ = fs::remove_file(&temporary);
    read(&path).map_or_else(
        || {
            Err(kept
                .doing(what)
                .err()
                .unwrap_or_else(|| Failure::new(format!("{} is not a secret", path.display()))))
        },
        Ok,
    )
}

fn read(path: &Path) -> Option<[u8; 16]> {
    let text = fs::read_to_string(path).ok()?;
    let number = u128::from_str_radix(text.trim_end(), 16).ok();
    number
        .filter(|_| text.trim_end().len() == 32)
        .map(u128::to_be_bytes)
}
