//! Who has which subnet, as a file: `$INITSH_RUN/pd/users`, and the same below the directory that survives a
//! boot, where there is one. One user a line, the oldest first: `link lan0 wan 7 64 1` (kind, name, WAN,
//! IAID, length, number). Invariant: one process at a time changes it; a reader sees all of it or none.

use std::fs::{self, File};
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};

use super::delegation::{self, Wan};
use super::pool::{Claim, Pool, User, Wish};
use crate::failure::{Doing, Failure};
use crate::net::lease::is_interface_name;
use crate::net::netlink::link;
use crate::net::netlink::socket::Socket;
use crate::net::store;
use crate::paths;
use crate::time::Instant;

/// Longest name of an allocation, in bytes.
const LONGEST: usize = 64;
/// The file's name.
const FILE: &str = "users";

/// What has become of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What the user has now.
    pub claim: Claim,
    /// What the WANs have at the moment.
    pub wans: Vec<Wan>,
    /// Why it will not be known after a boot; it holds until then.
    pub forgetful: Option<Failure>,
}

/// Gives the user a subnet (see [`Pool::place`]). Where none is left, one goes whose link does not exist
/// any more: of several the oldest.
///
/// Errors: as there; the file cannot be written.
pub fn place(user: &User, wish: &Wish<'_>, now: Instant) -> Result<Placed, Failure> {
    let wans = delegation::wans(now);
    let mut found = None;
    let forgetful = update(&mut |pool| {
        let claim = match pool.place(user, wish, &wans, now) {
            Err(failure) => place_of_the_gone(pool, user, wish, &wans, now).ok_or(failure)?,
            Ok(claim) => claim,
        };
        found = Some(claim);
        Ok(())
    })?;
    let claim = found.ok_or_else(|| Failure::new("nothing was placed"))?;
    Ok(Placed {
        claim,
        wans,
        forgetful,
    })
}

fn place_of_the_gone(
    pool: &mut Pool,
    user: &User,
    wish: &Wish<'_>,
    wans: &[Wan],
    now: Instant,
) -> Option<Claim> {
    let links = link::list(&mut Socket::open().ok()?).ok()?;
    let is_gone = |claim: &Claim| match &claim.user {
        User::Link(name) => !links.iter().any(|link| link.name == *name),
        User::Name(_) => false,
    };
    let gone: Vec<_> = pool
        .claims()
        .iter()
        .filter(|claim| is_gone(claim))
        .cloned()
        .collect();
    gone.iter().find_map(|claim| {
        pool.free(&claim.user);
        pool.place(user, wish, wans, now).ok()
    })
}

/// Takes its subnet from a user; whether it had one.
pub fn free(user: &User) -> Result<bool, Failure> {
    let mut had = false;
    update(&mut |pool| {
        had = pool.free(user).is_some();
        Ok(())
    })?;
    Ok(had)
}

/// Every claim; empty where nothing was kept.
pub fn load() -> Pool {
    let kept = fs::read(directory().join(FILE));
    let kept = kept.or_else(|error| fs::read(persistent().ok_or(error)?));
    let mut pool = Pool::default();
    for line in String::from_utf8_lossy(&kept.unwrap_or_default()).lines() {
        if let Some(claim) = read(line) {
            pool.restore(claim);
        }
    }
    pool
}

/// Whether a name can be given to an allocation: letters, digits, `-`, `_`, `.`.
pub fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_letter)
}

/// The directory of the file and its lock. It must be there before a process is confined.
pub fn directory() -> PathBuf {
    paths::run_dir().join("pd")
}

fn persistent() -> Option<PathBuf> {
    Some(paths::state_dir()?.join("pd").join(FILE))
}

/// Changes the pool, unless `work` fails. Returns why the change will not survive a boot, if it will not.
fn update(
    work: &mut dyn FnMut(&mut Pool) -> Result<(), Failure>,
) -> Result<Option<Failure>, Failure> {
    let _lock = lock()?;
    let before = load();
    let mut pool = before.clone();
    work(&mut pool)?;
    let path = directory().join(FILE);
    if pool == before && path.exists() {
        return Ok(None);
    }
    let lines: Vec<_> = pool.claims().iter().map(line).collect();
    let text = lines.concat();
    store::replace(&path, text.as_bytes())?;
    Ok(persistent().and_then(|path| {
        let written = store::replace(&path, text.as_bytes()).and_then(|()| {
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.doing(|| format!("sync {}", path.display()))
        });
        written.err()
    }))
}

fn lock() -> Result<Flock<File>, Failure> {
    let path = directory().join(".lock");
    let named = || format!("lock {}", path.display());
    fs::create_dir_all(directory()).doing(named)?;
    let file = File::create(&path).doing(named)?;
    let locked = Flock::lock(file, FlockArg::LockExclusive);
    locked.map_err(|(_, errno)| errno).doing(named)
}

fn line(claim: &Claim) -> String {
    let Claim {
        user,
        wan,
        iaid,
        length,
        number,
    } = claim;
    let (kind, name) = match user {
        User::Link(name) => ("link", name),
        User::Name(name) => ("name", name),
    };
    format!("{kind} {name} {wan} {iaid} {length} {number}\n")
}

fn read(line: &str) -> Option<Claim> {
    let words: Vec<_> = line.split(' ').collect();
    let &[kind, name, wan, iaid, length, number] = words.as_slice() else {
        return None;
    };
    let user = match kind {
        "link" if is_interface_name(name) => User::Link(name.to_owned()),
        "name" if is_name(name) => User::Name(name.to_owned()),
        _ => return None,
    };
    Some(Claim {
        user,
        wan: Some(wan).filter(|wan| is_interface_name(wan))?.to_owned(),
        iaid: iaid.parse().ok()?,
        length: length.parse().ok()?,
        number: number.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_as_lines() {
        for user in [
            User::Link("lan0.5".to_owned()),
            User::Name("web-1".to_owned()),
        ] {
            let claim = Claim {
                user,
                wan: "wan".to_owned(),
                iaid: u32::MAX,
                length: 64,
                number: u64::MAX,
            };
            assert_eq!(read(line(&claim).trim_end()), Some(claim));
        }
        for bad in [
            "",
            "link a b 1 64",
            "link a b 1 64 1 1",
            "link a/b wan 1 64 1",
            "name a/b wan 1 64 1",
            "name a wan -1 64 1",
            "other a wan 1 64 1",
            "link a  1 64 1",
            "name a wan 1 300 1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(is_name("vm_1.example") && !is_name("a b") && !is_name("") && !is_name("a'b"));
    }
}
