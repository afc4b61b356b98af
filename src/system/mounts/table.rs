//! What is mounted: `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Invariant: a path is decoded once,
//! here, and bytes all along.

use crate::failure::{Doing, Failure};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number, and that of the mount it stands on.
    pub id: u32,
    /// The mount it stands on.
    pub parent: u32,
    /// Major and minor number of the filesystem's device.
    pub device: (u32, u32),
    /// The directory of the filesystem that is seen at the target; not `/` for bind mounts.
    pub root: Vec<u8>,
    /// Where it is mounted.
    pub target: Vec<u8>,
    /// The type: `ext4`, `tmpfs`.
    pub kind: Vec<u8>,
    /// What is mounted: a device, a tag, or any word.
    pub source: Vec<u8>,
    /// Options of this mount: `rw,nosuid`.
    pub options: Vec<u8>,
    /// Options of the filesystem: `rw,size=64k`.
    pub fs_options: Vec<u8>,
}

/// Everything that is mounted, what was mounted later after what it stands on.
/// Errors: `/proc` is not mounted.
pub fn read() -> Result<Vec<Mount>, Failure> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read(path).doing(|| format!("read {path}"));
    let text = text.map_err(|failure| failure.with_hint("mount it with 'mount proc'"))?;
    Ok(parse(&text))
}

/// The options of the mount at a path, which a remount keeps unless it is told otherwise; nothing where
/// they cannot be read.
pub fn options_at(target: &std::path::Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let Ok(target) = target.canonicalize() else {
        return Vec::new();
    };
    let is_there = |mount: &Mount| mount.target == target.as_os_str().as_bytes();
    let found = read()
        .ok()
        .and_then(|all| all.into_iter().rev().find(is_there));
    found.map(|mount| mount.options).unwrap_or_default()
}

/// Reads a mountinfo; a line that is not as it should be is skipped.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|&b| b == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&b| b == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let device = fields.next()?;
    let colon = device.iter().position(|&b| b == b':')?;
    let device = (number(&device[..colon])?, number(&device[colon + 1..])?);
    let root = decode(fields.next()?);
    let target = decode(fields.next()?);
    let options = fields.next()?.to_vec();
    // Any number of fields such as `shared:7` until the separator.
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    Some(Mount {
        id,
        parent,
        device,
        root,
        target,
        kind: decode(fields.next()?),
        source: decode(fields.next()?),
        options,
        fs_options: fields.next().unwrap_or_default().to_vec(),
    })
}

fn number(field: &[u8]) -> Option<u32> {
    str::from_utf8(field).ok()?.parse().ok()
}

/// Puts back what the kernel writes as `\040`: space, tab, newline, backslash and `#`.
pub fn decode(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                text.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = &after[3..];
            }
            _ => text.push(byte),
        }
    }
    text
}

impl Mount {
    /// `SOURCE on TARGET type TYPE (OPTIONS)`, as mount(8) lists. Control bytes are shown in octal.
    pub fn line(&self) -> Vec<u8> {
        let mut line = printable(&self.source);
        line.extend(b" on ");
        line.extend(printable(&self.target));
        line.extend(b" type ");
        line.extend(printable(&self.kind));
        line.extend(b" (");
        line.extend(self.all_options());
        line.push(b')');
        line
    }

    /// The options of mount and filesystem in one list, `ro` or `rw` first.
    pub fn all_options(&self) -> Vec<u8> {
        let words = |list: &'_ [u8]| -> Vec<Vec<u8>> {
            list.split(|&b| b == b',').map(<[u8]>::to_vec).collect()
        };
        let (mount, fs) = (words(&self.options), words(&self.fs_options));
        let is = |list: &[Vec<u8>], word: &[u8]| list.iter().any(|w| w == word);
        let read_only = is(&mount, b"ro") || is(&fs, b"ro");
        let mut all = vec![if read_only {
            b"ro".to_vec()
        } else {
            b"rw".to_vec()
        }];
        for word in mount.into_iter().chain(fs) {
            if !word.is_empty() && word != b"ro" && word != b"rw" && !all.contains(&word) {
                all.push(word);
            }
        }
        all.join(&b',')
    }
}

fn printable(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    for &byte in text {
        if byte < b' ' || byte == 0x7f {
            shown.extend(format!("\\{byte:03o}").into_bytes());
        } else {
            shown.push(byte);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = b"\
1 1 0:2 / / rw - rootfs rootfs rw\n\
22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n\
36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime master:1 propagate_from:2 - ext3 /dev/my\\040root ro,errors=continue\n\
40 1 0:30 / /tab\\011dir rw - tmpfs tmpfs rw,size=64k,noatime\n\
41 1 0:31 / /no-options rw - 9p host-code\n\
broken\n\n42 1 x:1 / / rw - a b c\n43 1 0:1 / /x rw shared:1\n";

    #[test]
    fn lines() {
        let all = parse(TEXT);
        assert_eq!(all.len(), 5);
        assert_eq!(all[2].target, b"/mnt 2\\x");
        assert_eq!(all[2].root, b"/mnt1");
        assert_eq!(all[2].device, (98, 0));
        let shown: Vec<_> = all
            .iter()
            .map(|m| String::from_utf8(m.line()).unwrap())
            .collect();
        assert_eq!(
            shown,
            [
                "rootfs on / type rootfs (rw)",
                "sysfs on /sys type sysfs (rw,nosuid,nodev,noexec,relatime)",
                "/dev/my root on /mnt 2\\x type ext3 (ro,noatime,errors=continue)",
                "tmpfs on /tab\\011dir type tmpfs (rw,size=64k,noatime)",
                "host-code on /no-options type 9p (rw)",
            ]
        );
    }

    #[test]
    fn escapes() {
        for (given, shown) in [
            ("a\\040b", "a b"),
            ("\\134040", "\\040"),
            ("a\\04", "a\\04"),
            ("\\777", "\\777"),
            ("\\", "\\"),
        ] {
            assert_eq!(decode(given.as_bytes()), shown.as_bytes(), "{given}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            for mount in parse(&text) {
                mount.line();
            }
        }

        #[test]
        fn any_target_comes_back(target in proptest::collection::vec(1..=255u8, 1..40)) {
            let mut line = b"1 2 3:4 / ".to_vec();
            for &byte in &target {
                if matches!(byte, b' ' | b'\t' | b'\n' | b'\\' | b'#') {
                    line.extend(format!("\\{byte:03o}").into_bytes());
                } else {
                    line.push(byte);
                }
            }
            line.extend(b" rw - tmpfs x rw");
            prop_assert_eq!(&parse(&line)[0].target, &target);
        }
    }
}
