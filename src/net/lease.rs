//! Leases as files: `$INITSH_RUN/leases/IF.PROTOCOL`, one `key=value` a line. Invariant: whatever a
//! value holds, it stays one line; a reader sees a whole lease or none.

use std::fmt::{Display, Write};
use std::path::PathBuf;

use crate::failure::Failure;
use crate::net::store;
use crate::paths;
use crate::sort;

pub mod shown;
pub mod times;

/// The kinds of leases, in the order in which their keys count.
pub const KINDS: [&str; 5] = ["dhcp4", "slaac", "dhcp6", "pd", "ra"];
/// What follows a kind in the name of the record that says why there is no lease.
pub const STATE: &str = ".state";
/// What follows a kind in the name of the record of its counters.
pub const STATS: &str = ".stats";

/// Keys with their values, in the order in which they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record(Vec<(String, String)>);

impl Record {
    /// Sets a key's value.
    pub fn set(&mut self, key: &str, value: impl Display) {
        self.put(key, value.to_string());
    }

    fn put(&mut self, key: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Sets it where there is a value.
    pub fn set_some(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Sets it to the values with spaces between them, where there are any.
    pub fn set_list(&mut self, key: &str, values: &[impl Display]) {
        let words: Vec<_> = values.iter().map(ToString::to_string).collect();
        if !words.is_empty() {
            self.put(key, words.join(" "));
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The text of the file. Control characters and the backslash become `\xNN`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.0 {
            text.push_str(key);
            text.push('=');
            text.push_str(&escape(value));
            text.push('\n');
        }
        text
    }

    /// Reads the text of a file; lines without `=` are passed over.
    pub fn parse(text: &str) -> Self {
        let mut record = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            record.put(key, unescape(value));
        }
        record
    }
}

/// A value as a file or a terminal may have it: control characters and the backslash become `\xNN`.
pub fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() || c == '\\' {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{:02x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

fn unescape(value: &str) -> String {
    let mut parts = value.split("\\x");
    let mut text = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[2..]);
            }
            None => text.push_str(part),
        }
    }
    text
}

/// Whether a text can name an interface: dev_valid_name() of the kernel, and no control characters.
pub fn is_interface_name(name: &str) -> bool {
    (1..16).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control())
}

/// Where the record of an interface is kept. `kind` is `dhcp4`, or `dhcp4.state` for what the client is
/// doing while it has no lease.
pub fn path(interface: &str, kind: &str) -> PathBuf {
    paths::run_dir()
        .join("leases")
        .join(format!("{interface}.{kind}"))
}

/// Keeps a record. Errors: the file cannot be written.
pub fn save(interface: &str, kind: &str, record: &Record) -> Result<(), Failure> {
    store::replace(&path(interface, kind), record.text().as_bytes())
}

/// The record of an interface, if there is one.
pub fn load(interface: &str, kind: &str) -> Option<Record> {
    if !is_interface_name(interface) {
        return None;
    }
    let text = std::fs::read(path(interface, kind)).ok()?;
    Some(Record::parse(&String::from_utf8_lossy(&text)))
}

/// A record as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The interface.
    pub interface: String,
    /// The kind: `dhcp4`, without [`STATE`] or [`STATS`].
    pub kind: &'static str,
    /// What it says.
    pub record: Record,
}

/// Every record whose name ends in `suffix` after its kind ([`STATE`], [`STATS`], or nothing for the leases
/// themselves), by interface, then in the order of [`KINDS`]. None where the directory cannot be read.
pub fn all(suffix: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(paths::run_dir().join("leases"));
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let split = name.to_str().and_then(|name| split(name, suffix));
        let Some((interface, kind)) = split else {
            continue;
        };
        if let Some(record) = load(interface, &format!("{kind}{suffix}")) {
            found.push(Found {
                interface: interface.to_owned(),
                kind,
                record,
            });
        }
    }
    let place = |kind| KINDS.iter().position(|known| *known == kind);
    sort::sort_by(&mut found, |a, b| {
        let names = a.interface.cmp(&b.interface);
        names.then(place(a.kind).cmp(&place(b.kind)))
    });
    found
}

/// Interface and kind of a file's name; interfaces may have dots in theirs.
fn split<'a>(name: &'a str, suffix: &str) -> Option<(&'a str, &'static str)> {
    let (interface, kind) = name.strip_suffix(suffix)?.rsplit_once('.')?;
    let kind = KINDS.iter().find(|known| **known == kind)?;
    is_interface_name(interface).then_some((interface, *kind))
}

/// Removes a record. Errors: the file cannot be removed.
pub fn remove(interface: &str, kind: &str) -> Result<(), Failure> {
    store::remove(&path(interface, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_one_line_and_come_back() {
        let mut record = Record::default();
        record.set("a", "x\ny=z\0\u{1b}[31m \\x41 'q' $(id) é\u{9b}");
        record.set("b", 5);
        record.set_list("c", &["1", "2"]);
        let text = record.text();
        assert_eq!(text.lines().count(), 3);
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert_eq!(Record::parse(&text), record);
    }

    #[test]
    fn bad_escapes_do_no_harm() {
        for text in [
            "a=\\x",
            "a=\\xé",
            "a=\\x4",
            "a=\\xzz\\x41",
            "=",
            "a",
            "\\x=\\x",
        ] {
            Record::parse(text);
        }
        assert_eq!(Record::parse("a=\\xzz\\x41").get("a"), Some("zzA"));
    }

    #[test]
    fn names_of_files() {
        assert_eq!(split("eth0.dhcp4", ""), Some(("eth0", "dhcp4")));
        assert_eq!(split("eth0.100.slaac", ""), Some(("eth0.100", "slaac")));
        assert_eq!(split("eth0.dhcp4.state", STATE), Some(("eth0", "dhcp4")));
        assert_eq!(split("eth0.dhcp4.state", ""), None);
        assert_eq!(split("eth0.dhcp4", STATS), None);
        assert_eq!(split(".eth0.dhcp4.77", ""), None);
        assert_eq!(split("..dhcp4", ""), None);
    }

    #[test]
    fn names_of_interfaces() {
        for good in ["eth0", "eth0.100", "br-lan", "a", "123456789012345"] {
            assert!(is_interface_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a\nb",
            "1234567890123456",
            "eth0:1",
        ] {
            assert!(!is_interface_name(bad), "{bad:?}");
        }
    }
}
