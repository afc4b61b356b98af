//! `resolv.conf` from all sources: each keeps its part in `$INITSH_RUN/resolv/`, and every change merges
//! them into `$INITSH_ETC/resolv.conf`. Invariant: only addresses printed from their parsed form and
//! names of letters, digits, `-`, `.` and `_` are ever written.

use std::fmt::Write;
use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};

use crate::failure::{Doing, Failure};
use crate::net::store;
use crate::paths;
use crate::sort;

/// glibc and musl read no more of them (MAXNS).
const MAX_SERVERS: usize = 3;
/// Older resolvers read no more of them: resolv.conf(5).
const MAX_SEARCH: usize = 6;

/// What one source knows about DNS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Name servers, best first.
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

/// Keeps a source's part (`eth0.dhcp4`) and writes the merged file. Errors: a file cannot be written.
pub fn publish(source: &str, dns: &Dns) -> Result<(), Failure> {
    let _lock = lock()?;
    store::replace(&directory().join(source), dns.text().as_bytes())?;
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

impl Dns {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for server in self.servers.iter().take(MAX_SERVERS) {
            let _ = writeln!(text, "nameserver {server}");
        }
        let search: Vec<_> = self.search.iter().take(MAX_SEARCH).cloned().collect();
        if !search.is_empty() {
            let _ = writeln!(text, "search {}", search.join(" "));
        }
        text
    }

    /// Adds what another source knows; what is not an address or a name is left out.
    fn merge(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => words
                    .filter_map(|word| word.parse().ok())
                    .for_each(|server| add(&mut self.servers, server)),
                Some("search") => words
                    .filter_map(|word| domain_name(word.as_bytes()))
                    .for_each(|domain| add(&mut self.search, domain)),
                _ => {}
            }
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn directory() -> PathBuf {
    paths::run_dir().join("resolv")
}

/// One writer at a time: clients of several interfaces bind at the same moment.
fn lock() -> Result<Flock<File>, Failure> {
    let path = directory().join(".lock");
    let named = || format!("lock {}", path.display());
    std::fs::create_dir_all(directory()).doing(named)?;
    let file = File::create(&path).doing(named)?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .doing(named)
}

fn write_merged() -> Result<(), Failure> {
    let (mut merged, mut sources) = (Dns::default(), Vec::new());
    let entries = std::fs::read_dir(directory()).doing(|| "read the sources of resolv.conf")?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            sources.push(name);
        }
    }
    sort::sort(&mut sources);
    for source in &sources {
        let text = std::fs::read(directory().join(source)).unwrap_or_default();
        merged.merge(&String::from_utf8_lossy(&text));
    }
    let text = format!(
        "# Written by initsh from: {}\n{}",
        sources.join(" "),
        merged.text()
    );
    store::replace(&paths::etc_dir().join("resolv.conf"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("example.org", Some("example.org")),
            ("example.org.", Some("example.org")),
            ("_a-b.C9", Some("_a-b.C9")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("a b", None),
            ("a\nnameserver 6.6.6.6", None),
            ("$(reboot)", None),
            ("a'b", None),
            ("caf\u{e9}", None),
            ("a\0", None),
        ] {
            assert_eq!(
                domain_name(name.as_bytes()).as_deref(),
                expected,
                "{name:?}"
            );
        }
        assert!(domain_name(&[b'a'; 64]).is_none());
        assert!(
            domain_name("a.".repeat(127).as_bytes()).is_none()
                == ("a.".repeat(127).len() - 1 > 253)
        );
        assert!(domain_name("a.".repeat(200).as_bytes()).is_none());
    }

    #[test]
    fn merges_without_doubles_and_without_what_it_does_not_know() {
        let mut merged = Dns::default();
        merged.merge("nameserver 10.0.0.1\nsearch a.example b.example\n");
        merged.merge("nameserver 10.0.0.1\nnameserver fd00::1\noptions rotate\nnameserver x\nsearch b.example c;d\n");
        assert_eq!(
            merged.text(),
            "nameserver 10.0.0.1\nnameserver fd00::1\nsearch a.example b.example\n"
        );
    }
}
