//! `resolv.conf` from all sources: each keeps its part in `$INITSH_RUN/resolv/`, and every change merges
//! them ([`merge`]) into `$INITSH_ETC/resolv.conf`, or into `$INITSH_RUN/resolv/resolv.conf` where
//! [`prepare`] has made that a link to it. Invariant: only addresses printed from their parsed form and
//! names of letters, digits, `-`, `.` and `_` are ever written.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::failure::{Doing, Failure};
use crate::net::store;
use crate::paths;
use crate::sort;

mod merge;

/// The merged file's name, in both places.
const MERGED: &str = "resolv.conf";

/// What one source knows about DNS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Metric of the source's routes: the sources with the smallest are asked first.
    pub metric: u32,
    /// Name servers, best first. Link-local ones are asked on the source's own interface.
    pub servers: Vec<IpAddr>,
    /// Domains to search.
    pub search: Vec<String>,
}

/// The name as text if it is one: labels of 1–63 letters, digits, `-` or `_`, 253 bytes at most. A final
/// dot is left out.
pub fn domain_name(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let labels = || name.split(|&byte| byte == b'.');
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let good = labels().all(|label| (1..64).contains(&label.len()) && label.iter().all(is_letter));
    if name.len() > 253 || !good {
        return None;
    }
    String::from_utf8(name.to_vec()).ok()
}

/// Makes `$INITSH_ETC/resolv.conf` a link to a file of ours, so that a client can give up writing anywhere
/// else: called once by a client that stays, before it does. What the file says so far it goes on saying
/// until a source knows something. Returns what [`publish`] must still be able to write: the directory of
/// the parts, and the file itself where it cannot be replaced because something is mounted on it.
///
/// Errors: as of the system calls, naming the path.
pub fn prepare() -> Result<Vec<PathBuf>, Failure> {
    let mut writable = vec![directory()];
    let _lock = lock()?;
    let (kept, public) = (kept(), public());
    if is_linked(&public) {
        return Ok(writable);
    }
    if let Some(etc) = public.parent() {
        fs::create_dir_all(etc).doing(|| format!("create directory {}", etc.display()))?;
    }
    store::replace(&kept, &fs::read(&public).unwrap_or_default())?;
    match store::link(&kept, &public) {
        Ok(()) => {}
        // Mounted on, alone or with a directory that is read-only: it may be writable all the same.
        Err(failure) => match failure.cause() {
            Some(Errno::EBUSY | Errno::EACCES | Errno::EROFS) => {
                store::remove(&kept)?;
                writable.push(public);
            }
            _ => return Err(failure),
        },
    }
    Ok(writable)
}

/// Keeps a source's part (`eth0.dhcp4`) and writes the merged file; one that knows nothing is forgotten.
/// Errors: a file cannot be written.
pub fn publish(source: &str, dns: &Dns) -> Result<(), Failure> {
    if dns.servers.is_empty() && dns.search.is_empty() {
        return withdraw(source);
    }
    let _lock = lock()?;
    store::replace(&directory().join(source), merge::part(dns).as_bytes())?;
    write_merged()
}

/// Forgets a source and writes the merged file, if it was known at all.
pub fn withdraw(source: &str) -> Result<(), Failure> {
    let part = directory().join(source);
    if !part.exists() {
        return Ok(());
    }
    let _lock = lock()?;
    store::remove(&part)?;
    write_merged()
}

fn directory() -> PathBuf {
    paths::run_dir().join("resolv")
}

/// Absolute, as a link to it must be.
fn kept() -> PathBuf {
    let path = directory().join(MERGED);
    std::path::absolute(&path).unwrap_or(path)
}

fn public() -> PathBuf {
    paths::etc_dir().join(MERGED)
}

/// Whether it is the link that [`prepare`] makes.
fn is_linked(public: &Path) -> bool {
    fs::read_link(public).is_ok_and(|target| target == kept())
}

/// One writer at a time: clients of several interfaces bind at the same moment.
fn lock() -> Result<Flock<File>, Failure> {
    let path = directory().join(".lock");
    let named = || format!("lock {}", path.display());
    fs::create_dir_all(directory()).doing(named)?;
    let file = File::create(&path).doing(named)?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .doing(named)
}

/// What all sources know that hosts behind this machine can use, too: name servers with a global IPv6
/// address, and domains.
pub fn known6() -> (Vec<Ipv6Addr>, Vec<String>) {
    let (mut servers, mut search) = (Vec::new(), Vec::new());
    for (_, text) in parts().unwrap_or_default() {
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => servers.extend(
                    words
                        .filter_map(|word| {
                            let ip: Ipv6Addr = word.parse().ok()?;
                            let near =
                                ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast();
                            (!near && !ip.is_unspecified() && !servers.contains(&ip)).then_some(ip)
                        })
                        .collect::<Vec<_>>(),
                ),
                Some("search") => search.extend(
                    words
                        .filter_map(|word| domain_name(word.as_bytes()))
                        .filter(|name| !search.contains(name))
                        .collect::<Vec<_>>(),
                ),
                _ => {}
            }
        }
    }
    (servers, search)
}

fn write_merged() -> Result<(), Failure> {
    let public = public();
    let path = if is_linked(&public) { kept() } else { public };
    store::replace(&path, merge::merge(&parts()?).as_bytes())
}

/// The part of every source, by name.
fn parts() -> Result<Vec<(String, String)>, Failure> {
    let entries = fs::read_dir(directory()).doing(|| "read the sources of resolv.conf")?;
    let mut parts = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != MERGED {
            let text = fs::read(entry.path()).unwrap_or_default();
            parts.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    sort::sort(&mut parts);
    Ok(parts)
}

#[cfg(test)]
mod tests;
