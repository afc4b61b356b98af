//! What `ls` shows of a file, and dates. Invariant: the clock's zone is UTC; a VM has no other.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::failure::{Doing, Failure};
use crate::sort;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name as it is listed.
    pub name: OsString,
    /// Kind and permissions (st_mode); 0 where it could not be looked at.
    pub mode: u32,
    /// Hard links.
    pub links: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes; for devices major and minor number are in `device`.
    pub size: u64,
    /// Number of the device that a node stands for.
    pub device: u64,
    /// Last change, seconds since 1970.
    pub modified: i64,
    /// Where a symbolic link points to.
    pub link: Option<OsString>,
}

impl Entry {
    /// Looks at a path, not through a symbolic link.
    pub fn of(path: &Path, name: &OsStr) -> Result<Self, Failure> {
        let meta =
            std::fs::symlink_metadata(path).doing(|| format!("look at {}", path.display()))?;
        let link = meta
            .is_symlink()
            .then(|| std::fs::read_link(path).ok())
            .flatten();
        Ok(Self {
            name: name.to_owned(),
            mode: meta.mode(),
            links: meta.nlink(),
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.size(),
            device: meta.rdev(),
            modified: meta.mtime(),
            link: link.map(Into::into),
        })
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Whether it is a device node.
    pub fn is_device(&self) -> bool {
        matches!(self.mode & libc::S_IFMT, libc::S_IFCHR | libc::S_IFBLK)
    }
}

/// What is in a directory, by name in the order of bytes; names with a leading dot only where `hidden`.
pub fn directory(path: &Path, hidden: bool) -> Result<Vec<Entry>, Failure> {
    let what = || format!("list {}", path.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).doing(what)? {
        let name = entry.doing(what)?.file_name();
        if hidden || !name.as_encoded_bytes().starts_with(b".") {
            // What was removed meanwhile is left out.
            entries.extend(Entry::of(&path.join(&name), &name));
        }
    }
    sort::sort_by(&mut entries, |a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// `drwxr-xr-x`
pub fn permissions(mode: u32) -> String {
    let kind = match mode & libc::S_IFMT {
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, set, unset) in [
        (6, 0o4000, 's', 'S'),
        (3, 0o2000, 's', 'S'),
        (0, 0o1000, 't', 'T'),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Bytes as people read them: `532`, `1.5K`, `23M`. At most four digits and a unit.
pub fn human(bytes: u64) -> String {
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = 0;
    while tenths >= 10_240 && unit < 6 {
        tenths = tenths.div_ceil(1024);
        unit += 1;
    }
    match ["", "K", "M", "G", "T", "P", "E"][unit] {
        "" => bytes.to_string(),
        name if tenths < 100 => format!("{}.{}{name}", tenths / 10, tenths % 10),
        name => format!("{}{name}", tenths.div_ceil(10)),
    }
}

/// `2026-01-31 23:59` in UTC.
pub fn date(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60
    )
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Counts in eras of
/// 400 years that begin on 1 March, so that the leap day is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_era = days.saturating_add(719_468);
    let era = from_era.div_euclid(146_097);
    let day = from_era.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let day = day - (153 * shifted + 2) / 5 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (mode, text) in [
            (0o040_755, "drwxr-xr-x"),
            (0o100_644, "-rw-r--r--"),
            (0o041_777, "drwxrwxrwt"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_640, "-rw-r-S---"),
            (0o120_777, "lrwxrwxrwx"),
            (0o020_620, "crw--w----"),
        ] {
            assert_eq!(permissions(mode), text);
        }
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (10_240, "10K"),
            (1 << 20, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (951_825_599, "2000-02-29 11:59"),
            (1_709_251_199, "2024-02-29 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (-1, "1969-12-31 23:59"),
        ] {
            assert_eq!(date(seconds), text);
        }
        date(i64::MAX);
        date(i64::MIN);
    }
}
