//! The words of `mount -o` (mount(8)): flags of mount(2) by name; every other word goes to the
//! filesystem as it is.

use nix::mount::MsFlags;

/// What a list of options comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Flags of mount(2), without those of propagation.
    pub flags: MsFlags,
    /// MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE (perhaps with MS_REC): set by a call of its own.
    pub propagation: MsFlags,
    /// What the filesystem itself is told: `size=1m,mode=0755`.
    pub data: Vec<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flags: MsFlags::empty(),
            propagation: MsFlags::empty(),
            data: Vec::new(),
        }
    }
}

/// linux/mount.h; libc and nix 0.31 do not know it.
const NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(0x100);
const REC_BIND: MsFlags = MsFlags::MS_BIND.union(MsFlags::MS_REC);

/// Words that set flags.
const SET: &[(&str, MsFlags)] = &[
    ("ro", MsFlags::MS_RDONLY),
    ("nosuid", MsFlags::MS_NOSUID),
    ("nodev", MsFlags::MS_NODEV),
    ("noexec", MsFlags::MS_NOEXEC),
    ("sync", MsFlags::MS_SYNCHRONOUS),
    ("dirsync", MsFlags::MS_DIRSYNC),
    ("remount", MsFlags::MS_REMOUNT),
    ("bind", MsFlags::MS_BIND),
    ("rbind", REC_BIND),
    ("move", MsFlags::MS_MOVE),
    ("mand", MsFlags::MS_MANDLOCK),
    ("noatime", MsFlags::MS_NOATIME),
    ("nodiratime", MsFlags::MS_NODIRATIME),
    ("relatime", MsFlags::MS_RELATIME),
    ("strictatime", MsFlags::MS_STRICTATIME),
    ("lazytime", MsFlags::MS_LAZYTIME),
    ("silent", MsFlags::MS_SILENT),
    ("iversion", MsFlags::MS_I_VERSION),
    ("nosymfollow", NOSYMFOLLOW),
];

/// Words that take flags back.
const CLEAR: &[(&str, MsFlags)] = &[
    ("rw", MsFlags::MS_RDONLY),
    ("suid", MsFlags::MS_NOSUID),
    ("dev", MsFlags::MS_NODEV),
    ("exec", MsFlags::MS_NOEXEC),
    ("async", MsFlags::MS_SYNCHRONOUS),
    ("nomand", MsFlags::MS_MANDLOCK),
    ("atime", MsFlags::MS_NOATIME),
    ("diratime", MsFlags::MS_NODIRATIME),
    ("norelatime", MsFlags::MS_RELATIME),
    ("nostrictatime", MsFlags::MS_STRICTATIME),
    ("nolazytime", MsFlags::MS_LAZYTIME),
    ("loud", MsFlags::MS_SILENT),
    ("noiversion", MsFlags::MS_I_VERSION),
    ("symfollow", NOSYMFOLLOW),
];

const PROPAGATION: &[(&str, MsFlags)] = &[
    ("shared", MsFlags::MS_SHARED),
    ("private", MsFlags::MS_PRIVATE),
    ("slave", MsFlags::MS_SLAVE),
    ("unbindable", MsFlags::MS_UNBINDABLE),
    ("rshared", MsFlags::MS_SHARED.union(MsFlags::MS_REC)),
    ("rprivate", MsFlags::MS_PRIVATE.union(MsFlags::MS_REC)),
    ("rslave", MsFlags::MS_SLAVE.union(MsFlags::MS_REC)),
    ("runbindable", MsFlags::MS_UNBINDABLE.union(MsFlags::MS_REC)),
];

/// Words of fstab(5) that say nothing to the kernel.
const FSTAB: &[&str] = &["defaults", "auto", "noauto", "nofail", "nouser", "_netdev"];

impl Options {
    /// Adds a list such as `ro,noatime,size=1m`; what comes later counts.
    pub fn add(&mut self, list: &[u8]) {
        for word in list.split(|&b| b == b',').filter(|word| !word.is_empty()) {
            self.add_word(word);
        }
    }

    fn add_word(&mut self, word: &[u8]) {
        let find = |table: &[(&str, MsFlags)]| {
            let found = table.iter().find(|(name, _)| name.as_bytes() == word);
            found.map(|(_, flags)| *flags)
        };
        let is_comment = word.starts_with(b"x-") || word.starts_with(b"X-");
        if let Some(flags) = find(SET) {
            self.flags |= flags;
        } else if let Some(flags) = find(CLEAR) {
            self.flags -= flags;
        } else if let Some(flags) = find(PROPAGATION) {
            self.propagation = flags;
        } else if !is_comment && !FSTAB.iter().any(|name| name.as_bytes() == word) {
            if !self.data.is_empty() {
                self.data.push(b',');
            }
            self.data.extend_from_slice(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &str) -> Options {
        let mut options = Options::default();
        options.add(list.as_bytes());
        options
    }

    #[test]
    fn flags_and_data() {
        let options = of("ro,nosuid,size=1m,,noatime,mode=0755,defaults,x-systemd.automount");
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOATIME;
        assert_eq!(options.flags, flags);
        assert_eq!(options.data, b"size=1m,mode=0755");
        assert_eq!(of("ro,rw,noexec,exec").flags, MsFlags::empty());
        assert_eq!(of("rbind").flags, MsFlags::MS_BIND | MsFlags::MS_REC);
        assert_eq!(
            of("rslave").propagation,
            MsFlags::MS_SLAVE | MsFlags::MS_REC
        );
        assert_eq!(of("rslave").flags, MsFlags::empty());
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<_> = [SET, CLEAR, PROPAGATION]
            .concat()
            .iter()
            .map(|w| w.0)
            .collect();
        words.extend(FSTAB);
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
